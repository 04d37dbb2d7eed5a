// What is being searched for, kept in the address, so that back, forward, reload and sharing work.

/** A search that asks for nothing: the shop window. Lists are never changed in place. */
const EMPTY = Object.freeze({
  words: "", // what the shopper typed
  like: "", // id of the product that the hits should be like
  photo: "", // id of the photo in this browser (see recent.js); the bytes never go into the address
  crop: null, // [x, y, w, h] in fractions of the photo; null is the whole of it
  category: [],
  brand: [],
  colour: [],
  shade: "", // a colour to come first: a name or #rrggbb; the filter is `colour`
  notBrand: "", // "other brand": this one is left out
  min: "", // lowest price, as typed
  max: "",
  stock: false, // in stock only
  sort: "", // "price:asc" | "price:desc" | "" for best match
  product: "", // id of the product whose details are open
});

const ADDRESS_PAUSE_MS = 120;
const BACK_MS = 1000; // longer than any browser takes to go back
const watchers = new Set();
let waiting = 0; // timer of a change that is not in the address yet
let going; // changes that come after the step back that the browser is making, while it is making one
let patience = 0; // timer of a step back that the browser does not make
let state = read();

/** The state now. */
export const get = () => state;

/** The catalogue named in the address; changing it loads the page anew. */
export const catalogue = () => new URLSearchParams(location.search).get("catalogue") || "default";

/** Calls `fn(state, before, how)` after each change; `how` is as given to `set`, or `arrive` when the browser went back or forward. */
export const subscribe = (fn) => watchers.add(fn);

/**
 * Changes some of the state. `history`: `push` makes a step that the back button undoes, `replace` makes none; neither does `soon`, which waits
 * for a pause, because browsers refuse an address that changes as often as a dragged frame does.
 */
export function set(patch, history = "push") {
  if (going) return void going.push([patch, history]);
  const before = state;
  state = Object.freeze({ ...state, ...patch });
  if (history === "push") {
    flush(before);
    if (write(state) !== here()) window.history.pushState(null, "", write(state));
  } else if (history === "replace") flush(state);
  else {
    clearTimeout(waiting);
    waiting = setTimeout(() => flush(state), ADDRESS_PAUSE_MS);
  }
  for (const tell of watchers) tell(state, before, history);
}

/** One step back, as with the browser's own button. The browser takes its time: what is changed meanwhile would be a step it goes back over. */
export function back() {
  if (going) return;
  going = [];
  window.history.back();
  patience = setTimeout(gone, BACK_MS);
}

/** The browser has gone back, or does not. */
function gone() {
  clearTimeout(patience);
  const later = going ?? [];
  going = undefined;
  for (const change of later) set(...change);
}

/** Writes what has not yet got into the address. */
function flush(now) {
  clearTimeout(waiting);
  waiting = 0;
  if (write(now) !== here()) window.history.replaceState(null, "", write(now));
}

const here = () => location.pathname + location.search;

/** Back to the shop window, keeping nothing. */
export const reset = () => set({ ...EMPTY });

/** Whether anything is asked for; details may be open all the same. */
export const asksNothing = (s = state) => !s.words && !s.like && !s.photo && !filtersUsed(s);

/** How many filters are set. */
export const filtersUsed = (s = state) => s.category.length + s.brand.length + s.colour.length + (s.shade ? 1 : 0) + (s.notBrand ? 1 : 0) + (s.min || s.max ? 1 : 0) + (s.stock ? 1 : 0);

/** Patch that takes all filters off. */
export const noFilters = () => ({ category: [], brand: [], colour: [], shade: "", notBrand: "", min: "", max: "", stock: false });

/** The address of a state; used for links too, so that a new tab works. */
export function write(s) {
  const params = new URLSearchParams();
  if (catalogue() !== "default") params.set("catalogue", catalogue());
  if (s.words) params.set("q", s.words);
  if (s.like) params.set("like", s.like);
  if (s.photo) params.set("photo", s.photo);
  if (s.photo && s.crop) params.set("crop", s.crop.map((n) => +n.toFixed(4)).join(","));
  for (const each of s.category) params.append("category", each);
  for (const each of s.brand) params.append("brand", each);
  for (const each of s.colour) params.append("colour", each);
  if (s.shade) params.set("shade", s.shade);
  if (s.notBrand) params.set("not-brand", s.notBrand);
  if (s.min) params.set("min", s.min);
  if (s.max) params.set("max", s.max);
  if (s.stock) params.set("stock", "1");
  if (s.sort) params.set("sort", s.sort);
  if (s.product) params.set("product", s.product);
  const query = params.toString();
  return query ? `/?${query}` : "/";
}

function read() {
  const params = new URLSearchParams(location.search);
  const amount = (name) => (/^\d+([.]\d+)?$/.test(params.get(name) ?? "") ? params.get(name) : "");
  return Object.freeze({
    words: (params.get("q") ?? "").trim().slice(0, 500),
    like: params.get("like") ?? "",
    photo: params.get("photo") ?? "",
    crop: readCrop(params.get("crop")),
    category: params.getAll("category"),
    brand: params.getAll("brand"),
    colour: params.getAll("colour"),
    shade: (params.get("shade") ?? "").slice(0, 40),
    notBrand: params.get("not-brand") ?? "",
    min: amount("min"),
    max: amount("max"),
    stock: params.get("stock") === "1",
    sort: ["price:asc", "price:desc"].includes(params.get("sort")) ? params.get("sort") : "",
    product: params.get("product") ?? "",
  });
}

function readCrop(text) {
  const numbers = (text ?? "").split(",").map(Number);
  if (numbers.length !== 4 || !numbers.every((n) => Number.isFinite(n) && n >= 0 && n <= 1)) return null;
  const [x, y, w, h] = numbers;
  return w > 0 && h > 0 && x + w <= 1.0001 && y + h <= 1.0001 ? numbers : null;
}

window.addEventListener("popstate", () => {
  clearTimeout(waiting);
  const before = state;
  state = read();
  for (const tell of watchers) tell(state, before, "arrive");
  gone();
});
