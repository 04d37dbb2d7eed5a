// Product cards, and what stands in their place: skeletons while waiting, a word when there are none, an error with a way out.

import { imageUrl, pictureUrl } from "./api.js";
import { byId, h, icon } from "./dom.js";
import { money, stock } from "./format.js";
import { locale, t } from "./i18n.js";

const CARD_WIDTH = 320; // of the thumbnail asked for
const TALLEST = 1.75; // beyond this ratio of the sides a picture is shown whole instead of filling its square

const grid = byId("grid");
const stateBox = byId("state");

/** A product of the window as a hit, so that cards have one shape. */
export const hitOf = (product) => ({ product, image: { url: imageUrl(product.images?.[0], 0)?.split("?")[0] ?? null } });

/** The picture of a hit, in a square; an icon where there is none or it does not load. */
export function picture(hit, { width = CARD_WIDTH, eager = false } = {}) {
  const url = hit.image?.url;
  const nothing = () => h("span", { class: "no-picture" }, icon("i-photo"));
  if (!url) return nothing();
  const known = hit.product.images?.find((image) => image.hash && url.includes(image.hash));
  const ratio = known?.width && known?.height ? known.width / known.height : 1;
  const image = h("img", {
    src: pictureUrl(url, width),
    srcset: `${pictureUrl(url, width)} 1x, ${pictureUrl(url, width * 2)} 2x`,
    alt: "", // the title stands beside it, in the same link
    width,
    height: Math.round(width / ratio),
    loading: eager ? null : "lazy",
    decoding: "async",
    onload: (event) => event.target.classList.add("loaded"),
    onerror: (event) => event.target.replaceWith(nothing()),
  });
  if (ratio > TALLEST || ratio < 1 / TALLEST) image.classList.add("contained");
  // The part that was found stays in sight when the square cuts the picture.
  const region = hit.image.region;
  if (region && (region[2] < 0.95 || region[3] < 0.95)) {
    const centre = (start, size) => `${Math.round(Math.min(1, Math.max(0, (start + size / 2 - 0.25) * 2)) * 100)}%`;
    image.style.objectPosition = `${centre(region[0], region[2])} ${centre(region[1], region[3])}`;
  }
  return image;
}

/** Price and sale price. */
export function priceOf(product) {
  const price = money(product.price);
  const sale = money(product.sale_price);
  if (!price && !sale) return h("span", { class: "price none" }, t("no_price"));
  if (!sale || !price) return h("span", { class: "price" }, sale ?? price);
  return h(
    "span",
    { class: "price" },
    h("ins", {}, h("span", { class: "unseen" }, t("now")), sale),
    " ",
    h("del", {}, h("span", { class: "unseen" }, t("was")), price),
  );
}

/** Whether it can be bought, as a dot and words. */
export function stockOf(product) {
  const { kind, text } = stock(product);
  return h("span", { class: `stock ${kind}` }, text);
}

/** How well it fits: the calibrated band where the server gives one, else the score. Nothing in the window. */
function fit(hit) {
  if (hit.band === "exact" || hit.band === "similar") {
    const sure = hit.probability >= 0 ? t("probability", { n: Math.round(hit.probability * 100) }) : null;
    return h("span", { class: `fit ${hit.band}`, title: sure }, t(`band_${hit.band}`));
  }
  if (!Number.isFinite(hit.score)) return null;
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return h("span", { class: "fit score" }, t("score", { n: new Intl.NumberFormat(locale(), digits).format(hit.score) }));
}

/** One card. `level` is its heading's. `actions`: `link(id)` gives its address, `open(id)` and `like(product)` act; `ranked: false` says that scores mean nothing here. */
export function card(hit, actions, { level = "h2", eager = false } = {}) {
  const { product } = hit;
  const reasons = (hit.reasons ?? []).slice(0, 2);
  return h(
    "li",
    { class: "card", dataset: { id: product.id } },
    h(
      "a",
      { class: "open", href: actions.link(product.id), onclick: (event) => plainClick(event) && actions.open(product.id) },
      h("span", { class: "tile" }, picture(hit, { eager }), actions.ranked === false ? null : fit(hit)),
      h(
        "span",
        { class: "text" },
        product.brand ? h("span", { class: "maker" }, product.brand) : null,
        h(level, { class: "title" }, product.title || product.id),
        h("span", { class: "line" }, priceOf(product), stockOf(product)),
        reasons.length ? h("span", { class: "reasons" }, reasons.join(" · ")) : null,
      ),
    ),
    h(
      "button",
      { type: "button", class: "alike", "aria-label": t("like_of", { title: product.title || product.id }), onclick: () => actions.like(product) },
      icon("i-alike"),
      h("span", {}, t("like")),
    ),
  );
}

/** A click that should stay on the page: not one that opens a tab. Keeps the browser from following the link. */
export function plainClick(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return false;
  event.preventDefault();
  return true;
}

/** Shows hits; with `append`, after those that are there. */
export function showHits(hits, actions, append = false) {
  stateBox.hidden = true;
  const cards = hits.map((hit, index) => card(hit, actions, { eager: !append && index < 8 }));
  if (append) grid.append(...cards);
  else grid.replaceChildren(...cards);
  grid.removeAttribute("aria-busy");
  grid.classList.remove("waiting");
}

/** While an answer is on its way: dims what is there, or draws empty cards where there is nothing yet. */
export function showWaiting(anew) {
  grid.setAttribute("aria-busy", "true");
  stateBox.hidden = true;
  const skeletons = grid.querySelector(".skeleton") !== null;
  if (!anew && grid.childElementCount && !skeletons) return grid.classList.add("waiting");
  if (skeletons) return undefined;
  grid.classList.remove("waiting");
  const line = (kind) => h("span", { class: `bone ${kind}` });
  return grid.replaceChildren(
    ...Array.from({ length: 10 }, () => h("li", { class: "card skeleton", "aria-hidden": "true" }, h("span", { class: "tile" }), line("short"), line("long"), line("short"))),
  );
}

/** A message in place of cards. `actions`: `[[words, fn or address], …]`, the first one the main one. */
export function showState(kind, title, text, actions = [], extra = null) {
  grid.replaceChildren();
  grid.removeAttribute("aria-busy");
  grid.classList.remove("waiting");
  stateBox.className = `state ${kind}`;
  stateBox.replaceChildren(
    drawing(kind),
    h(kind === "empty" ? "h1" : "h2", {}, title),
    text ? h("p", {}, text) : null ?? "",
    extra ?? "",
    h(
      "div",
      { class: "state-actions" },
      actions.map(([words, act], index) => {
        const look = index === 0 ? "main" : "small";
        return typeof act === "string" ? h("a", { class: look, href: act }, words) : h("button", { type: "button", class: look, onclick: act }, words);
      }),
    ),
  );
  stateBox.hidden = false;
}

function drawing(kind) {
  return h("span", { class: "drawing" }, icon({ empty: "mark", none: "i-search", error: "i-close" }[kind]));
}
