// The frame on the photo: which part of it to search with. Mouse, touch and keyboard; regions are offered, never forced.

import { h } from "./dom.js";
import { between, fitted, resized } from "./geometry.js";
import { t } from "./i18n.js";

const STEP = 0.02; // per arrow key; a fifth of it with Alt
const CORNERS = ["nw", "ne", "se", "sw"];
const EDGES = ["n", "e", "s", "w"];
const WHOLE = [0, 0, 1, 1];

/**
 * Puts the photo with its frame into `host`. `change(crop)` is called while the frame moves, with `null` for the whole photo.
 * Returns `{show(photo, crop), regions(list), crop(value)}`.
 */
export function createCrop(host, change) {
  const image = h("img", { alt: "", draggable: "false" });
  const hole = h("div", { class: "hole" });
  const frame = h(
    "div",
    { class: "frame", tabindex: "0", role: "group", "aria-describedby": "crop-help" },
    [...EDGES, ...CORNERS].map((grip) => h("span", { class: `grip ${grip}`, dataset: { grip } })),
  );
  const dots = h("div", { class: "dots" });
  const canvas = h("div", { class: "canvas" }, image, h("div", { class: "shade" }, hole), dots, frame);
  host.replaceChildren(canvas);

  let box = WHOLE;
  let drag = null;

  const isWhole = () => box[0] <= 0.001 && box[1] <= 0.001 && box[2] >= 0.999 && box[3] >= 0.999;

  function draw() {
    for (const element of [hole, frame]) {
      const [x, y, w, height] = box.map((n) => `${n * 100}%`);
      Object.assign(element.style, { left: x, top: y, width: w, height });
    }
    canvas.classList.toggle("whole", isWhole());
    const [x, y, w, height] = box.map((n) => Math.round(n * 100));
    frame.setAttribute("aria-label", t("crop_label", { x, y, w, h: height }));
  }

  function move(next, tell = true) {
    box = fitted(next);
    draw();
    if (tell) change(isWhole() ? null : box);
  }

  const at = (event) => {
    const area = canvas.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    const grip = event.target.dataset.grip;
    const inside = event.target === frame && !isWhole();
    // Outside the frame a mouse draws a new one; a finger scrolls the page.
    if (!grip && !inside && event.pointerType !== "mouse") return;
    event.preventDefault();
    frame.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("dragging");
    drag = { id: event.pointerId, from: at(event), box, kind: grip ?? (inside ? "move" : "new"), moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag?.id !== event.pointerId) return;
    const [x, y] = at(event);
    const by = [x - drag.from[0], y - drag.from[1]];
    if (!drag.moved && Math.hypot(...by) < 0.008) return; // a click is not a drag
    drag.moved = true;
    if (drag.kind === "move") move([drag.box[0] + by[0], drag.box[1] + by[1], drag.box[2], drag.box[3]]);
    else if (drag.kind === "new") move(between(drag.from, [x, y]));
    else move(resized(drag.box, drag.kind, by));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (drag?.id !== event.pointerId) return;
      drag = null;
      canvas.classList.remove("dragging");
    });
  }

  frame.addEventListener("keydown", (event) => {
    const step = event.altKey ? STEP / 5 : STEP;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      event.preventDefault();
      // A frame over the whole photo cannot move, so the first arrow makes it smaller.
      if (event.shiftKey || isWhole()) move(resized(box, "se", isWhole() ? by.map((n) => -Math.abs(n) * 5) : by));
      else move([box[0] + by[0], box[1] + by[1], box[2], box[3]]);
    } else if (event.key === "Escape" && !isWhole()) {
      event.preventDefault();
      event.stopPropagation();
      move(WHOLE);
    }
  });

  return {
    /** Shows another photo (`url`, `width`, `height`), with `crop` or the whole of it. */
    show(photo, crop) {
      if (image.getAttribute("src") !== photo.url) {
        image.src = photo.url;
        image.width = photo.width;
        image.height = photo.height;
        canvas.style.setProperty("--ratio", String(photo.width / photo.height));
        this.regions([]);
      }
      this.crop(crop);
    },
    /** Sets the frame without telling anyone. */
    crop(crop) {
      if (!drag) move(crop ?? WHOLE, false);
    },
    /** Offers boxes `[x, y, w, h]` as buttons on the photo. */
    regions(list) {
      dots.replaceChildren(
        ...list.map((region, index) => {
          const outline = h("span", { class: "outline" });
          const dot = h("button", { type: "button", class: "dot", "aria-label": t("region_use", { n: index + 1 }), onclick: () => move(region) });
          const [x, y, w, height] = region;
          Object.assign(outline.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${height * 100}%` });
          Object.assign(dot.style, { left: `${(x + w / 2) * 100}%`, top: `${(y + height / 2) * 100}%` });
          return [dot, outline];
        }).flat(),
      );
    },
  };
}
