// The HTTP interface of docs/api.md, as far as the page needs it.

import { filterOf } from "./filter-language.js";
import { patiently } from "./patience.js";
import { catalogue } from "./state.js";

const TIMEOUT_MS = 30_000;

/** What went wrong, as the server's problem document (RFC 9457) says it, or as the network did. */
export class Problem extends Error {
  /** `kind`: `problem` (the server answered), `offline` (nobody answered), `slow` (no answer in time). */
  constructor(kind, { status = 0, title = "", detail = "", item = null, code = "" } = {}) {
    super(detail || title || kind);
    Object.assign(this, { kind, status, title, detail, item, code });
  }
}

const home = () => `/v1/catalogues/${encodeURIComponent(catalogue())}`;

/** A picture of `width` pixels or less. `url` is a hit's `image.url`. */
export const pictureUrl = (url, width) => `${url}${url.includes("?") ? "&" : "?"}w=${width}`;

/** Address of one of a product's `images`, or null where its bytes have not been read. */
export const imageUrl = (image, width) => (image?.hash ? pictureUrl(`/v1/images/${encodeURIComponent(image.hash)}`, width) : null);

/** All catalogues with their sizes. */
export const catalogues = (signal) => call("/v1/catalogues", { signal }).then((body) => body.catalogues ?? []);

/** The window: products in the shop's order. */
export const products = (offset, limit, signal) => call(`${home()}/products?limit=${limit}&offset=${offset}`, { signal });

/** One product by its id. */
export const product = (id, signal) => call(`${home()}/products/${encodeURIComponent(id)}`, { signal }).then((body) => body.product ?? body);

/** What a shopper may be about to type: `[{kind, text, value?, id?}]`. */
export const suggest = (text, signal) => call(`${home()}/suggest?q=${encodeURIComponent(text)}&limit=8`, { signal }).then((body) => body.suggestions ?? []);

/** Hits like one product. */
export const similar = (id, limit, signal) => call(`${home()}/products/${encodeURIComponent(id)}/similar?limit=${limit}`, { signal });

/**
 * One search. `state` as in state.js; `photo` is its photo or null. `without` names a facet whose own filter is left
 * out, which gives the counts that the shopper would get by choosing another of its values.
 */
export function search(state, photo, { limit, offset = 0, facets = [], without = "" }, signal) {
  const query = { limit, offset };
  if (state.words) query.text = state.words;
  if (state.like) query.like = [state.like];
  const filter = filterOf(without ? { ...state, [without]: [] } : state);
  if (state.shade) query.colour = state.shade;
  if (filter) query.filter = filter;
  else if (!state.words && !state.like && !state.shade && !photo) query.filter = "in_stock OR NOT in_stock"; // everything
  if (facets.length) query.facets = facets;
  if (state.sort) {
    const [field, order] = state.sort.split(":");
    query.sort = [{ [field]: order }];
  }
  if (!photo) {
    return call(`${home()}/search`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(query), signal });
  }
  query.images = [state.crop ? { part: 0, region: state.crop.map((n) => +n.toFixed(4)) } : { part: 0 }];
  const form = new FormData();
  form.append("image", photo.blob, photo.name);
  form.append("query", JSON.stringify(query));
  return call(`${home()}/search`, { method: "POST", body: form, signal });
}

/** Fetches JSON. Waits and asks again when the server says that it is busy for a moment only. `timeout: 0` waits without end. */
export async function call(path, options = {}) {
  let response;
  let slow;
  const send = () => {
    slow = options.timeout === 0 ? new AbortController().signal : AbortSignal.timeout(TIMEOUT_MS);
    return fetch(path, { ...options, signal: options.signal ? AbortSignal.any([options.signal, slow]) : slow });
  };
  try {
    response = await patiently(send, options.signal);
  } catch (reason) {
    if (options.signal?.aborted) throw reason; // nobody waits for this answer any more
    throw new Problem(slow.aborted ? "slow" : "offline");
  }
  const text = await response.text().catch((reason) => {
    if (options.signal?.aborted) throw reason;
    throw new Problem(slow.aborted ? "slow" : "offline");
  });
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new Problem("problem", { status: response.status, title: "", detail: text.slice(0, 300) });
  }
  if (!response.ok) throw new Problem("problem", { status: response.status, detail: body ? "" : text.slice(0, 300), ...body });
  return body;
}
