// The page: joins the parts. State changes → one search at a time → what is shown.

import * as api from "./api.js";
import { createComposer } from "./composer.js";
import { createCrop } from "./crop.js";
import * as detail from "./detail.js";
import { byId, debounce, h, toast } from "./dom.js";
import { createFilters, createSheet } from "./filters.js";
import { createFinder } from "./finder.js";
import { startHeader } from "./header.js";
import * as home from "./home.js";
import { onLanguage, t } from "./i18n.js";
import { drawOutcome, drawPhoto } from "./outcome.js";
import { listenForPhotos, preparePhoto, takeFrom } from "./photo.js";
import { explain } from "./problem.js";
import * as recent from "./recent.js";
import { drawRefinements } from "./refine.js";
import { showHits, showWaiting } from "./results.js";
import * as state from "./state.js";
import { createSuggestions } from "./suggest.js";

const CROP_PAUSE_MS = 250;
const AHEAD_PX = 600; // how far below the screen the next page is fetched
const QUERY = ["words", "like", "photo", "crop", "category", "brand", "colour", "shade", "notBrand", "min", "max", "stock", "sort"];
const SORTS = [["", "sort_best"], ["price:asc", "sort_cheap"], ["price:desc", "sort_dear"]];

const actions = {
  link: (id) => state.write({ ...state.get(), product: id }),
  open: (id) => state.set({ product: id }, state.get().product ? "replace" : "push"),
  like(product) {
    finder.view.known.set(product.id, product);
    state.set({ ...state.noFilters(), words: "", photo: "", crop: null, sort: "", product: "", like: product.id });
    toResults();
  },
  searchIn: (url) => takeFrom(url).then(takePhoto, () => toast(t("error_title"))),
};

/** What cards do; without words, photo or likeness there is nothing to rank by. */
const cardActions = () => {
  const { words, like, photo } = state.get();
  return { ...actions, ranked: Boolean(words || like || photo) };
};

const finder = createFinder({
  waiting: showWaiting,
  shown(hits, append) {
    showHits(hits, cardActions(), append);
    const { photo, understood, window: window_ } = finder.view;
    if (append) return;
    if (photo?.url && !state.get().crop) {
      crop.show(photo, null);
      crop.regions(boxes(understood));
    }
    if (window_) home.showDisplay(hits);
  },
  changed: () => draw(),
  gone() {
    toast(t("photo_gone"));
    state.set({ photo: "", crop: null }, "replace");
  },
});
const composer = createComposer({
  submit(words) {
    if (words !== state.get().words) state.set({ words, sort: "" });
    else if (finder.view.failed) finder.run();
    if (words) byId("words").blur(); // a phone's keyboard would cover the products
  },
  drop(what) {
    state.set(what === "photo" ? { photo: "", crop: null } : { like: "" });
    byId("words").focus();
  },
});
createSuggestions({
  words: byId("words"),
  list: byId("suggestions"),
  choose({ kind, text, value, id }) {
    if (kind === "product" && id) return state.set({ product: id });
    if (kind === "category" && value) return state.set({ words: "", category: [value], sort: "" });
    if (kind === "brand" && value) return state.set({ words: "", brand: [value], sort: "" });
    return state.set({ words: text, sort: "" });
  },
});
const crop = createCrop(byId("easel"), (value) => state.set({ crop: value }, "soon"));
const filters = createFilters(byId("filters"), (patch) => state.set(patch));
const sheet = createSheet({ home: byId("filters-home"), filters: byId("filters"), opener: byId("filters-open") });

// ---- from state to search ----

const runSoon = debounce(() => finder.run(), CROP_PAUSE_MS);
let closesByBack = false; // whether the back button closes the open details

state.subscribe((now, before, how) => {
  const changed = QUERY.filter((key) => JSON.stringify(now[key]) !== JSON.stringify(before[key]));
  if (changed.length) {
    runSoon.cancel();
    if (changed.join() !== "crop") finder.leave(before);
    const scroll = how === "arrive" ? finder.again(now) : null;
    if (scroll !== null) window.scrollTo({ top: scroll });
    else if (changed.join() === "crop") {
      finder.stop();
      runSoon();
    } else finder.run();
    finder.learn(now.like);
    if (state.asksNothing(now)) drawRecent();
  }
  if (now.product && !before.product) closesByBack = how === "push";
  if (now.product !== before.product) showProduct();
  draw();
});

async function takePhoto(file) {
  if (byId("sheet").open) byId("sheet").close();
  const taken = await preparePhoto(file);
  await recent.keep(taken);
  state.set({ photo: taken.id, crop: null, like: "", sort: "", product: "" });
  window.scrollTo({ top: 0 });
}

/** Boxes worth offering: not the whole photo, and not only one that fills it nearly. */
function boxes(understood) {
  const list = (understood?.regions ?? []).map((region) => region.box).filter((box) => box[2] < 0.97 || box[3] < 0.97);
  return list.length > 1 || (list.length === 1 && list[0][2] * list[0][3] < 0.6) ? list : [];
}

