// Imports of docs/api.md, in the shape that the import page draws.

import { call } from "./api.js";
import { jobOf } from "./jobs-api.js";

const home = (catalogue) => `/v1/catalogues/${encodeURIComponent(catalogue)}/imports`;

/** What to send for a feed: a file as it is, or an address. */
function request(feed, options, signal) {
  const query = new URLSearchParams();
  if (options.dryRun) query.set("dry_run", "true");
  if (options.sync) query.set("sync", "true");
  if (options.dialect && options.dialect !== "auto") query.set("dialect", options.dialect);
  if (feed.file) query.set("name", feed.file.name);
  const path = `${home(options.catalogue)}${query.size ? `?${query}` : ""}`;
  if (feed.file) return [path, { method: "POST", headers: { "content-type": feed.file.type || "application/octet-stream" }, body: feed.file, signal, timeout: 0 }];
  return [path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ url: feed.url }), signal, timeout: 0 }];
}

/**
 * Reads the feed without changing anything: `{dialect, products, newProducts, images, newImages, unused, problems, problemCount, seconds, disk,
 * memory, fits, why}`.
 */
export async function look(feed, options, signal) {
  const body = await call(...request(feed, { ...options, dryRun: true }, signal));
  const report = body.report ?? body;
  const problems = report.problems ?? [];
  return {
    dialect: report.dialect ?? null,
    products: report.products ?? null,
    newProducts: report.new_products ?? null,
    images: report.distinct_images ?? report.images ?? null,
    newImages: report.new_images ?? null,
    unused: report.unknown_columns ?? [],
    problems,
    problemCount: report.problem_count ?? report.problems_total ?? problems.length,
    seconds: report.seconds ?? null,
    disk: report.disk_bytes ?? null,
    memory: report.memory_bytes ?? null,
    fits: report.fits !== false,
    why: report.why ?? "",
  };
}

/** Starts the import; the job. */
export const start = (feed, options, signal) => call(...request(feed, options, signal)).then((body) => jobOf(body.job ?? body));

/** A part of the ledger: `{items: [{line, id, reason, hint, warning}], total}`. */
export async function errors(id, limit, offset = 0, signal = undefined) {
  const body = await call(`/v1/jobs/${encodeURIComponent(id)}/errors?limit=${limit}&offset=${offset}`, { signal });
  const items = body.errors ?? body.items ?? [];
  return { items, total: body.total ?? items.length };
}

/** Where the ledger can be downloaded as CSV. */
export const ledgerUrl = (id) => `/v1/jobs/${encodeURIComponent(id)}/errors?format=csv`;
