// What the import page shows: the report of a dry run, a running job, its ledger, earlier jobs.

import { h, icon } from "./dom.js";
import { ago } from "./format.js";
import { locale, t } from "./i18n.js";
import { runs } from "./jobs-api.js";

const number = (n) => new Intl.NumberFormat(locale()).format(n);

/** Seconds as a shop reads them: one unit, rounded up. */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 90) return t("seconds", { n: Math.max(1, Math.ceil(seconds)) });
  if (seconds < 5400) return t("minutes", { n: Math.ceil(seconds / 60) });
  return t("hours", { n: Math.ceil(seconds / 3600) });
}

/** Bytes in the unit that keeps the number short. */
export function bytes(n) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, n)) / 3));
  return new Intl.NumberFormat(locale(), { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: n / 1000 ** step < 10 ? 1 : 0 }).format(n / 1000 ** step);
}

const figures = (pairs) =>
  h("dl", { class: "figures" }, pairs.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

/** A figure of a dry run with what of it is new, where that says more. */
const ofWhich = (all, fresh) => (fresh === null || fresh === all ? number(all) : [number(all), " ", h("small", {}, t("of_which_new", { n: fresh }))]);

/** The report of a dry run. `act`: `start(sync)`, `other()`. */
export function report(found, name, act) {
  const sync = h("input", { type: "checkbox", id: "sync" });
  const words = found.products === null ? t("start_unknown") : t("start", { n: found.products });
  return [
    h("h2", { id: "report-title" }, t("report", { name })),
    figures([
      [t("products"), found.products === null ? null : ofWhich(found.products, found.newProducts)],
      [t("images"), found.images === null ? null : ofWhich(found.images, found.newImages)],
      [t("kind"), found.dialect],
      [t("time"), found.seconds === null ? null : duration(found.seconds)],
      [t("disk"), found.disk === null ? null : bytes(found.disk)],
      [t("memory"), found.memory === null ? null : bytes(found.memory)],
    ]),
    found.fits ? null : h("p", { class: "verdict bad" }, h("b", {}, t("fits_not")), " ", found.why),
    found.unused.length ? h("p", { class: "soft" }, t("unused", { names: found.unused.join(", ") })) : null,
    found.problemCount ? h("p", {}, h("b", {}, t("problems", { n: found.problemCount })), " ", t("problems_note")) : h("p", {}, t("no_problems")),
    ledger(found.problems, found.problemCount),
    h(
      "div",
      { class: "row-actions" },
      h("button", { type: "button", class: "main", disabled: !found.fits || found.products === 0, onclick: () => act.start(sync.checked) }, icon("i-up"), words),
      h("button", { type: "button", class: "small", onclick: act.other }, t("other")),
      h("label", { class: "tick" }, sync, h("span", { class: "value" }, t("sync"))),
    ),
  ].filter(Boolean);
}

/** A table of the ledger, with how many items there are beyond those shown; `more` brings further ones. */
export function ledger(items, total, more = null) {
  if (!items.length) return null;
  const row = ({ line, id, reason, hint, warning }) =>
    h(
      "tr",
      {},
      h("td", { class: "line-number" }, line ? number(line) : ""),
      h("td", {}, id ?? ""),
      h("td", {}, warning ? h("span", { class: "state-word running" }, t("in_part")) : h("span", { class: "state-word failed" }, t("left_out"))),
      h("td", { class: "told" }, reason ?? ""),
      h("td", { class: "told" }, hint ?? ""),
    );
  return h(
    "div",
    {},
    h(
      "div",
      { class: "ledger", tabindex: "0", role: "region", "aria-label": t("ledger") },
      h("table", {}, h("thead", {}, h("tr", {}, ["line", "id", "result", "reason", "hint"].map((key) => h("th", { scope: "col" }, t(key))))), h("tbody", {}, items.map(row))),
    ),
    total > items.length
      ? h("p", { class: "soft more" }, t("shown_of", { shown: items.length, n: total }), more ? h("button", { type: "button", class: "link", dataset: { act: "more" }, onclick: more }, t("more")) : null)
      : null,
  );
}

/** A job with its bar and figures. Drawn anew with each answer. */
export function progress(job) {
  const known = job.total > 0;
  const part = known ? Math.min(1, job.done / job.total) : job.state === "done" ? 1 : 0;
  const bar = h("i");
  bar.style.width = known || job.state === "done" ? `${part * 100}%` : "";
  const running = runs(job);
  const meter = h("div", {
    class: `meter ${job.state}${known || !running ? "" : " unknown"}`,
    role: "progressbar",
    "aria-label": t("progress", { name: job.name }),
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": known ? Math.round(part * 100) : null,
  }, bar);
  return [
    meter,
    h("p", { class: "soft" }, h("span", { class: `state-word ${job.state}` }, t(`state_${job.state}`))),
    job.message ? h("p", { class: `verdict${job.state === "failed" ? " bad" : ""}`, role: "status" }, job.message) : "",
    figures([
      [t("done"), known ? `${number(job.done)} / ${number(job.total)}` : number(job.done)],
      [t("created"), number(job.created)],
      [t("updated"), number(job.updated)],
      [t("skipped"), number(job.skipped)],
      [t("removed"), job.removed ? number(job.removed) : null],
      [t("failed"), number(job.failed)],
      [t("speed"), running && job.perSecond !== null ? number(Math.round(job.perSecond * 10) / 10) : null],
      [t("left"), running && job.secondsLeft !== null ? duration(job.secondsLeft) : null],
    ]),
  ];
}

/** Earlier jobs as a table; `open(id)` shows one. */
export function history(jobs, open) {
  return [
    h("h2", { id: "jobs-title" }, t("earlier")),
    h(
      "div",
      { class: "ledger", tabindex: "0", role: "group", "aria-labelledby": "jobs-title" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ["what", "catalogue", "when", "state"].map((key) => h("th", { scope: "col" }, t(key))), ["done", "failed"].map((key) => h("th", { scope: "col", class: "numeric" }, t(key))))),
        h(
          "tbody",
          {},
          jobs.map((job) =>
            h(
              "tr",
              {},
              h("td", {}, h("button", { type: "button", class: "link", "aria-label": t("open_job", { name: job.name }), onclick: () => open(job.id) }, job.name)),
              h("td", {}, job.catalogue),
              h("td", {}, job.startedAt ? ago(new Date(job.startedAt).getTime()) : ""),
              h("td", {}, h("span", { class: `state-word ${job.state}` }, t(`state_${job.state}`))),
              h("td", { class: "numeric" }, number(job.done)),
              h("td", { class: "numeric" }, number(job.failed)),
            ),
          ),
        ),
      ),
    ),
  ];
}
