// What the answers teach: a training, its proof on this shop's photos, and the wish to use it.

import { byId, h } from "./dom.js";
import { call } from "./api.js";
import { ago } from "./format.js";
import { locale, onLanguage, t } from "./i18n.js";
import { follow, jobs, runs, tell } from "./jobs-api.js";
import { explain } from "./problem.js";

const LOOK_AGAIN_MS = 700;

let catalogue;
let home;
let answered = 0;
let spaces = null; // as the server tells them, or null while nobody knows
let job = null; // the training or promotion that runs
let trouble = null; // why the last wish did not come true

/** Shows the section and takes up a job that runs already. */
export async function startLearning(name) {
  catalogue = name;
  home = `/v1/catalogues/${encodeURIComponent(name)}/spaces`;
  onLanguage(draw);
  try {
    await look();
    const running = (await jobs()).find((each) => ["train", "promote"].includes(each.kind) && each.catalogue === catalogue && runs(each));
    if (running) await watch(running);
  } catch (problem) {
    fail(problem);
  }
}

/** Tells how many photos have their product now. */
export function learnsFrom(photos) {
  if (answered === photos) return;
  answered = photos;
  draw();
}

async function look() {
  ({ spaces } = await call(home));
  draw();
}

function fail(problem) {
  trouble = explain(problem).text;
  job = null;
  draw();
}

/** Shows how a job goes until it rests. */
async function watch(started) {
  job = started;
  draw();
  const rests = await follow(started.id, LOOK_AGAIN_MS, (now) => {
    job = now;
    if (runs(now)) draw();
  });
  trouble = rests.state === "failed" ? rests.message : null;
  job = null;
  await look();
}

/** Does what somebody wished; what is wrong is shown in its place. */
async function wish(path, body) {
  trouble = null;
  try {
    const answer = await call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    await (answer?.job ? watch(answer.job) : look());
  } catch (problem) {
    fail(problem);
  }
}

const learn = () => wish(home, { confirmed: true });
const use = (space) => wish(`${home}/${space.id}/promote`, {});
const back = () => wish(`${home}/rollback`, {});
// What follows the job sees that it rests.
const stop = () => tell(job.id, "cancel").catch(fail);

const percent = (share) => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(share);
const points = (share) => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(share * 100);

/** How the new space compared: one row for each question, in the terms of what a shopper sees first. */
function proof({ tasks }) {
  const row = (task) => {
    const { mean, low, high } = task.recall_difference;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, t(`task_${task.task}`), h("span", { class: "soft" }, t("asked", { n: task.queries }))),
      h("td", {}, percent(task.current.recall_at_1)),
      h("td", {}, h("b", {}, percent(task.new.recall_at_1))),
      h("td", {}, points(mean), h("span", { class: "soft" }, t("between", { low: points(low), high: points(high) }))),
    );
  };
  const head = ["col_task", "col_current", "col_new", "col_difference"].map((key) => h("th", { scope: "col" }, t(key)));
  return h("table", { class: "proof" }, h("caption", {}, t("proof")), h("thead", {}, h("tr", {}, head)), h("tbody", {}, tasks.map(row)));
}

/** What speaks against a space, a sentence for each task; reports of before have the gate's own, in English. */
function against({ tasks, gate }) {
  if (!tasks.every((task) => task.verdict)) return gate.reasons;
  const share = (figures) => percent(figures.map);
  const sentence = (task) => t(`against_${task.verdict}`, { task: t(`task_${task.task}`), now: share(task.current), then: share(task.new) });
  return tasks.filter((task) => ["worse", "unsure"].includes(task.verdict)).map(sentence);
}

/** The latest space that was learned, with its proof, as long as it was compared with the one in use. */
function learned() {
  const active = spaces.find((space) => space.active);
  const latest = spaces.find((space) => space.report?.gate && !space.trouble);
  if (!latest || (!latest.active && latest.report.against !== active?.id)) return [];
  const { report } = latest;
  const compared = report.tasks.length > 0;
  const better = report.tasks.some((task) => task.map_difference.low > 0);
  const passes = better ? "better" : "passes";
  const verdict = latest.active ? "used" : report.gate.passes ? passes : compared ? "fails" : "unproved";
  return [
    compared ? proof(report) : null,
    report.unlabelled?.fused ? h("p", { class: "soft" }, t("unlabelled", { n: report.unlabelled.photos })) : null,
    h("p", { class: `verdict${["fails", "unproved"].includes(verdict) ? " bad" : ""}`, role: "status" }, t(verdict)),
    verdict === "fails" ? h("ul", { class: "soft" }, against(report).map((reason) => h("li", {}, reason))) : null,
    verdict === passes ? h("div", { class: "row-actions" }, button("use", "main", () => use(latest))) : null,
  ];
}

function button(key, look, act, disabled = false) {
  return h("button", { type: "button", class: look, dataset: { act: key }, onclick: act, disabled }, t(key));
}

function running() {
  const known = job.total > 0;
  const bar = h("i");
  bar.style.width = known ? `${(100 * job.done) / job.total}%` : "";
  const doing = `doing_${(job.doing || "reading").split(" ")[0]}`;
  const said = t(doing) === doing ? t("doing_fitting") : t(doing);
  const value = known ? Math.round((100 * job.done) / job.total) : null;
  return [
    h("div", { class: "meter", role: "progressbar", "aria-label": said, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": value }, bar),
    h("p", { class: "soft", role: "status" }, said),
    h("div", { class: "row-actions" }, button("stop", "small", stop)),
  ];
}

function draw() {
  const box = byId("learn");
  if (!spaces && !trouble) return;
  const active = spaces?.find((space) => space.active);
  const previous = spaces?.some((space) => space.previous);
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  box.hidden = false;
  box.replaceChildren(
    h("h2", { id: "learn-title" }, t("learn_title")),
    h("p", { class: "soft" }, t("learn_how")),
    ...[
      active ? h("p", {}, active.provenance ? t("in_use", { when: ago(new Date(active.provenance.trained_at).getTime()) }) : t("in_use_default")) : null,
      ...(job
        ? running()
        : [
            h("div", { class: "row-actions" }, button("learn", "small", learn, answered === 0), previous ? button("back", "small", back) : null),
            trouble ? h("p", { class: "verdict bad", role: "alert" }, trouble) : null,
            ...(spaces ? learned() : []),
          ]),
    ].filter(Boolean),
  );
  if (focused) (box.querySelector(`[data-act="${focused}"]`) ?? box).focus();
}
