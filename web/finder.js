// The search under way: one at a time, the newest wins; pages of it; what was found before, for the back button.

import * as api from "./api.js";
import * as recent from "./recent.js";
import { hitOf } from "./results.js";
import * as state from "./state.js";

const PAGE = 24;
const FACETS = ["category", "brand", "colour"];
const REMEMBERED = 12; // answers kept for going back

const NOTHING = Object.freeze({ hits: [], total: 0, exact: true, took: null, understood: null, meant: "", facets: {} });

/**
 * Makes the finder. `tell` has `waiting(anew)`, `shown(hits, append)`, `changed()` and `gone()` (the photo of the address is not kept here).
 *
 * `view` is what is known now: the fields of `NOTHING`, and `photo`, `currency`, `window` (nothing was asked for), `busy`, `loading` (a further
 * page), `failed` (a Problem or null), `known` (id → product).
 */
export function createFinder(tell) {
  const view = { ...NOTHING, photo: null, currency: "", window: null, busy: false, loading: false, failed: null, known: new Map() };
  const before = new Map(); // address → answer, oldest first
  let running = null;

  const addressOf = (now) => state.write({ ...now, product: "" });

  /** Keeps the answer on the screen, with how far it is scrolled, for the address of `left`. */
  function leave(left) {
    if (view.busy || view.failed) return;
    const { hits, total, exact, took, understood, meant, facets, photo, window: window_ } = view;
    before.delete(addressOf(left));
    before.set(addressOf(left), { answer: { hits, total, exact, took, understood, meant, facets, photo, window: window_ }, scroll: window.scrollY });
    if (before.size > REMEMBERED) before.delete(before.keys().next().value);
  }

  /** Shows again what was found for the state; how far it was scrolled, or null when it is not remembered. */
  function again(now) {
    const kept = before.get(addressOf(now));
    if (!kept) return null;
    running?.abort();
    running = new AbortController();
    Object.assign(view, kept.answer, { busy: false, loading: false, failed: null });
    tell.shown(view.hits, false);
    tell.changed();
    return kept.scroll;
  }

  /** Searches for the state as it is now; takes the place of a search under way. */
  async function run() {
    running?.abort();
    const { signal } = (running = new AbortController());
    const now = state.get();
    const anew = view.failed !== null || view.window !== state.asksNothing(now) || (now.photo !== "" && view.photo?.id !== now.photo);
    Object.assign(view, { busy: true, loading: false, failed: null, took: null });
    tell.waiting(anew);
    try {
      const photo = now.photo ? await recent.find(now.photo) : null;
      if (signal.aborted) return;
      view.photo = photo;
      if (now.photo && !photo) return void tell.gone();
      tell.changed();
      const answer = await ask(now, 0, signal);
      if (signal.aborted) return;
      const asksNothing = state.asksNothing(now);
      const facets = asksNothing ? (view.window ? view.facets : {}) : { category: [], brand: [], colour: [], ...answer.facets };
      Object.assign(view, answer, { facets, busy: false, window: asksNothing });
      tell.shown(view.hits, false);
      tell.changed();
      await countOthers(now, signal);
    } catch (problem) {
      if (signal.aborted) return;
      Object.assign(view, NOTHING, { busy: false, failed: problem, window: state.asksNothing(now) });
      tell.changed();
    }
  }

  /** One page of the answer. */
  async function ask(now, offset, signal) {
    const answer = state.asksNothing(now)
      ? await api.products(offset, PAGE, signal).then(({ products, total }) => ({ hits: products.map(hitOf), total }))
      : await api.search(now, view.photo, { limit: PAGE, offset, facets: offset === 0 ? FACETS : [] }, signal);
    for (const { product } of answer.hits) {
      view.known.set(product.id, product);
      view.currency ||= product.price?.currency ?? "";
    }
    return {
      hits: answer.hits,
      total: answer.total ?? answer.hits.length,
      exact: answer.total_is_exact !== false,
      took: answer.took_ms?.total ?? null,
      understood: answer.understood ?? null,
      meant: answer.did_you_mean ?? "",
      facets: answer.facets ?? {},
    };
  }

  /** Counts that the main answer cannot give: of the window, and of a facet whose own filter is set. */
  async function countOthers(now, signal) {
    const open = state.asksNothing(now) ? [["", FACETS]] : FACETS.filter((field) => now[field].length).map((field) => [field, [field]]);
    if (open.length === 0 || (view.window && view.total === 0)) return;
    // One after the other: a shopper's page must not take all permits of a small server.
    for (const [without, fields] of open) {
      const answer = await api.search(now, view.photo, { limit: 1, facets: fields, without }, signal).catch(() => null);
      if (signal.aborted) return;
      if (answer?.facets) view.facets = { ...view.facets, ...answer.facets };
    }
    if (!signal.aborted) tell.changed();
  }

  /** The next page, after those that are there. Resolves to the Problem when it does not come, else to null. */
  async function more() {
    if (view.busy || view.loading || view.failed || view.hits.length >= view.total) return null;
    const { signal } = running;
    view.loading = true;
    tell.changed();
    let failure = null;
    try {
      const answer = await ask(state.get(), view.hits.length, signal);
      if (signal.aborted) return null;
      const have = new Set(view.hits.map((hit) => hit.product.id));
      const fresh = answer.hits.filter((hit) => !have.has(hit.product.id)); // the catalogue may have changed between pages
      view.hits = view.hits.concat(fresh);
      if (fresh.length === 0) view.total = view.hits.length;
      tell.shown(fresh, true);
    } catch (problem) {
      failure = problem;
    }
    if (signal.aborted) return null;
    view.loading = false;
    tell.changed();
    return failure;
  }

  /** Makes sure that a product is known, for its title. */
  function learn(id) {
    if (id && !view.known.has(id)) {
      api.product(id).then((product) => (view.known.set(product.id, product), tell.changed()), () => {});
    }
  }

  const stop = () => {
    running?.abort();
    view.busy = true;
    tell.waiting(false);
  };

  return { view, run, again, leave, more, learn, stop };
}
