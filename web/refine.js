// Chips that refine a search by one step: in another colour, cheaper, of another brand.

import { byId, h } from "./dom.js";
import { money } from "./format.js";
import { t } from "./i18n.js";

const COLOURS = 4;

/** Draws what makes sense for the answer at hand; `change(patch)` sets it. */
export function drawRefinements(now, view, change) {
  const ranked = now.words || now.photo || now.like;
  const steps = ranked && !view.busy && !view.failed && view.hits.length > 1 ? refinements(now, view) : [];
  const host = byId("refine");
  // The place is held while the answer is on its way, so that nothing jumps when it comes.
  host.hidden = !ranked || (steps.length === 0 && !view.busy);
  if (view.busy) return;
  host.replaceChildren(...steps.map(([words, patch]) => h("li", {}, h("button", { type: "button", class: "chip", onclick: () => change(patch) }, words))));
}

/** `[[words, patch], …]` */
export function refinements(now, { hits, facets }) {
  const best = hits[0].product;
  const steps = [];
  if (now.colour.length === 0 && !now.shade) {
    const colours = (facets.colour ?? []).filter(({ count }) => count > 0);
    if (colours.length > 1) for (const { value } of colours.slice(0, COLOURS)) steps.push([t("refine_colour", { colour: value }), { colour: [value] }]);
  }
  const price = best.sale_price ?? best.price;
  const costs = (product) => Number((product.sale_price ?? product.price)?.amount);
  if (price && !now.max && hits.some(({ product }) => costs(product) < Number(price.amount))) {
    steps.push([t("refine_cheaper", { price: money(price) }), { max: justBelow(price.amount) }]);
  }
  if (best.brand && !now.notBrand && now.brand.length === 0 && hits.some(({ product }) => product.brand && product.brand !== best.brand)) {
    steps.push([t("refine_other_brand", { brand: best.brand }), { notBrand: best.brand }]);
  }
  return steps;
}

/** The next smaller amount that can be written with as many digits: "59.00" → "58.99", "1200" → "1199". */
function justBelow(amount) {
  const digits = (amount.split(".")[1] ?? "").length;
  const step = 10 ** -digits;
  return Math.max(0, Number(amount) - step).toFixed(digits);
}
