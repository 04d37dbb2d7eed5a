// The switches every page has in its header: language and theme.

import { byId, icon } from "./dom.js";
import { language, onLanguage, setLanguage, t, translate } from "./i18n.js";
import { nextTheme, theme } from "./preferences.js";

function draw() {
  byId("language").textContent = t("language");
  byId("language").setAttribute("aria-label", t("language_label"));
  byId("language").lang = language() === "zh" ? "en" : "zh";
  byId("theme").replaceChildren(icon(`i-${theme()}`));
  byId("theme").setAttribute("aria-label", t(`theme_${theme()}`));
  byId("theme").title = t(`theme_${theme()}`);
}

/** Translates the page and makes its switches work. */
export function startHeader() {
  byId("language").addEventListener("click", () => setLanguage(language() === "zh" ? "en" : "zh"));
  byId("theme").addEventListener("click", () => {
    nextTheme();
    draw();
  });
  onLanguage(draw);
  translate();
  draw();
}
