// Boxes on a photo: [x, y, w, h] in fractions of its width and height.

const SMALLEST = 0.05; // of the photo's side

/** The box inside the photo and not smaller than allowed; keeps its size where it can. */
export function fitted([x, y, w, h]) {
  w = Math.min(1, Math.max(SMALLEST, w));
  h = Math.min(1, Math.max(SMALLEST, h));
  return [Math.min(1 - w, Math.max(0, x)), Math.min(1 - h, Math.max(0, y)), w, h];
}

/** The box after dragging one grip (`n`, `se`…) by a fraction of the photo; the opposite side stays where it is. */
export function resized([x, y, w, h], grip, [dx, dy]) {
  let [left, top, right, bottom] = [x, y, x + w, y + h];
  if (grip.includes("w")) left = Math.min(right - SMALLEST, Math.max(0, left + dx));
  if (grip.includes("e")) right = Math.max(left + SMALLEST, Math.min(1, right + dx));
  if (grip.includes("n")) top = Math.min(bottom - SMALLEST, Math.max(0, top + dy));
  if (grip.includes("s")) bottom = Math.max(top + SMALLEST, Math.min(1, bottom + dy));
  return [left, top, right - left, bottom - top];
}

/** The box between two points, both brought inside the photo. */
export function between(a, b) {
  const [ax, ay, bx, by] = [...a, ...b].map((n) => Math.min(1, Math.max(0, n)));
  return [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];
}
