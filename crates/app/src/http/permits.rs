//! Permits: work starts with one, or not at all.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Bodies that may be on their way in, for each permit of work: they cost memory, not time.
const BODIES_PER_PERMIT: usize = 2;
/// Short reads (a product, a job) that may be at work at once.
const READS: usize = 64;
/// Reads and thumbnails that may wait.
const WAITING: usize = 512;
/// How long they wait at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Photos turned away for each that is let in, from which on none waits for a core: the next to come is there as soon as one is free.
const CROWD: f32 = 1.5;
/// How much of what is known of the crowd is what the last photo says.
const LATEST: f32 = 0.125;

/// All permits.
#[derive(Debug)]
pub struct Permits {
    all: usize,
    crowd: Mutex<Crowd>,
    work: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    thumbnails: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The right to work; given back when dropped.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "it is held, not looked at")] OwnedSemaphorePermit);

/// The right to look at a photo; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    /// The right to work.
    pub work: Permit,
    /// A core, where there was no waiting for one.
    pub core: Option<Permit>,
}

/// How many photos are turned away.
#[derive(Debug, Default)]
struct Crowd {
    /// Since one was let in.
    turned_away: u16,
    /// For each that was let in, of late.
    of_late: f32,
}

impl Crowd {
    fn let_in(&mut self) {
        self.of_late += (f32::from(self.turned_away) - self.of_late) * LATEST;
        self.turned_away = 0;
    }

    fn turn_away(&mut self) {
        self.turned_away = self.turned_away.saturating_add(1);
    }
}

impl Permits {
    /// As many as the settings say, on a machine of so many cores.
    pub fn new(permits: usize, cores: usize) -> Self {
        let of = |count| Arc::new(Semaphore::new(count));
        Self {
            all: permits,
            crowd: Mutex::default(),
            work: of(permits),
            cores: of(cores),
            bodies: of(permits * BODIES_PER_PERMIT),
            reads: of(READS),
            thumbnails: of(permits),
            waiting: of(WAITING),
        }
    }

    /// For a search or a write: now, or 503.
    ///
    /// # Errors
    /// 503 when all are taken.
    pub fn work(&self) -> Result<Permit, Problem> {
        take(&self.work)
    }

    /// For a photo: now, or 503. A place to wait for a core bridges the moments between two photos; under a crowd there are none, and whoever
    /// waited would only be answered later (controlled delay; Nichols & Jacobson 2012).
    ///
    /// # Errors
    /// 503 when all permits are taken, or under a crowd all cores.
    pub fn photo(&self) -> Result<Turn, Problem> {
        let mut crowd = self.crowd.lock();
        let turn = take(&self.work).and_then(|work| match take(&self.cores) {
            Ok(core) => Ok(Turn { work, core: Some(core) }),
            Err(_) if crowd.of_late < CROWD => Ok(Turn { work, core: None }),
            Err(busy) => Err(busy),
        });
        match &turn {
            Ok(_) => crowd.let_in(),
            Err(_) => crowd.turn_away(),
        }
        turn
    }

    /// A core, for a photo that has its permit: in the order in which they came. Photos that share a core are all as late as the last
    /// of them; those that take turns are not, and the last is no later.
    ///
    /// # Errors
    /// Never while the server runs.
    pub async fn core(&self) -> Result<Permit, Problem> {
        in_turn(&self.cores).await
    }

    /// For work that is part of a stream that has begun: as soon as one is free.
    ///
    /// # Errors
    /// Never while the server runs.
    pub async fn work_in_turn(&self) -> Result<Permit, Problem> {
        in_turn(&self.work).await
    }

    /// For a body that will be held in memory: now, or 503.
    ///
    /// # Errors
    /// 503 when all are taken.
    pub fn body(&self) -> Result<Permit, Problem> {
        take(&self.bodies)
    }

    /// For a short read: soon, or 503.
    ///
    /// # Errors
    /// 503 when too many wait, or it took too long.
    pub async fn read(&self) -> Result<Permit, Problem> {
        self.soon(&self.reads).await
    }

    /// For a thumbnail, which a page asks for by the dozen: soon, or 503.
    ///
    /// # Errors
    /// 503 when too many wait, or it took too long.
    pub async fn thumbnail(&self) -> Result<Permit, Problem> {
        self.soon(&self.thumbnails).await
    }

    async fn soon(&self, of: &Arc<Semaphore>) -> Result<Permit, Problem> {
        let _place = take(&self.waiting)?;
        tokio::time::timeout(PATIENCE, in_turn(of)).await.unwrap_or_else(|_| Err(Problem::busy()))
    }

    /// How many there are for searches and writes, and how many are free.
    pub fn count(&self) -> (usize, usize) {
        (self.all, self.work.available_permits())
    }
}

async fn in_turn(of: &Arc<Semaphore>) -> Result<Permit, Problem> {
    Arc::clone(of).acquire_owned().await.map(Permit).map_err(|_| Problem::busy())
}

fn take(of: &Arc<Semaphore>) -> Result<Permit, Problem> {
    Arc::clone(of).try_acquire_owned().map(Permit).map_err(|_| Problem::busy())
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn work_is_refused_at_once_when_all_permits_are_taken() {
        let permits = Permits::new(1, 1);
        let held = permits.work().unwrap();
        assert_eq!(permits.work().unwrap_err().status().as_u16(), 503);
        assert_eq!(permits.count(), (1, 0));
        drop(held);
        assert!(permits.work().is_ok());
    }

    #[tokio::test]
    async fn under_a_crowd_nobody_waits_for_a_core() {
        let permits = Permits::new(3, 2);
        let full = || (0..3).map(|_| permits.photo()).collect::<Result<Vec<_>, _>>();
        let held = full().unwrap();
        assert_eq!(held.iter().filter(|turn| turn.core.is_none()).count(), 1);
        for _ in 0..100 {
            assert_eq!(permits.photo().unwrap_err().status().as_u16(), 503);
        }
        drop(held);
        // A hundred were turned away for one that comes now: it and the next get a core, and nobody waits.
        let (first, second) = (permits.photo().unwrap(), permits.photo().unwrap());
        assert!(first.core.is_some() && second.core.is_some());
        assert!(permits.photo().is_err() && permits.count() == (3, 1));
        drop(first);
        // When nobody is turned away any more, there is a place to wait again.
        for _ in 0..50 {
            permits.photo().unwrap();
        }
        drop(second);
        assert!(full().is_ok());
    }

    #[tokio::test]
    async fn who_has_a_permit_waits_for_a_core_in_turn() {
        let permits = Permits::new(3, 1);
        let computing = permits.core().await.unwrap();
        let (mut second, mut third) = (pin!(permits.core()), pin!(permits.core()));
        let mut context = Context::from_waker(Waker::noop());
        let mut still_waits = |core: Pin<&mut dyn Future<Output = _>>| core.poll(&mut context).is_pending();
        assert!(still_waits(second.as_mut()) && still_waits(third.as_mut()));
        drop(computing);
        assert!(still_waits(third.as_mut()), "the second came before");
        let second = second.await.unwrap();
        assert!(still_waits(third.as_mut()));
        drop(second);
        assert!(third.await.is_ok());
    }
}
