// The import page: a feed is dropped, looked into, imported, watched; what failed is read.

import { catalogues } from "./api.js";
import { byId, h, icon, toast } from "./dom.js";
import { startHeader } from "./header.js";
import { onLanguage, t } from "./i18n.js";
import * as parts from "./import-parts.js";
import * as imports from "./imports-api.js";
import { follow, job as jobBy, jobs, runs, tell as tellJob } from "./jobs-api.js";
import { explain } from "./problem.js";

const LOOK_AGAIN_MS = 1000;
const LEDGER_ROWS = 100;
const EARLIER = 12;
const DIALECTS = ["auto", "google", "shopify", "woocommerce", "vendure", "vision", "schema.org", "csv", "jsonl"];

let feed = null; // {file} or {url}
let found = null; // report of the dry run
let watched = null; // the job that is watched
let ledger = null; // {items, total} of it
let watching = 0; // counts watches, so that a late answer cannot draw over a newer one

const nameOf = (wanted) => wanted.file?.name ?? wanted.url;
const options = () => ({ catalogue: byId("catalogue").value.trim() || "default", dialect: byId("dialect").value });

async function look(wanted) {
  if (!byId("catalogue").checkValidity()) return toast(t("bad_catalogue"));
  feed = wanted;
  found = null;
  const box = byId("report");
  box.hidden = false;
  byId("progress").hidden = true;
  byId("progress").replaceChildren();
  box.replaceChildren(h("h2", { id: "report-title" }, t("reading")), h("div", { class: "meter unknown", role: "progressbar", "aria-label": t("reading") }, h("i")));
  box.scrollIntoView({ block: "nearest" });
  try {
    const answer = await imports.look(wanted, options());
    if (feed !== wanted) return;
    found = answer;
    drawReport();
    box.focus({ preventScroll: true });
  } catch (problem) {
    if (feed === wanted) showProblem(box, "report-title", problem);
  }
}

function drawReport() {
  if (found) byId("report").replaceChildren(...parts.report(found, nameOf(feed), { start, other }));
}

function other() {
  feed = found = null;
  byId("report").hidden = true;
  byId("feed").focus();
}

async function start(sync) {
  try {
    const job = await imports.start(feed, { ...options(), sync });
    other();
    open(job);
  } catch (problem) {
    showProblem(byId("report"), "report-title", problem);
  }
}

/** Shows a job and follows it until it rests. */
function open(job) {
  history.replaceState(null, "", `/import?job=${encodeURIComponent(job.id)}`);
  watched = job;
  ledger = null;
  byId("progress").hidden = false;
  drawProgress();
  byId("progress").focus({ preventScroll: true });
  byId("progress").scrollIntoView({ block: "nearest" });
  watch(job.id);
}

async function watch(id) {
  const turn = (watching += 1);
  const newer = () => turn !== watching;
  try {
    await follow(id, LOOK_AGAIN_MS, async (job) => {
      if (newer()) return false;
      const items = job.failed + job.warnings;
      // The first items as soon as there are some, and how many there are at the end.
      if (items && (!runs(job) || !ledger)) ledger = await imports.errors(id, LEDGER_ROWS).catch(() => ledger);
      if (newer()) return false;
      watched = job;
      drawProgress();
      if (!runs(job)) drawEarlier();
    });
  } catch (problem) {
    if (!newer()) showProblem(byId("progress"), "progress-title", problem);
  }
}

/** Further items of the ledger. */
async function more() {
  const { id } = watched;
  try {
    const next = await imports.errors(id, LEDGER_ROWS, ledger.items.length);
    if (watched.id !== id) return;
    ledger = { items: [...ledger.items, ...next.items], total: next.total };
    drawProgress();
  } catch (problem) {
    toast(explain(problem).text);
  }
}

async function tell(what) {
  try {
    await tellJob(watched.id, what);
    watch(watched.id);
  } catch (problem) {
    toast(explain(problem).text);
  }
}

