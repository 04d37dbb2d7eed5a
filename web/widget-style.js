// How <vetrina-search> looks. A shop sets the custom properties on the element or above it:
//
//   --vetrina-font, --vetrina-ink, --vetrina-soft, --vetrina-paper, --vetrina-tile, --vetrina-line, --vetrina-accent,
//   --vetrina-on-accent, --vetrina-bad, --vetrina-radius, --vetrina-card (narrowest card), --vetrina-gap

const CSS = `
:host { display: block; font: 400 1rem/1.45 var(--vetrina-font, inherit); color: var(--_ink); text-align: start;
  --_ink: var(--vetrina-ink, light-dark(#17191a, #eeefec)); --_soft: var(--vetrina-soft, light-dark(#5c6165, #a5aaad));
  --_paper: var(--vetrina-paper, light-dark(#fff, #1c1e1f)); --_tile: var(--vetrina-tile, light-dark(#f3f3f1, #26292b));
  --_line: var(--vetrina-line, light-dark(#8b9094, #74797d)); --_accent: var(--vetrina-accent, var(--_ink));
  --_on: var(--vetrina-on-accent, var(--_paper)); --_bad: var(--vetrina-bad, light-dark(#a3252c, #ff9c98)); --_round: var(--vetrina-radius, 0.75rem); }
:host([hidden]), [hidden] { display: none !important; }
*, *::before { box-sizing: border-box; }
button, input { font: inherit; color: inherit; }
button { border: 0; padding: 0; background: none; text-align: inherit; cursor: pointer; }
svg { width: 1.3rem; height: 1.3rem; fill: none; stroke: currentcolor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
:is(button, a, label:focus-within):focus-visible, label:has(:focus-visible) { outline: 2px solid var(--_accent); outline-offset: 2px; }
.bar { display: flex; align-items: center; gap: 0.25rem; min-height: 3rem; padding: 0.25rem; border: 1px solid var(--_line); border-radius: calc(var(--_round) * 2); background: var(--_paper); }
.bar:focus-within { border-color: var(--_accent); }
.field { flex: 1; min-width: 0; align-self: stretch; padding: 0 0.4rem 0 0.9rem; border: 0; outline: 0; background: none; appearance: none; }
.field::placeholder { color: var(--_soft); opacity: 1; }
.tool, .go { position: relative; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; flex: none; border-radius: calc(var(--_round) * 2); cursor: pointer; }
.tool:hover { background: var(--_tile); }
.tool input { position: absolute; inset: 0; width: 100%; opacity: 0; cursor: pointer; font-size: 0; }
.camera { display: none; }
.go { background: var(--_accent); color: var(--_on); }
.photo { display: flex; align-items: start; gap: 0.5rem; margin-top: 0.9rem; }
.easel { position: relative; border-radius: var(--_round); overflow: hidden; }
.easel img { display: block; max-height: 14rem; max-width: 100%; }
.region { position: absolute; border: 2px solid #fff; border-radius: 0.5rem; box-shadow: 0 0 0 1px rgb(0 0 0 / 0.45), inset 0 0 0 1px rgb(0 0 0 / 0.25); }
.region:hover { background: rgb(255 255 255 / 0.18); }
.region[aria-pressed="true"] { border-color: var(--_accent); border-width: 3px; }
.remove { display: grid; place-items: center; width: 2.25rem; height: 2.25rem; border-radius: 50%; background: var(--_tile); }
.status { min-height: 1.45em; margin: 0.8rem 0 0.6rem; color: var(--_soft); font-size: 0.92em; }
.status.wrong { color: var(--_bad); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(var(--vetrina-card, 10.5rem), 44%), 1fr)); gap: var(--vetrina-gap, 1.1rem); margin: 0; padding: 0; list-style: none; transition: opacity 0.15s; }
.grid[aria-busy] { opacity: 0.5; }
.card { display: flex; flex-direction: column; gap: 0.15rem; width: 100%; color: inherit; text-decoration: none; border-radius: var(--_round); }
.picture { position: relative; display: block; aspect-ratio: 1; margin-bottom: 0.4rem; border-radius: var(--_round); background: var(--_tile); overflow: hidden; }
.picture img { width: 100%; height: 100%; object-fit: cover; transition: transform 0.3s; }
.card:hover img { transform: scale(1.03); }
.band { position: absolute; left: 0.5rem; bottom: 0.5rem; padding: 0.1rem 0.55rem; border-radius: 1rem; background: var(--_paper); color: var(--_ink); font-size: 0.78em; }
.band.exact { background: var(--_accent); color: var(--_on); }
.title { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-size: 0.95em; overflow-wrap: anywhere; }
.price { font-weight: 600; font-size: 0.95em; }
.out { color: var(--_soft); font-size: 0.85em; }
.more { display: block; margin: 1.25rem auto 0; padding: 0.55rem 1.3rem; border: 1px solid var(--_line); border-radius: calc(var(--_round) * 2); }
@media (pointer: coarse) { .camera { display: grid; } }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;

let sheet = null;

/** The style sheet, one for all elements of a page. Made by script, so that a page's Content-Security-Policy does not forbid it. */
export function style() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
