// A photo's way into the page: chosen, taken, pasted or dropped; then scaled down, so that a phone sends it quickly.

const LONGEST_SIDE = 1600; // the model looks at far less; crops of a part still have pixels enough
const QUALITY = 0.9;
const THUMB_SIDE = 128;

/**
 * Makes the photo that the page works with from a file. `url`, `thumb`, `width` and `height` are null when this browser cannot decode it; the
 * bytes then go to the server as they are, and its answer says what is wrong with them (or it can decode what the browser cannot).
 */
export async function preparePhoto(file) {
  const photo = { id: newId(), blob: file, name: file.name || "photo", url: null, thumb: null, width: null, height: null };
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return photo;
  }
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    if (longest > LONGEST_SIDE) {
      const canvas = scaled(bitmap, LONGEST_SIDE / longest);
      photo.blob = (await toJpeg(canvas, QUALITY)) ?? file;
      photo.name = "photo.jpg";
      [photo.width, photo.height] = [canvas.width, canvas.height];
    } else {
      [photo.width, photo.height] = [bitmap.width, bitmap.height];
    }
    photo.url = URL.createObjectURL(photo.blob);
    photo.thumb = scaled(bitmap, Math.min(1, THUMB_SIDE / Math.min(bitmap.width, bitmap.height))).toDataURL("image/jpeg", 0.75);
  } finally {
    bitmap.close();
  }
  return photo;
}

function scaled(bitmap, factor) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * factor));
  canvas.height = Math.max(1, Math.round(bitmap.height * factor));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no transparency; the server puts alpha over white too
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const toJpeg = (canvas, quality) => new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Listens for photos everywhere on the page and calls `take(file)`; `refuse(why)` gets the key of a message instead.
 */
export function listenForPhotos({ inputs, veil, take, refuse }) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      const file = input.files[0];
      input.value = ""; // choosing the same file again is a change again
      if (file) take(file);
    });
  }

  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (!file) return; // words go where the cursor is
    event.preventDefault();
    take(file);
  });

  let depth = 0; // dragenter and dragleave come for every element on the way
  const carries = (event) => [...event.dataTransfer.types].some((type) => type === "Files" || type === "text/uri-list");
  const show = (shown) => {
    veil.hidden = !shown;
    if (!shown) depth = 0;
  };
  document.addEventListener("dragenter", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth += 1;
    show(true);
  });
  document.addEventListener("dragover", (event) => {
    if (carries(event)) event.preventDefault();
  });
  document.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) show(false);
  });
  document.addEventListener("drop", async (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    show(false);
    const [file] = event.dataTransfer.files;
    if (file) return take(file);
    const address = event.dataTransfer.getData("text/uri-list").split("\n").find((line) => line && !line.startsWith("#"));
    // A picture dragged from this page can be fetched; one from another page only if that page handed over its bytes.
    const picture = address && new URL(address, location.href);
    if (picture?.origin !== location.origin) return refuse("drop_foreign");
    if (!picture.pathname.startsWith("/v1/images/")) return refuse("drop_no_picture");
    picture.searchParams.set("w", LONGEST_SIDE);
    takeFrom(picture.href).then(take, () => refuse("drop_foreign"));
  });
}

/** Fetches a picture of the shop to search in. */
export async function takeFrom(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status}`);
  return new File([await response.blob()], "picture.jpg");
}
