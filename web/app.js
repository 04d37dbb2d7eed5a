// The page: joins the parts. State changes → one search at a time → what is shown.

import * as api from "./api.js";
import { lastOf } from "./category.js";
import { createComposer } from "./composer.js";
import { createCrop } from "./crop.js";
import * as detail from "./detail.js";
import { byId, debounce, h, toast } from "./dom.js";
import { createFilters, createSheet } from "./filters.js";
import * as home from "./home.js";
import { startHeader } from "./header.js";
import { onLanguage, t } from "./i18n.js";
import { listenForPhotos, preparePhoto, takeFrom } from "./photo.js";
import { explain } from "./problem.js";
import * as recent from "./recent.js";
import { hitOf, showHits, showState, showWaiting } from "./results.js";
import * as state from "./state.js";

const PAGE = 24;
const FACETS = ["category", "brand"];
const CROP_PAUSE_MS = 250;
const AHEAD_PX = 600; // how far below the screen the next page is fetched

let photo = null; // of state.photo, once found
let found = { hits: [], total: 0, exact: true, took: null, understood: null };
let facets = {};
let currency = "";
let failed = null; // the Problem of the last search, or null
let running = null; // AbortController of the search under way
const known = new Map(); // id → product, as last seen

const actions = {
  link: (id) => state.write({ ...state.get(), product: id }),
  open: (id) => state.set({ product: id }, state.get().product ? "replace" : "push"),
  like(product) {
    known.set(product.id, product);
    state.set({ ...state.noFilters(), words: "", photo: "", crop: null, sort: "", product: "", like: product.id });
    toResults();
  },
  async searchIn(url) {
    try {
      await takePhoto(await takeFrom(url));
    } catch {
      toast(t("error_title"));
    }
  },
};

/** What cards do; without words, photo or likeness there is nothing to rank by. */
const cardActions = () => {
  const { words, like, photo: id } = state.get();
  return { ...actions, ranked: Boolean(words || like || id) };
};

const composer = createComposer({
  submit: (words) => {
    if (words !== state.get().words) state.set({ words, sort: "" });
    if (words) byId("words").blur(); // a phone's keyboard would cover the products
  },
  drop: (what) => {
    state.set(what === "photo" ? { photo: "", crop: null } : { like: "" });
    byId("words").focus();
  },
});
const crop = createCrop(byId("easel"), (value) => state.set({ crop: value }, "replace"));
const filters = createFilters(byId("filters"), (patch) => state.set(patch));
const sheet = createSheet({ home: byId("filters-home"), filters: byId("filters"), opener: byId("filters-open") });

// ---- searching ----

const QUERY = ["words", "like", "photo", "crop", "category", "brand", "min", "max", "stock", "sort"];
const changed = (a, b, keys) => keys.filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));

const runSoon = debounce(() => run(), CROP_PAUSE_MS);

state.subscribe((now, before) => {
  const what = changed(now, before, QUERY);
  if (what.length) {
    running?.abort();
    if (what.join() === "crop") {
      showWaiting(false);
      runSoon();
    } else {
      runSoon.cancel();
      run();
    }
  }
  if (now.product !== before.product) showProduct();
  draw();
});

/** Searches for the state as it is now; a newer search takes the place of this one. */
async function run() {
  running?.abort();
  const { signal } = (running = new AbortController());
  const now = state.get();
  const anew = failed !== null || found.window !== state.asksNothing(now) || (now.photo !== "" && photo?.id !== now.photo);
  failed = null;
  found.took = null;
  showWaiting(anew);
  try {
    photo = now.photo ? await recent.find(now.photo) : null;
    if (signal.aborted) return;
    if (now.photo && !photo) {
      toast(t("photo_gone"));
      return state.set({ photo: "", crop: null }, "replace");
    }
    draw();
    const answer = await ask(now, 0, signal);
    if (signal.aborted) return;
    found = { ...answer, window: state.asksNothing(now) };
    if (photo && !now.crop && answer.understood) crop.regions(boxes(answer.understood));
    showHits(found.hits, cardActions());
    if (found.window) home.showDisplay(found.hits);
    facets = found.window ? {} : { category: [], brand: [], ...answer.facets };
    draw();
    await countOthers(now, signal);
  } catch (problem) {
    if (signal.aborted) return;
    failed = problem;
    found = { hits: [], total: 0, exact: true, took: null, understood: null };
    draw();
  }
}