async function loadMore() {
  const problem = await finder.more();
  if (problem) return toast(explain(problem).text);
  const more = byId("more");
  return !more.hidden && !finder.view.loading && more.getBoundingClientRect().top < window.innerHeight + AHEAD_PX ? loadMore() : undefined;
}

// ---- drawing ----

function draw() {
  const now = state.get();
  const { view } = finder;
  const held = document.activeElement;
  const window_ = state.asksNothing(now);
  document.documentElement.dataset.view = window_ ? (view.window && !view.busy && !view.failed && view.total === 0 ? "empty" : "window") : "search";
  const likeTitle = view.known.get(now.like)?.title ?? now.like;
  composer.update(now, view.photo, likeTitle);
  drawPhoto(now, view, crop, (path) => state.set({ category: [path] }));
  filters.update(now, view.facets, view.currency);
  const chips = filters.chips(now, view.currency);
  byId("chips").replaceChildren(...chips);
  byId("chips").hidden = chips.length === 0;
  const used = state.filtersUsed(now);
  byId("filters-count").textContent = String(used);
  byId("filters-count").hidden = used === 0;
  byId("filters-open").hidden = window_;
  byId("sort").closest("label").hidden = window_;
  byId("sort").value = now.sort;
  if (window_) home.showPills(view.facets.category ?? [], (value) => state.set({ category: [value] }));
  else byId("pills").hidden = true;
  drawRefinements(now, view, (patch) => state.set(patch));
  drawTitle(now, likeTitle);
  drawOutcome(now, view, { retry: () => finder.run(), choose: () => byId("choose").click(), words: (words) => state.set({ words, sort: "" }) });
  sheet.count(view.total);
  // What had the focus may be gone with what was drawn; then reading goes on at the products.
  const active = document.activeElement;
  if ((active === document.body && held !== active) || !active.checkVisibility()) byId("results").focus({ preventScroll: true });
}

function drawTitle(now, likeTitle) {
  const key = now.photo ? (now.words ? "title_both" : "title_photo") : now.words ? "title_words" : now.like ? "title_like" : state.filtersUsed(now) ? "title_filter" : "window";
  const title = t(key, { words: now.words, title: likeTitle });
  byId("results-title").textContent = title;
  document.title = state.asksNothing(now) ? "Vetrina" : `${title} · Vetrina`;
}

const drawSorts = () => byId("sort").replaceChildren(...SORTS.map(([value, key]) => h("option", { value }, t(key))));
const drawRecent = () => home.showRecent((id) => state.set({ photo: id, crop: null }));

function showProduct() {
  const { product } = state.get();
  if (product) detail.open(product, finder.view.known.get(product) ?? null, actions);
  else detail.close();
}

function toResults() {
  window.scrollTo({ top: 0 });
  byId("results").focus({ preventScroll: true });
}

async function offerCatalogues() {
  const list = await api.catalogues().catch(() => []);
  const names = list.map((each) => each.name);
  if (!names.includes(state.catalogue())) names.unshift(state.catalogue());
  if (names.length < 2) return;
  const select = byId("catalogue");
  select.replaceChildren(...names.map((name) => h("option", { value: name, selected: name === state.catalogue() }, name)));
  select.hidden = false;
  select.addEventListener("change", () => location.assign(select.value === "default" ? "/" : `/?catalogue=${encodeURIComponent(select.value)}`));
}

// ---- listening ----

function listen() {
  byId("brand").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    state.reset();
    window.scrollTo({ top: 0 });
  });
  byId("sort").addEventListener("change", (event) => state.set({ sort: event.target.value }));
  byId("whole").addEventListener("click", () => state.set({ crop: null }, "replace"));
  byId("photo-change").addEventListener("click", () => byId("choose").click());
  byId("photo-remove").addEventListener("click", () => {
    state.set({ photo: "", crop: null });
    byId("words").focus();
  });
  byId("more").addEventListener("click", loadMore);
  byId("recent-clear").addEventListener("click", () => recent.clear().then(drawRecent));
  new IntersectionObserver(([entry]) => entry.isIntersecting && loadMore(), { rootMargin: `${AHEAD_PX}px` }).observe(byId("more"));
  listenForPhotos({ inputs: [byId("choose"), byId("take")], veil: byId("veil"), take: takePhoto, refuse: (why) => toast(t(why)) });
  detail.onClose(() => {
    if (!state.get().product) return;
    if (closesByBack) state.back();
    else state.set({ product: "" }, "replace");
  });
  onLanguage(() => {
    drawSorts();
    drawRecent();
    const { view } = finder;
    if (!view.busy && view.hits.length) showHits(view.hits, cardActions());
    if (state.get().product) showProduct();
    draw();
  });
}

history.scrollRestoration = "manual"; // the products come later than the browser would scroll
startHeader();
drawSorts();
drawRecent();
listen();
offerCatalogues();
finder.run();
finder.learn(state.get().like);
draw();
if (state.get().product) showProduct();
