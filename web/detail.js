// A product's details in a dialog: all its pictures, what the shop says, a way to the shop, and products like it.

import * as api from "./api.js";
import { byId, h, icon } from "./dom.js";
import { attributeName, attributeText } from "./format.js";
import { t } from "./i18n.js";
import { explain } from "./problem.js";
import { card, hitOf, picture, priceOf, stockOf } from "./results.js";

const dialog = byId("detail");
const STRIP = 8;
let current = 0; // counts openings, so that a late answer cannot fill a dialog that has moved on

/** Tells `closed()` when the shopper closes the dialog. */
export function onClose(closed) {
  dialog.addEventListener("close", closed);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/** Closes without a word. */
export const close = () => {
  current += 1;
  if (dialog.open) dialog.close();
};

/**
 * Opens the details of a product. `known` is the product where the page has it already, else null.
 * `actions`: `link(id)`, `open(id)`, `like(product)`, `searchIn(url)`.
 */
export async function open(id, known, actions) {
  const turn = (current += 1);
  if (known) show(known, actions);
  else dialog.replaceChildren(closer(), h("div", { class: "detail-wait" }, h("h2", { id: "detail-title" }, t("searching"))));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  try {
    const product = await api.product(id);
    if (turn !== current) return;
    // Redrawn only when there is something new: a redraw would take the focus from under the shopper's hands.
    if (!known || JSON.stringify(product) !== JSON.stringify(known)) show(product, actions);
  } catch (problem) {
    if (turn !== current || known) return;
    const { title, text } = problem.status === 404 ? { title: t("gone_title"), text: problem.detail } : explain(problem);
    dialog.replaceChildren(closer(), h("div", { class: "detail-wait" }, h("h2", { id: "detail-title" }, title), h("p", {}, text)));
    return;
  }
  try {
    const { hits } = await api.similar(id, STRIP);
    if (turn === current && hits?.length) showSimilar(hits, actions);
  } catch {
    // The strip is a bonus; the details stand without it.
  }
}

const closer = () =>
  h("div", { class: "shut-line" }, h("button", { type: "button", class: "quiet icon shut", "aria-label": t("close"), onclick: () => dialog.close() }, icon("i-close")));

function show(product, actions) {
  const name = product.title || product.id;
  const images = (product.images ?? []).filter((image) => image.hash);
  const stage = h("div", { class: "stage" });
  const thumbs = h("ul", { class: "thumbs", "aria-label": t("pictures", { title: name }) });
  let shown = images[0];

  function stageImage(image) {
    shown = image;
    const ratio = image.width && image.height ? image.width / image.height : 1;
    stage.replaceChildren(
      h("img", { src: api.imageUrl(image, 800), srcset: `${api.imageUrl(image, 800)} 1x, ${api.imageUrl(image, 1600)} 2x`, alt: name, width: 800, height: Math.round(800 / ratio) }),
    );
    for (const button of thumbs.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.hash === image.hash));
  }

  if (images.length > 1) {
    thumbs.append(
      ...images.map((image, index) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", dataset: { hash: image.hash }, "aria-label": t("picture_n", { n: index + 1, title: name }), onclick: () => stageImage(image) },
            picture({ product, image: { url: api.imageUrl(image, 160).split("?")[0] } }, { width: 160 }),
          ),
        ),
      ),
    );
  }
  if (shown) stageImage(shown);
  else stage.append(picture(hitOf(product)));

  const facts = [
    ...Object.entries(product.attributes ?? {}).map(([key, value]) => [attributeName(key), attributeText(value)]),
    [t("sku"), product.id],
    [t("gtin"), product.gtin],
    [t("mpn"), product.mpn],
  ].filter(([, value]) => value);

  dialog.replaceChildren(
    closer(),
    h(
      "div",
      { class: "detail-body" },
      h("div", { class: "gallery" }, stage, images.length > 1 ? thumbs : null),
      h(
        "div",
        { class: "about" },
        product.category?.length ? h("p", { class: "path" }, product.category.join(" › ")) : null,
        h("h2", { id: "detail-title" }, name),
        product.brand ? h("p", { class: "maker" }, product.brand) : null,
        h("p", { class: "line" }, priceOf(product), stockOf(product)),
        h(
          "div",
          { class: "detail-actions" },
          safeLink(product.link) ? h("a", { class: "main", href: product.link, target: "_blank", rel: "noopener noreferrer" }, t("to_shop"), icon("i-out")) : null,
          h("button", { type: "button", class: safeLink(product.link) ? "small" : "main", onclick: () => actions.like(product) }, icon("i-alike"), t("like")),
          shown ? h("button", { type: "button", class: "small", onclick: () => actions.searchIn(api.imageUrl(shown, 1600)) }, icon("i-whole"), t("with_picture")) : null,
        ),
        product.description ? h("div", { class: "description" }, product.description.split(/\n+/).map((paragraph) => h("p", {}, paragraph))) : null,
        h("dl", { class: "facts", "aria-label": t("details") }, facts.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value)))),
      ),
    ),
    h("section", { class: "strip", hidden: true, "aria-labelledby": "strip-title" }),
  );
}

function showSimilar(hits, actions) {
  const strip = dialog.querySelector(".strip");
  if (!strip) return;
  const cards = hits.map((hit) => card(hit, actions, { level: "h4" }));
  strip.replaceChildren(h("h3", { id: "strip-title" }, t("similar")), h("ul", { class: "strip-list" }, cards));
  strip.hidden = false;
}

/** A shop's link is used only when it is a web address: a feed could hold `javascript:`. */
function safeLink(link) {
  try {
    return link && ["http:", "https:"].includes(new URL(link).protocol);
  } catch {
    return false;
  }
}