/** One page of the answer: `{hits, total, exact, took, understood, facets}`. */
async function ask(now, offset, signal) {
  const answer = state.asksNothing(now)
    ? await api.products(offset, PAGE, signal).then(({ products, total }) => ({ hits: products.map(hitOf), total }))
    : await api.search(now, photo, { limit: PAGE, offset, facets: offset === 0 ? FACETS : [] }, signal);
  for (const { product } of answer.hits) {
    known.set(product.id, product);
    currency ||= product.price?.currency ?? "";
  }
  return {
    hits: answer.hits,
    total: answer.total ?? answer.hits.length,
    exact: answer.total_is_exact !== false,
    took: answer.took_ms?.total ?? null,
    understood: answer.understood ?? null,
    facets: answer.facets ?? {},
  };
}

/** Counts for facets that the main answer cannot give: of the window, and of a facet whose own filter is set. */
async function countOthers(now, signal) {
  const open = state.asksNothing(now) ? [["", FACETS]] : FACETS.filter((field) => now[field].length).map((field) => [field, [field]]);
  if (found.window && found.total === 0) return;
  await Promise.all(
    open.map(async ([without, fields]) => {
      const answer = await api.search(now, photo, { limit: 1, facets: fields, without }, signal).catch(() => null);
      if (answer?.facets && !signal.aborted) facets = { ...facets, ...answer.facets };
    }),
  );
  if (!signal.aborted && open.length) draw();
}

let loading = false;

async function loadMore() {
  if (loading || failed || byId("grid").hasAttribute("aria-busy") || found.hits.length >= found.total) return;
  loading = true;
  const { signal } = running;
  byId("more").textContent = t("loading_more");
  try {
    const answer = await ask(state.get(), found.hits.length, signal);
    if (signal.aborted) return;
    const have = new Set(found.hits.map((hit) => hit.product.id));
    const fresh = answer.hits.filter((hit) => !have.has(hit.product.id)); // the catalogue may have changed between pages
    found.hits = found.hits.concat(fresh);
    if (fresh.length === 0) found.total = found.hits.length;
    showHits(fresh, cardActions(), true);
  } catch (problem) {
    if (!signal.aborted) toast(explain(problem).text);
  } finally {
    loading = false;
    draw();
  }
  if (!signal.aborted && nearEnd()) loadMore();
}

const nearEnd = () => !byId("more").hidden && byId("more").getBoundingClientRect().top < window.innerHeight + AHEAD_PX;

// ---- photo ----

async function takePhoto(file) {
  if (byId("sheet").open) byId("sheet").close();
  const taken = await preparePhoto(file);
  await recent.keep(taken);
  state.set({ photo: taken.id, crop: null, like: "", sort: "", product: "" });
  window.scrollTo({ top: 0 });
}

const boxes = (understood) => {
  const list = (understood.regions ?? []).map((region) => region.box).filter((box) => box[2] < 0.97 || box[3] < 0.97);
  return list.length > 1 || (list.length === 1 && list[0][2] * list[0][3] < 0.6) ? list : [];
};

// ---- drawing ----

