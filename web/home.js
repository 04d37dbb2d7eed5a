// The start page: the window display beside the words, category pills, and photos used before.

import { pictureUrl } from "./api.js";
import { byId, h } from "./dom.js";
import { ago } from "./format.js";
import { t } from "./i18n.js";
import * as recent from "./recent.js";

const PILLS = 10;

/** Puts three of the shop's own pictures into the display, the middle one under the search frame. */
export function showDisplay(hits) {
  const display = byId("display");
  const seen = new Set(); // variants often share a picture
  const pictured = hits.filter(({ image }) => image?.url && !seen.has(image.url) && seen.add(image.url));
  // Upright pictures lose least in the display's frames.
  const upright = pictured.filter(({ product: { images: [first] } }) => first.width && first.width <= first.height * 1.05);
  const chosen = spread(upright.length >= 3 ? upright : pictured, 3);
  display.replaceChildren(
    ...chosen.map((hit, index) =>
      h(
        "span",
        { class: `piece piece-${index}` },
        h("img", { src: pictureUrl(hit.image.url, 480), alt: "", width: 480, height: 600, onload: (event) => event.target.classList.add("loaded") }),
        index === 1 ? h("span", { class: "lens" }, h("i"), h("i"), h("i"), h("i")) : null,
      ),
    ),
  );
  display.hidden = chosen.length < 3;
}

/** `n` items spread evenly over a list, so that the display shows different kinds of products. */
function spread(list, n) {
  if (list.length <= n) return list;
  return Array.from({ length: n }, (_, index) => list[Math.floor(((index + 0.5) * list.length) / n)]);
}

/** The largest categories as links into the catalogue. `choose(value)` sets one. */
export function showPills(values, choose) {
  const pills = byId("pills");
  const top = values.filter((each) => each.value && !each.value.includes(" > ")).slice(0, PILLS);
  pills.hidden = top.length < 2;
  pills.replaceChildren(
    ...top.map(({ value, count }) => h("li", {}, h("button", { type: "button", class: "pill", onclick: () => choose(value) }, value, h("span", { class: "number" }, String(count))))),
  );
}

/** Photos used before; `use(id)` searches with one again. */
export async function showRecent(use) {
  const photos = await recent.list();
  byId("recent").hidden = photos.length === 0;
  byId("recent-list").replaceChildren(
    ...photos.map((photo) =>
      h(
        "li",
        {},
        h("button", { type: "button", "aria-label": t("recent_use", { when: ago(photo.at) }), onclick: () => use(photo.id) }, h("img", { src: photo.thumb, alt: "", width: 56, height: 56 })),
      ),
    ),
  );
}
