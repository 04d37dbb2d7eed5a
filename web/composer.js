// The search field: words, and before them what else is searched with (a photo, a product).

import { byId, h, icon } from "./dom.js";
import { t } from "./i18n.js";

const words = byId("words");
const given = byId("given");

/** `submit(words)` on Enter or the button; `drop(what)` when `photo` or `like` is taken away. Returns `{update(state, photo, likeTitle)}`. */
export function createComposer({ submit, drop }) {
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(words.value.trim());
  });
  // The cross of a search field empties it without a submit.
  words.addEventListener("search", () => words.value === "" && submit(""));
  // Backspace before the first letter takes away what stands there.
  words.addEventListener("keydown", (event) => {
    if (event.key !== "Backspace" || words.value !== "" || event.isComposing) return;
    const last = given.lastElementChild?.dataset.what;
    if (last) drop(last);
  });

  let written = null;
  return {
    update(state, photo, likeTitle) {
      // Only what has changed elsewhere: what the shopper is typing must stay.
      if (state.words !== written) words.value = written = state.words;
      words.placeholder = t(state.photo || state.like ? "words_with_photo" : "words_hint");
      const chips = [];
      if (state.photo) {
        const face = photo?.thumb ? h("img", { src: photo.thumb, alt: "", width: 32, height: 32 }) : icon("i-photo");
        chips.push(chip("photo", t("drop_photo"), face));
      }
      if (state.like) chips.push(chip("like", t("drop_like", { title: likeTitle }), icon("i-alike"), h("span", { class: "chip-text" }, t("like_chip", { title: likeTitle }))));
      given.replaceChildren(...chips);
    },
  };

  function chip(what, label, ...inside) {
    return h("button", { type: "button", class: `given-chip given-${what}`, dataset: { what }, "aria-label": label, title: label, onclick: () => drop(what) }, inside, icon("i-close"));
  }
}
