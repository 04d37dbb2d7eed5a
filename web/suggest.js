// What a shopper may be about to type, under the search field: the combobox pattern of the ARIA Authoring Practices. Arrows go through the
// suggestions, Enter takes one, Escape closes them; nothing is chosen unless the shopper does.

import * as api from "./api.js";
import { debounce, h } from "./dom.js";
import { t } from "./i18n.js";

const PAUSE_MS = 90;

/** `words` is the field, `list` an empty `ul`; `choose(suggestion)` is called with `{kind, text, value, id}`. */
export function createSuggestions({ words, list, choose }) {
  let shown = [];
  let active = -1;
  let running = null;

  const close = () => {
    running?.abort();
    soon.cancel();
    shown = [];
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    words.setAttribute("aria-expanded", "false");
    words.removeAttribute("aria-activedescendant");
  };

  const take = (index) => {
    const chosen = shown[index];
    close();
    choose(chosen);
  };

  const mark = (index) => {
    active = index;
    for (const [at, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(at === index));
    if (index < 0) words.removeAttribute("aria-activedescendant");
    else words.setAttribute("aria-activedescendant", list.children[index].id);
  };

  const draw = (suggestions, typed) => {
    shown = suggestions;
    list.replaceChildren(
      ...suggestions.map(({ kind, text }, index) =>
        h(
          "li",
          {
            id: `suggestion-${index}`,
            role: "option",
            "aria-selected": "false",
            onpointerdown: (event) => event.preventDefault(), // the field keeps the cursor
            onclick: () => take(index),
          },
          h("span", { class: "what" }, emphasised(text, typed)),
          kind === "query" ? null : h("span", { class: "kind" }, t(`suggest_${kind}`)),
        ),
      ),
    );
    list.hidden = suggestions.length === 0;
    words.setAttribute("aria-expanded", String(suggestions.length > 0));
    mark(-1);
  };

  const ask = async () => {
    running?.abort();
    const typed = words.value.trim();
    if (!typed) return close();
    const { signal } = (running = new AbortController());
    // Suggestions are a help: without them the search works all the same.
    const suggestions = await api.suggest(typed, signal).catch(() => []);
    if (!signal.aborted && document.activeElement === words) draw(suggestions, typed);
    return undefined;
  };
  const soon = debounce(ask, PAUSE_MS);

  words.addEventListener("input", (event) => (event.isComposing ? undefined : soon()));
  words.addEventListener("compositionend", soon);
  words.addEventListener("blur", close);
  words.form.addEventListener("submit", close);
  words.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    const count = shown.length;
    if (event.key === "ArrowDown") mark(active + 1 >= count ? -1 : active + 1);
    else if (event.key === "ArrowUp") mark(active < 0 ? count - 1 : active - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && active >= 0) take(active);
    else return;
    event.preventDefault();
  });
}

/** The text with what was typed as it is and the rest, which is the news, strong. */
function emphasised(text, typed) {
  const at = text.toLocaleLowerCase().indexOf(typed.toLocaleLowerCase());
  if (at < 0) return [text];
  return [h("b", {}, text.slice(0, at)), text.slice(at, at + typed.length), h("b", {}, text.slice(at + typed.length))];
}
