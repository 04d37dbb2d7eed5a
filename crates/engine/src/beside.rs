//! Two pieces of work at the same time.

use std::panic::resume_unwind;
use std::thread::scope;

/// Does both, the second in a thread of its own rather than in rayon's: what a shopper waits for is not to stand behind a training or an
/// import there. A thread costs some 30 µs, so both should take longer than that. A panic in either is a panic here.
pub(crate) fn beside<A, B: Send>(first: impl FnOnce() -> A, second: impl FnOnce() -> B + Send) -> (A, B) {
    scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        (first, second.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}