function draw() {
  const now = state.get();
  const window_ = state.asksNothing(now);
  document.documentElement.dataset.view = window_ ? "window" : "search";
  const likeTitle = known.get(now.like)?.title ?? now.like;
  composer.update(now, photo, likeTitle);
  drawPhoto(now);
  filters.update(now, facets, currency);
  const chips = filters.chips(now, currency);
  byId("chips").replaceChildren(...chips);
  byId("chips").hidden = chips.length === 0;
  const used = state.filtersUsed(now);
  byId("filters-count").textContent = String(used);
  byId("filters-count").hidden = used === 0;
  byId("filters-open").hidden = window_;
  byId("sort").closest("label").hidden = window_;
  byId("sort").replaceChildren(
    ...[["", "sort_best"], ["price:asc", "sort_cheap"], ["price:desc", "sort_dear"]].map(([value, key]) => h("option", { value, selected: value === now.sort }, t(key))),
  );
  if (window_) home.showPills(facets.category ?? [], (value) => state.set({ category: [value] }));
  else byId("pills").hidden = true;
  drawTitle(now, likeTitle);
  drawOutcome(now);
}

function drawPhoto(now) {
  byId("photo").hidden = !now.photo;
  if (!now.photo || photo?.id !== now.photo) return;
  const seen = Boolean(photo.url);
  byId("easel").hidden = byId("crop-help").hidden = !seen;
  if (seen) crop.show(photo, now.crop);
  byId("whole").hidden = !seen;
  byId("whole").disabled = !now.crop;
  const box = byId("understood");
  const { categories = [], colours = [] } = found.understood ?? {};
  box.replaceChildren();
  if (!seen && !failed && found.took !== null) box.append(h("p", {}, t("no_preview")));
  if (categories.length) {
    const names = categories.slice(0, 3).map(({ path }) => h("li", {}, h("button", { type: "button", class: "pill", onclick: () => state.set({ category: [path] }) }, lastOf(path))));
    box.append(h("h3", {}, t("looks_like")), h("ul", { class: "row" }, names));
  }
  if (colours.length) {
    const swatches = colours.slice(0, 5).map(({ name, hex }) => {
      const swatch = h("i", { class: "swatch" });
      if (/^#[0-9a-f]{6}$/i.test(hex)) swatch.style.background = hex;
      return h("li", { class: "colour" }, swatch, name);
    });
    box.append(h("h3", {}, t("colours")), h("ul", { class: "row" }, swatches));
  }
}

function drawTitle(now, likeTitle) {
  const key = now.photo ? (now.words ? "title_both" : "title_photo") : now.words ? "title_words" : now.like ? "title_like" : state.filtersUsed(now) ? "title_filter" : "window";
  const title = t(key, { words: now.words, title: likeTitle });
  byId("results-title").textContent = title;
  byId("results-title").hidden = false;
  document.title = state.asksNothing(now) ? "Vetrina" : `${title} · Vetrina`;
}

function drawOutcome(now) {
  const waiting = byId("grid").getAttribute("aria-busy") === "true";
  const more = byId("more");
  more.hidden = true;
  byId("notice").hidden = true;
  document.body.classList.toggle("searching", waiting && !failed);
  if (failed) return drawFailure(now);
  if (waiting) {
    byId("count").textContent = t("searching");
    return undefined;
  }
  const shown = found.hits.length;
  const counted = t(found.exact ? "count" : "count_about", { n: found.total });
  byId("count").textContent = found.took === null ? counted : `${counted} · ${t("took", { n: Math.max(1, Math.round(found.took)) })}`;
  sheet.count(found.total);
  if (shown === 0) return drawNothing(now);
  more.textContent = t(loading ? "loading_more" : "more");
  more.hidden = shown >= found.total;
  // Only a calibrated answer may say that the product itself is not here.
  const banded = found.hits.some((hit) => hit.band || Number.isFinite(hit.probability));
  if (now.photo && banded && !now.sort && !found.hits.some((hit) => hit.band === "exact")) {
    byId("notice").textContent = t("no_exact");
    byId("notice").hidden = false;
  }
  return undefined;
}

function drawNothing(now) {
  byId("count").textContent = "";
  if (state.asksNothing(now)) {
    document.documentElement.dataset.view = "empty";
    byId("results-title").hidden = true;
    const command = h("pre", {}, h("code", {}, `vetrina import FEED${state.catalogue() === "default" ? "" : ` --catalogue ${state.catalogue()}`}`));
    return showState("empty", t("empty_title"), t("empty_text"), [[t("empty_open"), `/import?catalogue=${state.catalogue()}`]], command);
  }
  const text = state.filtersUsed(now) ? t("none_filters") : now.words ? t("none_words", { words: now.words }) : t("none_other");
  byId("count").textContent = t("count", { n: 0 });
  const out = [[t("show_window"), () => state.reset()]];
  if (state.filtersUsed(now)) out.unshift([t("clear_all"), () => state.set(state.noFilters())]);
  return showState("none", t("none_title"), text, out);
}

function drawFailure(now) {
  const { title, text } = explain(failed);
  const picture = now.photo && failed.kind === "problem" && failed.status < 500;
  byId("count").textContent = "";
  const ways = [[t("retry"), () => run()]];
  if (picture) ways.unshift([t("other_instead"), () => byId("choose").click()]);
  else if (!state.asksNothing(now)) ways.push([t("show_window"), () => state.reset()]);
  showState("error", picture && !failed.detail ? t("picture_title") : title, text, ways);
}

// ---- details ----

let pushed = false; // whether the back button closes the details

function showProduct() {
  const { product } = state.get();
  if (product) detail.open(product, known.get(product) ?? null, actions);
  else detail.close();
}

detail.onClose(() => {
  if (!state.get().product) return;
  if (pushed) history.back();
  else state.set({ product: "" }, "replace");
});
state.subscribe((now, before, how) => {
  if (now.product && !before.product) pushed = how === "push";
});

function toResults() {
  window.scrollTo({ top: 0 });
  byId("results").focus({ preventScroll: true });
}

// ---- header ----

async function offerCatalogues() {
  const list = await api.catalogues().catch(() => []);
  const select = byId("catalogue");
  if (list.length < 2 && list.every((each) => each.name === state.catalogue())) return;
  const names = list.map((each) => each.name);
  if (!names.includes(state.catalogue())) names.unshift(state.catalogue());
  select.replaceChildren(...names.map((name) => h("option", { value: name, selected: name === state.catalogue() }, name)));
  select.hidden = false;
  select.addEventListener("change", () => location.assign(select.value === "default" ? "/" : `/?catalogue=${encodeURIComponent(select.value)}`));
}

byId("brand").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  state.reset();
  window.scrollTo({ top: 0 });
});
byId("sort").addEventListener("change", (event) => state.set({ sort: event.target.value }));
byId("whole").addEventListener("click", () => state.set({ crop: null }, "replace"));
byId("photo-remove").addEventListener("click", () => {
  state.set({ photo: "", crop: null });
  byId("words").focus();
});
byId("more").addEventListener("click", loadMore);
byId("recent-clear").addEventListener("click", () => recent.clear().then(drawRecent));
new IntersectionObserver(([entry]) => entry.isIntersecting && loadMore(), { rootMargin: `${AHEAD_PX}px` }).observe(byId("more"));

const drawRecent = () => home.showRecent((id) => state.set({ photo: id, crop: null }));
state.subscribe((now, before) => state.asksNothing(now) && !state.asksNothing(before) && drawRecent());

listenForPhotos({ inputs: [byId("choose"), byId("take")], veil: byId("veil"), take: takePhoto, refuse: (why) => toast(t(why)) });
onLanguage(() => {
  drawRecent();
  if (!failed && found.hits.length) showHits(found.hits, cardActions());
  if (state.get().product) showProduct();
  draw();
});

startHeader();
drawRecent();
offerCatalogues();
run();
draw();
if (state.get().like && !known.has(state.get().like)) {
  api.product(state.get().like).then((product) => (known.set(product.id, product), draw()), () => {});
}
if (state.get().product) showProduct();
