// <vetrina-search>: the search as one element that a shop pastes into its own pages.
//
//   <script type="module" src="https://search.shop.example/assets/widget.js"></script>
//   <vetrina-search key="pk_…"></vetrina-search>
//
// Attributes: `key` (public key of vetrina.toml), `server` (where Vetrina is; the script's own address unless told), `catalogue`, `limit`
// (products a page, 12), `lang` (`en` or `zh`; the page's unless told), `placeholder`, `filter` (always applied, in the filter language).
// Events, both bubbling: `vetrina-search` (`detail`: what was asked and how many were found) and `vetrina-select` (`detail.product`;
// `preventDefault()` keeps the browser from following the product's link).
// Looks: the custom properties of widget-style.js, and `::part(bar | field | button | card | picture | title | price | status)`.

import { h } from "./dom.js";
import { preparePhoto } from "./photo.js";
import { style } from "./widget-style.js";
import { patiently } from "./patience.js";
import { words } from "./widget-words.js";

const HOME = new URL(".", import.meta.url).href;
const TIMEOUT_MS = 30_000;
const ICONS = {
  photo: "M3.5 4.5h17v15h-17zM4 17l4.8-4.6 3.3 3.1 3.7-3.9 4.4 4.6M8.6 8a1.4 1.4 0 1 0 0 2.8 1.4 1.4 0 0 0 0-2.8z",
  camera: "M3.5 8.2c0-.9.7-1.7 1.7-1.7h2.5l1.5-2.3h5.6l1.5 2.3h2.5c1 0 1.7.8 1.7 1.7v9.1c0 1-.7 1.7-1.7 1.7H5.2c-1 0-1.7-.7-1.7-1.7zM12 9a3.6 3.6 0 1 0 0 7.2A3.6 3.6 0 0 0 12 9z",
  search: "M10.8 4.5a6.3 6.3 0 1 0 0 12.6 6.3 6.3 0 0 0 0-12.6zM15.5 15.5l5 5",
  close: "m6 6 12 12M18 6 6 18",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

class VetrinaSearch extends HTMLElement {
  static observedAttributes = ["lang", "placeholder"];

  #root = this.attachShadow({ mode: "open" });
  #running = null;
  #photo = null; // as photo.js makes it
  #region = null; // [x, y, w, h] of the photo, or null for the whole of it
  #hits = [];
  #total = 0;

  constructor() {
    super();
    for (const kind of ["dragover", "drop"]) this.#root.addEventListener(kind, (event) => this.#dropped(event));
  }

  connectedCallback() {
    this.#root.adoptedStyleSheets = [style()];
    this.#draw();
  }

  disconnectedCallback() {
    this.#running?.abort();
    this.#forget();
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#root.childElementCount) this.#draw();
  }

  /** Searches with a picture (a File or Blob) and, as they stand in the field, words. */
  async searchPhoto(file) {
    this.#forget();
    this.#photo = await preparePhoto(file);
    return this.#search();
  }

  /** Searches with words. */
  searchWords(text) {
    this.#part("field").value = text;
    return this.#search();
  }

  #t(key, values = {}) {
    return words(this.closest("[lang]")?.lang ?? document.documentElement.lang, key, values);
  }

  #part = (name) => this.#root.querySelector(`[part~="${name}"]`);

  #draw() {
    const text = this.#part("field")?.value ?? "";
    const take = (label, name, capture) =>
      h(
        "label",
        { class: capture ? "tool camera" : "tool", part: "button", title: label },
        icon(name),
        h("input", { type: "file", accept: "image/*", capture: capture ? "environment" : null, "aria-label": label, onchange: (event) => this.#chosen(event.target) }),
      );
    const form = h(
      "form",
      { class: "bar", part: "bar", role: "search", onsubmit: (event) => (event.preventDefault(), this.#search()) },
      h("input", {
        type: "search",
        class: "field",
        part: "field",
        maxlength: "500",
        autocomplete: "off",
        enterkeyhint: "search",
        "aria-label": this.#t("words"),
        placeholder: this.getAttribute("placeholder") ?? this.#t("hint"),
        onpaste: (event) => this.#pasted(event),
      }),
      take(this.#t("photo"), "photo", false),
      take(this.#t("camera"), "camera", true),
      h("button", { type: "submit", class: "go", part: "button", "aria-label": this.#t("search") }, icon("search")),
    );
    this.#root.replaceChildren(
      form,
      h("div", { class: "photo", hidden: true }),
      h("p", { class: "status", part: "status", role: "status", "aria-live": "polite" }),
      h("ul", { class: "grid" }),
      h("button", { type: "button", class: "more", part: "button", hidden: true, onclick: () => this.#more() }, this.#t("more")),
    );
    this.#part("field").value = text;
    if (this.#hits.length) this.#show(this.#hits, false);
    this.#drawPhoto([]);
  }

  #chosen(input) {
    const [file] = input.files;
    input.value = ""; // the same file can be chosen again
    if (file) this.searchPhoto(file);
  }

  #pasted(event) {
    const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    this.searchPhoto(file);
  }

  #dropped(event) {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (event.type === "drop" && file) this.searchPhoto(file);
  }

  #forget() {
    if (this.#photo?.url) URL.revokeObjectURL(this.#photo.url);
    this.#photo = this.#region = null;
  }

  /** The photo, with a frame for each product that was found in it. The choice is the shopper's. */
  #drawPhoto(regions) {
    const box = this.#root.querySelector(".photo");
    box.hidden = this.#photo === null;
    if (!this.#photo) return box.replaceChildren();
    const choose = (region) => ((this.#region = region), this.#search());
    const frames = regions.map((region, index) => {
      const [x, y, w, h_] = region;
      const chosen = JSON.stringify(region) === JSON.stringify(this.#region);
      const frame = h("button", { type: "button", class: "region", "aria-pressed": String(chosen), "aria-label": this.#t("region", { n: index + 1 }), onclick: () => choose(chosen ? null : region) });
      Object.assign(frame.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${h_ * 100}%` });
      return frame;
    });
    const remove = h("button", { type: "button", class: "remove", "aria-label": this.#t("remove"), onclick: () => this.#removePhoto() }, icon("close"));
    return box.replaceChildren(h("div", { class: "easel" }, this.#photo.url ? h("img", { src: this.#photo.url, alt: this.#t("your_photo") }) : this.#photo.name, frames), remove);
  }

  #removePhoto() {
    this.#forget();
    this.#drawPhoto([]);
    this.#part("field").focus();
    if (this.#part("field").value.trim()) this.#search();
    else this.#clear();
  }

  #clear() {
    this.#running?.abort();
    this.#hits = [];
    this.#root.querySelector(".grid").replaceChildren();
    this.#root.querySelector(".more").hidden = true;
    this.#say("");
  }

  #say(text, wrong = false) {
    const status = this.#part("status");
    status.textContent = text;
    status.classList.toggle("wrong", wrong);
  }

  async #search() {
    const text = this.#part("field").value.trim();
    if (!text && !this.#photo) return this.#clear();
    if (this.#region === null) this.#drawPhoto([]);
    this.#say(this.#t("searching"));
    this.#root.querySelector(".grid").setAttribute("aria-busy", "true");
    const answer = await this.#ask(text, 0);
    if (!answer) return undefined;
    this.#hits = answer.hits;
    this.#total = answer.total;
    if (this.#photo) this.#drawPhoto(offered(answer.understood));
    this.#show(answer.hits, false);
    const sure = answer.hits.some((hit) => hit.band === "exact");
    const calibrated = answer.hits.some((hit) => hit.band || Number.isFinite(hit.probability));
    const counted = this.#t(answer.total === 0 ? "none" : "count", { n: answer.total });
    this.#say(this.#photo && calibrated && !sure && answer.total > 0 ? `${counted}. ${this.#t("no_exact")}` : counted);
    this.dispatchEvent(new CustomEvent("vetrina-search", { bubbles: true, composed: true, detail: { text, photo: this.#photo !== null, total: answer.total } }));
    return answer;
  }

  async #more() {
    const answer = await this.#ask(this.#part("field").value.trim(), this.#hits.length);
    if (!answer) return;
    const have = new Set(this.#hits.map((hit) => hit.product.id));
    const fresh = answer.hits.filter((hit) => !have.has(hit.product.id));
    this.#hits = this.#hits.concat(fresh);
    if (fresh.length === 0) this.#total = this.#hits.length;
    this.#show(fresh, true);
  }

  /** One page of the answer; null when it failed (which is said) or nobody waits for it any more. */
  async #ask(text, offset) {
    this.#running?.abort();
    const { signal } = (this.#running = new AbortController());
    const query = { limit: Math.min(100, Math.max(1, Number(this.getAttribute("limit")) || 12)), offset };
    if (text) query.text = text;
    if (this.getAttribute("filter")) query.filter = this.getAttribute("filter");
    let body = JSON.stringify(query);
    const headers = { "x-vetrina-key": this.getAttribute("key") ?? "" };
    if (this.#photo) {
      body = new FormData();
      body.append("image", this.#photo.blob, this.#photo.name);
      body.append("query", JSON.stringify({ ...query, images: [{ part: 0, ...(this.#region ? { region: this.#region } : {}) }] }));
    } else headers["content-type"] = "application/json";
    try {
      const send = () => fetch(this.#address("search"), { method: "POST", headers, body, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
      const answer = await patiently(send, signal);
      const document_ = await answer.json();
      if (answer.ok) return document_;
      this.#fail(answer.status === 503 ? this.#t("busy") : document_.detail || this.#t("failed"));
    } catch (reason) {
      if (signal.aborted) return null;
      console.error("vetrina-search:", reason);
      this.#fail(this.#t("offline"));
    }
    return null;
  }

  #fail(text) {
    this.#root.querySelector(".grid").removeAttribute("aria-busy");
    this.#say(text, true);
  }

  #server() {
    return new URL(this.getAttribute("server") ?? HOME, document.baseURI);
  }

  #address(what) {
    return new URL(`/v1/catalogues/${encodeURIComponent(this.getAttribute("catalogue") ?? "default")}/${what}`, this.#server());
  }

  #show(hits, append) {
    const grid = this.#root.querySelector(".grid");
    grid.removeAttribute("aria-busy");
    const cards = hits.map((hit) => this.#card(hit));
    if (append) grid.append(...cards);
    else grid.replaceChildren(...cards);
    this.#root.querySelector(".more").hidden = this.#hits.length >= this.#total;
  }

  #card({ product, image, band }) {
    const picture = h("span", { class: "picture", part: "picture" });
    if (image?.url) {
      const address = new URL(image.url, this.#server());
      address.searchParams.set("w", "320");
      picture.append(h("img", { src: address.href, alt: "", loading: "lazy", decoding: "async" }));
    }
    if (band) picture.append(h("span", { class: `band ${band}` }, this.#t(`band_${band}`)));
    const price = money(product.sale_price ?? product.price);
    const inside = [
      picture,
      h("span", { class: "title", part: "title" }, product.title || product.id),
      price ? h("span", { class: "price", part: "price" }, price) : null,
      product.availability === "out_of_stock" ? h("span", { class: "out" }, this.#t("out_of_stock")) : null,
    ];
    const select = (event) => {
      const chosen = new CustomEvent("vetrina-select", { bubbles: true, composed: true, cancelable: true, detail: { product } });
      if (!this.dispatchEvent(chosen)) event.preventDefault();
    };
    const link = safeLink(product.link);
    const card = link ? h("a", { href: link, onclick: select }, inside) : h("button", { type: "button", onclick: select }, inside);
    card.className = "card";
    card.setAttribute("part", "card");
    card.dataset.id = product.id;
    return h("li", {}, card);
  }
}

/** Frames worth offering: several, or one that is clearly a part. */
function offered(understood) {
  const boxes = (understood?.regions ?? []).map((region) => region.box).filter((box) => box[2] < 0.97 || box[3] < 0.97);
  return boxes.length > 1 || (boxes.length === 1 && boxes[0][2] * boxes[0][3] < 0.6) ? boxes : [];
}

function money(price) {
  if (!price) return null;
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency: price.currency }).format(price.amount);
  } catch {
    return `${price.amount} ${price.currency ?? ""}`;
  }
}

/** A product's link, where it is one that a shopper may follow; a feed must not bring `javascript:` into a shop's page. */
function safeLink(link) {
  if (!link) return null;
  const address = URL.parse?.(link, document.baseURI) ?? (URL.canParse(link, document.baseURI) ? new URL(link, document.baseURI) : null);
  return address && ["http:", "https:"].includes(address.protocol) ? address.href : null;
}

if (!customElements.get("vetrina-search")) customElements.define("vetrina-search", VetrinaSearch);
