// The basic colours to search by: a row of swatches. Choosing one shows products of that colour first.

import { h } from "./dom.js";
import { t } from "./i18n.js";

/** The families of the engine's colour names, each with a typical value. */
export const SHADES = Object.freeze({
  black: "#121214",
  white: "#fafafa",
  grey: "#808080",
  beige: "#dac9a8",
  brown: "#7b4f2f",
  red: "#c81f2b",
  orange: "#f5821f",
  yellow: "#f7de25",
  green: "#2f8f3c",
  blue: "#225fc4",
  purple: "#6d3593",
  pink: "#f3b4c8",
});

/** What a colour is called here: by its name where it has one, else by its value. */
export const shadeName = (shade) => (Object.hasOwn(SHADES, shade) ? t(`shade_${shade}`) : shade);

/** A dot of a colour; decoration only. */
export function dot(shade) {
  const element = h("i", { class: "swatch", "aria-hidden": "true" });
  const value = SHADES[shade] ?? shade;
  if (/^#[0-9a-f]{6}$/i.test(value)) element.style.background = value;
  return element;
}

/** The row. `change(shade)` gets what was chosen, "" when it was given up. Returns `{element, update(chosen)}`. */
export function createSwatches(change) {
  const buttons = Object.keys(SHADES).map((shade) => {
    const button = h("button", { type: "button", class: "tint", onclick: () => change(button.getAttribute("aria-pressed") === "true" ? "" : shade) }, dot(shade));
    return [shade, button];
  });
  const element = h("div", { class: "tints", role: "group" }, ...buttons.map(([, button]) => button));
  return {
    element,
    update(chosen) {
      element.setAttribute("aria-label", t("shades"));
      for (const [shade, button] of buttons) {
        button.setAttribute("aria-pressed", String(shade === chosen));
        button.setAttribute("aria-label", shadeName(shade));
        button.title = shadeName(shade);
      }
    },
  };
}
