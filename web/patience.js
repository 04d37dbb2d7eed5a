// Asking again where the server is busy for a moment only.

/** How often a request is sent again, and the longest that the server may ask to wait. */
const RETRIES = 2;
const LONGEST_WAIT_S = 4;

/** The answer to what `send` sends; while that is 503 with a short Retry-After, it is sent again then. Throws when `signal` aborts. */
export async function patiently(send, signal) {
  let answer = await send();
  for (let again = 0; answer.status === 503 && answer.headers.has("retry-after") && again < RETRIES; again++) {
    const seconds = Number(answer.headers.get("retry-after"));
    if (!(seconds <= LONGEST_WAIT_S)) break;
    await new Promise((done) => setTimeout(done, (seconds + Math.random() / 2) * 1000));
    signal?.throwIfAborted();
    answer = await send();
  }
  return answer;
}
