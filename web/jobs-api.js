// Jobs of docs/api.md, in the shape that the pages draw.

import { call } from "./api.js";

const PATIENCE = 5; // answers that may be missing before a page gives up

/** One job. */
export const job = (id, signal) => call(`/v1/jobs/${encodeURIComponent(id)}`, { signal }).then((body) => jobOf(body.job ?? body));

/** All jobs, latest first. */
export const jobs = (signal) => call("/v1/jobs", { signal }).then((body) => (body.jobs ?? []).map(jobOf));

/** Stops a job, or lets it go on: `what` is `cancel` or `resume`. */
export const tell = (id, what) => call(`/v1/jobs/${encodeURIComponent(id)}/${what}`, { method: "POST" });

/** Whether a job is at work or waits for its turn. */
export const runs = (job) => job.state === "running" || job.state === "queued";

/** Looks at a job, and again every `pause` ms until it rests. `seen(job)` hears of each look; it ends the looking by `false`. The last that was seen. */
export async function follow(id, pause, seen) {
  let patience = PATIENCE;
  for (;;) {
    let now = null;
    try {
      now = await job(id);
      patience = PATIENCE;
    } catch (problem) {
      patience -= 1;
      if (patience === 0 || problem.status === 404) throw problem;
    }
    if (now && ((await seen(now)) === false || !runs(now))) return now;
    await new Promise((done) => setTimeout(done, pause));
  }
}

/** A job as the pages draw it, of one as the server tells it. */
export function jobOf(body) {
  return {
    id: String(body.id),
    kind: body.kind ?? "",
    name: body.name ?? body.feed ?? body.kind ?? String(body.id),
    catalogue: body.catalogue ?? "default",
    state: body.state ?? "running",
    total: body.total ?? null,
    done: body.done ?? 0, // all rows that were handled, failed ones too
    created: body.created ?? 0,
    updated: body.updated ?? 0,
    skipped: body.skipped ?? 0,
    removed: body.removed ?? 0,
    failed: body.failed ?? 0,
    warnings: body.warnings ?? 0,
    perSecond: body.per_second ?? null,
    secondsLeft: body.seconds_left ?? null,
    message: body.message ?? "",
    doing: body.doing ?? "", // what a training or promotion is at
    startedAt: body.started_at ?? body.created_at ?? null,
  };
}
