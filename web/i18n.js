// Words in the shopper's language. The shop's own texts (titles, categories) stay as the shop wrote them.

import { remember } from "./preferences.js";

// Only the language in use travels; a page with texts of its own names them in `data-words`.
const load = async (wanted) => (await import(`./${document.documentElement.dataset.words ?? "words"}-${wanted}.js`)).default;
let words = await load(language());
const watchers = new Set();

/** The language in use: `en` or `zh`. `early.js` has put it on the root element. */
export function language() {
  return document.documentElement.lang === "zh" ? "zh" : "en";
}

/** The locale for `Intl`: the browser's own regional form where it is the same language. */
export function locale() {
  const wanted = language();
  return navigator.languages?.find((each) => each.toLowerCase().startsWith(wanted)) ?? (wanted === "zh" ? "zh-CN" : "en-GB");
}

/**
 * The text for `key`, `{name}` filled from `values`. A text may have the forms `one` and `other`, chosen by `values.n`.
 */
export function t(key, values = {}) {
  let text = words[key] ?? key;
  if (typeof text === "object") {
    text = text[new Intl.PluralRules(locale()).select(values.n)] ?? text.other;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? new Intl.NumberFormat(locale()).format(value) : String(value ?? "");
  });
}

/** Fills every `data-t…` of the page (or of `root`) in the language in use. */
export function translate(root = document) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const [data, attribute] of [["tLabel", "aria-label"], ["tTitle", "title"], ["tPlaceholder", "placeholder"]]) {
    const selector = `[data-${data.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const element of root.querySelectorAll(selector)) element.setAttribute(attribute, t(element.dataset[data]));
  }
}

/** Changes the language and tells everyone who asked. */
export async function setLanguage(wanted) {
  words = await load(wanted);
  document.documentElement.lang = wanted;
  remember("language", wanted);
  translate();
  for (const tell of watchers) tell();
}

/** Calls `fn` after each change of language. */
export const onLanguage = (fn) => watchers.add(fn);
