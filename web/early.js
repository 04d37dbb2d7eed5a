// Runs before the first paint, so that a remembered theme or language never flashes. Classic script: modules run too late.
(function () {
  var root = document.documentElement;
  try {
    var theme = localStorage.getItem("vetrina.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    var language = localStorage.getItem("vetrina.language") || navigator.language || "en";
    root.lang = /^zh/i.test(language) ? "zh" : "en";
  } catch (blocked) {
    root.lang = /^zh/i.test(navigator.language || "") ? "zh" : "en";
  }
  var here = new URLSearchParams(location.search);
  // A shared link to a search opens in the layout of results, not in the layout of the start page.
  root.dataset.view = ["q", "like", "photo", "category", "brand", "colour", "shade", "not-brand", "min", "max", "stock"].some(function (key) { return here.has(key); })
    ? "search"
    : "window";
})();
