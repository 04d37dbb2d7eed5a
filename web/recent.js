// Photos the shopper searched with, kept in this browser only (IndexedDB), so that back, reload and "again" work.

const KEEP = 8;
const memory = new Map(); // id → photo, of this visit; also when the browser keeps nothing

function hold(photo) {
  memory.set(photo.id, photo);
  if (memory.size > KEEP) {
    const [oldest] = memory.values();
    memory.delete(oldest.id);
    URL.revokeObjectURL(oldest.url);
  }
  return photo;
}

let opening = null;

function open() {
  opening ??= new Promise((done, fail) => {
    const request = indexedDB.open("vetrina", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("photos", { keyPath: "id" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opening;
}

async function store(mode, work) {
  const database = await open();
  return new Promise((done, fail) => {
    const transaction = database.transaction("photos", mode);
    const request = work(transaction.objectStore("photos"));
    transaction.oncomplete = () => done(request?.result);
    transaction.onerror = transaction.onabort = () => fail(transaction.error);
  });
}

/** Keeps a photo of photo.js; the oldest beyond the eighth are forgotten. */
export async function keep(photo) {
  hold(photo);
  if (!photo.thumb) return; // cannot be shown, so cannot be offered again
  const { id, blob, name, thumb, width, height } = photo;
  try {
    await store("readwrite", (photos) => photos.put({ id, blob, name, thumb, width, height, at: Date.now() }));
    const old = (await list()).slice(KEEP);
    if (old.length) {
      await store("readwrite", (photos) => {
        for (const each of old) photos.delete(each.id);
      });
    }
  } catch {
    // Storage full or forbidden: the photo lives as long as the page.
  }
}

/** A kept photo with its `url` for display, or null. */
export async function find(id) {
  if (memory.has(id)) return memory.get(id);
  try {
    const kept = await store("readonly", (photos) => photos.get(id));
    if (!kept) return null;
    const photo = { ...kept, url: URL.createObjectURL(kept.blob) };
    return hold(photo);
  } catch {
    return null;
  }
}

/** Kept photos, latest first: `{id, thumb, at}`; `thumb` is a `data:` address. */
export async function list() {
  try {
    return (await store("readonly", (photos) => photos.getAll())).sort((a, b) => b.at - a.at);
  } catch {
    return [];
  }
}

/** Forgets all kept photos; the one in use stays until it is removed. */
export async function clear() {
  try {
    await store("readwrite", (photos) => photos.clear());
  } catch {
    // Nothing was kept.
  }
}
