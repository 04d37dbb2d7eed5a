// What came of a search: how many, a word about it, a message in place of products; and what was understood of the photo.

import { lastOf } from "./category.js";
import { byId, h } from "./dom.js";
import { t } from "./i18n.js";
import { explain } from "./problem.js";
import { showState } from "./results.js";
import * as state from "./state.js";

/** Draws the photo's panel. `crop` as made by crop.js; `choose(path)` sets a category as filter. */
export function drawPhoto(now, view, crop, choose) {
  byId("photo").hidden = !now.photo;
  const { photo } = view;
  if (!now.photo || photo?.id !== now.photo) return;
  const seen = Boolean(photo.url);
  byId("easel").hidden = byId("crop-help").hidden = byId("whole").hidden = !seen;
  if (seen) crop.show(photo, now.crop);
  byId("whole").disabled = !now.crop;
  const { categories = [], colours = [] } = view.understood ?? {};
  const parts = [];
  if (!seen && !view.failed && !view.busy) parts.push(h("p", {}, t("no_preview")));
  if (categories.length) {
    const names = categories.slice(0, 3).map(({ path }) => h("li", {}, h("button", { type: "button", class: "pill", onclick: () => choose(path) }, lastOf(path))));
    parts.push(h("h3", {}, t("looks_like")), h("ul", { class: "row" }, names));
  }
  if (colours.length) {
    const swatches = colours.slice(0, 5).map(({ name, hex }) => {
      const swatch = h("i", { class: "swatch" });
      if (/^#[0-9a-f]{6}$/i.test(hex)) swatch.style.background = hex;
      return h("li", { class: "colour" }, swatch, name);
    });
    parts.push(h("h3", {}, t("colours")), h("ul", { class: "row" }, swatches));
  }
  byId("understood").replaceChildren(...parts);
}

/** Draws the count, the notice, the "more" button, or the message in place of products. `act`: `retry()`, `choose()` another photo. */
export function drawOutcome(now, view, act) {
  const [more, count, notice, title] = ["more", "count", "notice", "results-title"].map(byId);
  more.hidden = notice.hidden = true;
  title.hidden = false;
  document.body.classList.toggle("searching", view.busy);
  if (view.failed) return drawFailure(now, view.failed, act);
  if (view.busy) {
    count.textContent = t("searching");
    return undefined;
  }
  if (view.hits.length === 0) return drawNothing(now, view.meant, act);
  const counted = t(view.exact ? "count" : "count_about", { n: view.total });
  count.textContent = view.took === null ? counted : `${counted} · ${t("took", { n: Math.max(1, Math.round(view.took)) })}`;
  more.textContent = t(view.loading ? "loading_more" : "more");
  more.hidden = view.hits.length >= view.total;
  if (view.meant) {
    notice.replaceChildren(...meant(view.meant, act));
    notice.hidden = false;
    return undefined;
  }
  // Only a calibrated answer may say that the product itself is not here.
  const calibrated = view.hits.some((hit) => hit.band || Number.isFinite(hit.probability));
  if (now.photo && calibrated && !now.sort && !view.hits.some((hit) => hit.band === "exact")) {
    notice.textContent = t("no_exact");
    notice.hidden = false;
  }
  return undefined;
}

/** "Did you mean …?", the words as a button. */
const meant = (words, act) => {
  const [before, after] = t("did_you_mean", { words: "\u0000" }).split("\u0000");
  return [before, h("button", { type: "button", class: "link strong", onclick: () => act.words(words) }, words), after];
};

function drawNothing(now, words, act) {
  if (state.asksNothing(now)) {
    byId("count").textContent = "";
    byId("results-title").hidden = true; // the message has the page's heading
    const name = state.catalogue();
    const command = h("pre", {}, h("code", {}, `vetrina import FEED${name === "default" ? "" : ` --catalogue ${name}`}`));
    return showState("empty", t("empty_title"), t("empty_text"), [[t("empty_open"), `/import?catalogue=${encodeURIComponent(name)}`]], command);
  }
  byId("count").textContent = t("count", { n: 0 });
  const text = state.filtersUsed(now) ? t("none_filters") : now.words ? t("none_words", { words: now.words }) : t("none_other");
  const ways = [[t("show_window"), () => state.reset()]];
  if (state.filtersUsed(now)) ways.unshift([t("clear_all"), () => state.set(state.noFilters())]);
  return showState("none", t("none_title"), text, ways, words ? h("p", {}, meant(words, act)) : null);
}

function drawFailure(now, problem, act) {
  byId("count").textContent = "";
  const { title, text } = explain(problem);
  const picture = now.photo && problem.kind === "problem" && problem.status < 500;
  const ways = [[t("retry"), act.retry]];
  if (picture) ways.unshift([t("other_instead"), act.choose]);
  else if (!state.asksNothing(now)) ways.push([t("show_window"), () => state.reset()]);
  showState("error", picture && !problem.detail ? t("picture_title") : title, text, ways);
}