function drawProgress() {
  const job = watched;
  if (!job) return;
  const running = runs(job);
  const came = job.done - job.failed;
  const verdict = job.state === "done" ? (job.failed ? t("finished_some", { n: came, failed: job.failed }) : t("finished", { n: came })) : null;
  const button = (key, look, act) => h("button", { type: "button", class: look, dataset: { act: key }, onclick: act }, t(key));
  const focused = byId("progress").contains(document.activeElement) ? document.activeElement.dataset.act : null;
  byId("progress").replaceChildren(
    h("h2", { id: "progress-title" }, t("progress", { name: job.name })),
    ...parts.progress(job),
    verdict ? h("p", { class: "verdict", role: "status" }, verdict) : "",
    h(
      "div",
      { class: "row-actions" },
      job.state === "done" ? h("a", { class: "main", href: job.catalogue === "default" ? "/" : `/?catalogue=${encodeURIComponent(job.catalogue)}` }, t("to_window")) : null,
      running ? button("cancel", "small", () => tell("cancel")) : null,
      ["cancelled", "failed", "interrupted"].includes(job.state) ? button("resume", "main", () => tell("resume")) : null,
      job.failed + job.warnings ? h("a", { class: "small", href: imports.ledgerUrl(job.id), download: `errors-${job.id}.csv` }, icon("i-down"), t("download")) : null,
    ),
    ledger?.items.length ? h("h3", { class: "ledger-title" }, t("ledger")) : "",
    ledger ? (parts.ledger(ledger.items, ledger.total, more) ?? "") : "",
  );
  if (focused) byId("progress").querySelector(`[data-act="${focused}"]`)?.focus();
}

async function drawEarlier() {
  const list = await jobs().catch(() => []);
  byId("jobs").hidden = list.length === 0;
  byId("jobs").replaceChildren(...parts.history(list.slice(0, EARLIER), (id) => jobBy(id).then(open, (problem) => toast(explain(problem).text))));
}

function showProblem(box, titleId, problem) {
  const { title, text } = explain(problem);
  box.hidden = false;
  box.replaceChildren(h("h2", { id: titleId }, title), h("p", { class: "verdict bad", role: "alert" }, text));
}

function draw() {
  document.title = `${t("page")} · Vetrina`;
  const chosen = byId("dialect").value || "auto";
  byId("dialect").replaceChildren(...DIALECTS.map((name) => h("option", { value: name, selected: name === chosen }, name === "auto" ? t("dialect_auto") : name)));
  drawReport();
  drawProgress();
  drawEarlier();
}

function listen() {
  byId("feed").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) look({ file });
  });
  byId("look").addEventListener("click", () => {
    const address = byId("address");
    if (address.value.trim() && address.checkValidity()) look({ url: address.value.trim() });
    else if (feed) look(feed); // the same feed with another catalogue or kind
    else toast(t("no_feed"));
  });
  byId("address").addEventListener("keydown", (event) => event.key === "Enter" && byId("look").click());
  let depth = 0;
  const veil = (shown) => {
    byId("veil").hidden = !shown;
    if (!shown) depth = 0;
  };
  const carries = (event) => [...event.dataTransfer.types].includes("Files");
  document.addEventListener("dragenter", (event) => carries(event) && (event.preventDefault(), (depth += 1), veil(true)));
  document.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  document.addEventListener("dragleave", () => (depth -= 1) <= 0 && veil(false));
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    veil(false);
    const [file] = event.dataTransfer.files;
    if (file) look({ file });
  });
}

const here = new URLSearchParams(location.search);
byId("catalogue").value = here.get("catalogue") ?? "default";
startHeader();
onLanguage(draw);
listen();
draw();
catalogues().then(
  (list) => byId("catalogues").replaceChildren(...list.map(({ name }) => h("option", { value: name }))),
  () => {},
);
if (here.get("job")) jobBy(here.get("job")).then(open, (problem) => showProblem(byId("progress"), "progress-title", problem));
