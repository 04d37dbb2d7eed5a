// Building elements without a framework: h("li", {class: "card"}, child, "text").

const SVG = "http://www.w3.org/2000/svg";

/** Looks an element up by id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. `props`: `class`, `on…` (listeners), `dataset` (object), booleans (present or absent), anything else as attribute.
 * Children: nodes, strings, arrays of these; null, undefined and false are left out.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** One of the icons of the sprite in the page. Decoration only: the words are in the button. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

/** Calls `fn` once, `wait` ms after the last call. `.cancel()` forgets a waiting call. */
export function debounce(fn, wait) {
  let timer = 0;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), wait);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

let toastTimer = 0;

/** Says something short that nobody has to answer. */
export function toast(message) {
  const box = byId("toast");
  box.textContent = message;
  box.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove("shown"), 5000);
}
