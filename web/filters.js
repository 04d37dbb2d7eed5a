// Filters: category, brand, colour, price, stock; and the chips that say what is set. On a phone they move into a sheet.

import { asTree, lastOf, related } from "./category.js";
import { byId, debounce, h, icon } from "./dom.js";
import { money } from "./format.js";
import { t } from "./i18n.js";
import { filtersUsed, noFilters } from "./state.js";
import { createSwatches, dot, shadeName } from "./swatches.js";

const SHORT_LIST = 8; // values shown before "show all"

/**
 * Draws the filters into `host` and keeps them. `change(patch)` is called with what the shopper set.
 * Returns `{update(state, facets, currency), chips(state, currency)}`; `facets` is `{category: [{value, count}], brand: […]}`, a field missing while it is not known.
 */
export function createFilters(host, change) {
  const swatches = createSwatches((shade) => change({ shade }));
  const groups = { category: valueGroup("category"), brand: valueGroup("brand"), colour: valueGroup("colour", swatches.element) };
  const min = amountInput("min");
  const max = amountInput("max");
  const stock = h("input", { type: "checkbox", onchange: () => change({ stock: stock.checked }) });
  const texts = [];
  const text = (key, element) => (texts.push([key, element]), element);
  const clear = text("clear_all", h("button", { type: "button", class: "link", onclick: () => change(noFilters()) }));
  const currencyMark = h("span", { class: "unit" });
  const price = h(
    "fieldset",
    {},
    h("legend", {}, text("price", h("span")), currencyMark),
    h("div", { class: "range" }, h("label", {}, text("from", h("span")), min), h("label", {}, text("to", h("span")), max)),
  );
  const availability = h("fieldset", {}, text("availability", h("legend")), h("label", { class: "tick" }, stock, text("only_in_stock", h("span", { class: "value" }))));
  const title = text("filters", h("h2", { id: "filters-title" }));
  host.replaceChildren(h("div", { class: "filters-head" }, title, clear), groups.category.element, price, groups.brand.element, groups.colour.element, availability);

  function amountInput(name) {
    const send = debounce(() => {
      const typed = input.value.trim().replace(",", ".");
      const valid = typed === "" || /^\d+([.]\d+)?$/.test(typed);
      input.setAttribute("aria-invalid", String(!valid));
      if (valid) change({ [name]: typed });
    }, 500);
    const input = h("input", { type: "text", inputmode: "decimal", autocomplete: "off", oninput: send });
    return input;
  }

  /** A list of values to tick. A group with a `head` above them is there even when nothing can be ticked. */
  function valueGroup(field, head = null) {
    const list = h("ul", {});
    const all = h("button", { type: "button", class: "link", onclick: () => ((open = !open), draw()) });
    const legend = h("legend");
    const element = h("fieldset", {}, legend, head, list, all);
    let [values, chosen, open] = [[], [], false];

    function draw() {
      const focused = document.activeElement?.closest?.("fieldset") === element ? document.activeElement.value : null;
      legend.textContent = t(field);
      element.hidden = values.length === 0 && !head;
      const shown = open ? values : values.filter((each, index) => index < SHORT_LIST || chosen.includes(each.value));
      list.replaceChildren(...shown.map(row));
      all.hidden = values.length <= SHORT_LIST;
      all.textContent = open ? t("show_less") : t("show_all", { n: values.length });
      // Redrawing must not throw the keyboard out of the list.
      if (focused) list.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
    }

    /** Holds the place of values that are not known yet, so that nothing jumps when they are. */
    function bones() {
      if (values.length) return;
      legend.textContent = t(field);
      all.hidden = true;
      list.replaceChildren(...Array.from({ length: 5 }, () => h("li", { class: "tick", "aria-hidden": "true" }, h("span", { class: "bone" }))));
    }

    function row({ value, count, depth, label }) {
      const box = h("input", {
        type: "checkbox",
        value,
        onchange: () => change({ [field]: box.checked ? [...chosen.filter((each) => !related(each, value)), value] : chosen.filter((each) => each !== value) }),
      });
      box.checked = chosen.includes(value);
      return h("li", { class: `depth-${depth}` }, h("label", { class: "tick" }, box, h("span", { class: "value" }, label), h("span", { class: "number" }, String(count ?? ""))));
    }

    return {
      element,
      update(counted, selected) {
        chosen = selected;
        if (!counted) return bones();
        const missing = selected.filter((value) => !counted.some((each) => each.value === value)).map((value) => ({ value, count: 0 }));
        values = field === "category" ? asTree([...counted, ...missing]) : [...counted, ...missing].map((each) => ({ ...each, depth: 0, label: each.value }));
        draw();
      },
    };
  }

  return {
    update(state, facets, currency) {
      for (const [key, element] of texts) element.textContent = t(key);
      min.setAttribute("aria-label", t("price_min"));
      max.setAttribute("aria-label", t("price_max"));
      for (const field of Object.keys(groups)) groups[field].update(facets[field], state[field]);
      for (const [input, value] of [[min, state.min], [max, state.max]]) if (document.activeElement !== input) input.value = value;
      swatches.update(state.shade);
      stock.checked = state.stock;
      currencyMark.textContent = currency ? ` (${currency})` : "";
      clear.hidden = filtersUsed(state) === 0;
    },
    chips(state, currency) {
      const chip = (what, patch, said = what) =>
        h("li", {}, h("button", { type: "button", class: "chip", "aria-label": t("chip_remove", { what: said }), onclick: () => change(patch) }, h("span", {}, what), icon("i-close")));
      const chips = [];
      for (const field of Object.keys(groups)) {
        for (const value of state[field]) chips.push(chip(lastOf(value), { [field]: state[field].filter((each) => each !== value) }));
      }
      if (state.shade) chips.push(chip([dot(state.shade), t("refine_colour", { colour: shadeName(state.shade) })], { shade: "" }, t("refine_colour", { colour: shadeName(state.shade) })));
      if (state.min || state.max) {
        const asMoney = (amount) => money({ amount, currency });
        const key = state.min && state.max ? "price_between" : state.min ? "price_from" : "price_to";
        chips.push(chip(t(key, { min: state.min && asMoney(state.min), max: state.max && asMoney(state.max) }), { min: "", max: "" }));
      }
      if (state.notBrand) chips.push(chip(t("not_brand", { brand: state.notBrand }), { notBrand: "" }));
      if (state.stock) chips.push(chip(t("only_in_stock"), { stock: false }));
      if (chips.length > 1) chips.push(h("li", {}, h("button", { type: "button", class: "link", onclick: () => change(noFilters()) }, t("clear_all"))));
      return chips;
    },
  };
}

/** The sheet for small screens: borrows the filters while it is open, so that there is one set of them. */
export function createSheet({ home, filters, opener }) {
  const sheet = byId("sheet");
  const done = h("button", { type: "button", class: "main", onclick: () => sheet.close() });
  const shut = h("button", { type: "button", class: "quiet icon shut", onclick: () => sheet.close() }, icon("i-close"));
  const body = h("div", { class: "sheet-body" });
  sheet.replaceChildren(h("div", { class: "shut-line" }, shut), body, h("div", { class: "sheet-foot" }, done));
  opener.addEventListener("click", () => {
    body.append(filters);
    shut.setAttribute("aria-label", t("close"));
    sheet.showModal();
  });
  sheet.addEventListener("close", () => home.append(filters));
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  matchMedia("(min-width: 60rem)").addEventListener("change", () => sheet.open && sheet.close());
  return { count: (n) => (done.textContent = t("filters_done", { n })) };
}
