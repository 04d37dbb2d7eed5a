// What the shopper chose for this browser: theme and language. Storage may be forbidden; then it lasts until the page closes.

const PREFIX = "vetrina.";
const THEMES = ["auto", "light", "dark"];

/** Keeps a preference; `null` forgets it. */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Private window or storage switched off: nothing to do.
  }
}

/** The theme in use: `auto`, `light` or `dark`. */
export const theme = () => document.documentElement.dataset.theme ?? "auto";

/** Goes from auto to light to dark and round again; returns the new one. */
export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  remember("theme", next === "auto" ? null : next);
  return next;
}
