// Searching: by words, by photo in four ways, by a part of the photo, by likeness; and what goes wrong.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { PHOTO, choose, openBrowser, openShop, searching, settled, titles, visit } from "./shop.mjs";

let shop;
let browser;
before(async () => ([shop, browser] = await Promise.all([openShop(), openBrowser()])));
after(() => Promise.all([browser?.close(), shop?.stop()]));

const open = (path, options) => visit(browser, shop.url, path, options);
const close = async (page) => {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
};

test("the window shows the catalogue and pages on to its end", async () => {
  const page = await open("/");
  assert.equal(await page.locator(".slogan").innerText(), "Show us what you are looking for.");
  const total = (await (await fetch(`${shop.url}/v1/catalogues/default/products?limit=1&offset=0`)).json()).total;
  assert.equal(await page.locator("#count").innerText(), `${total} products`);
  for (let tries = 0; tries < 20 && (await titles(page)).length < total; tries += 1) {
    await page.mouse.wheel(0, 4000);
    await page.waitForTimeout(150);
  }
  const ids = await page.locator("#grid .card").evaluateAll((cards) => cards.map((card) => card.dataset.id));
  assert.equal(ids.length, total);
  assert.equal(new Set(ids).size, total);
  await close(page);
});

test("words find products; back brings the window again", async () => {
  const page = await open("/");
  await page.fill("#words", "camera");
  const asked = await searching(page, () => page.keyboard.press("Enter"));
  assert.equal(asked.text, "camera");
  assert.equal(asked.multipart, false);
  assert.ok((await titles(page)).slice(0, 3).every((title) => /camera/i.test(title)), String(await titles(page)));
  assert.match(page.url(), /\?q=camera$/);
  assert.match(await page.title(), /camera/);
  await page.goBack();
  await settled(page);
  assert.equal(await page.locator("#results-title").innerText(), "In the window");
  await page.goForward();
  await settled(page);
  assert.equal(await page.inputValue("#words"), "camera");
  await close(page);
});

test("a photo by the file chooser finds its product first", async () => {
  const page = await open("/");
  const asked = await choose(page);
  assert.equal(asked.multipart, true);
  assert.deepEqual(asked.images, [{ part: 0 }]);
  assert.equal((await titles(page))[0], "Instant Camera");
  assert.ok(await page.locator("#photo").isVisible());
  assert.match(await page.locator(".card .fit").first().innerText(), /\d|Exact|Similar/);
  await close(page);
});

test("going back is instant, to where one was", async () => {
  const page = await open("/");
  await page.mouse.wheel(0, 900);
  await page.waitForFunction(() => window.scrollY > 500);
  // The wheel's own movement may not be over, and a click scrolls to what is clicked: where one was is where one clicked.
  await page.evaluate(() => {
    addEventListener("click", () => (window.clickedAt = window.scrollY), { capture: true, once: true });
  });
  await searching(page, () => page.locator("#grid .alike").nth(5).click());
  const from = await page.evaluate(() => window.clickedAt);
  assert.equal(await page.evaluate(() => window.scrollY), 0);
  const asked = page.searches.length;
  await page.goBack();
  await page.waitForFunction((y) => Math.abs(window.scrollY - y) < 5, from);
  assert.equal(page.searches.length, asked);
  await close(page);
});

test("words that are being typed stay when an answer arrives", async () => {
  const page = await open("/?q=camera");
  await page.fill("#words", "camera black");
  await searching(page, () => page.locator("#filters input[type=checkbox]").first().check());
  assert.equal(await page.inputValue("#words"), "camera black");
  await close(page);
});

test("a photo and words are sent together", async () => {
  const page = await open("/");
  await choose(page);
  await page.fill("#words", "tripod");
  const asked = await searching(page, () => page.keyboard.press("Enter"));
  assert.equal(asked.text, "tripod");
  assert.equal(asked.images.length, 1);
  assert.match(await page.locator("#results-title").innerText(), /Your photo with “tripod”/);
  await close(page);
});

test("a photo can be pasted", async () => {
  const page = await open("/", { permissions: ["clipboard-read", "clipboard-write"] });
  const bytes = (await readFile(PHOTO)).toString("base64");
  await page.evaluate(async (base64) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width / 2, height: bitmap.height / 2 });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const png = await new Promise((done) => canvas.toBlob(done, "image/png"));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
  }, bytes);
  const asked = await searching(page, () => page.keyboard.press("Control+V"));
  assert.equal(asked.multipart, true);
  assert.equal((await titles(page))[0], "Instant Camera");
  await close(page);
});

test("a photo can be dropped; the page says so while it hovers", async () => {
  const page = await open("/");
  const session = await page.context().newCDPSession(page);
  const drag = (type) => session.send("Input.dispatchDragEvent", { type, x: 500, y: 300, data: { items: [], files: [PHOTO], dragOperationsMask: 1 } });
  await drag("dragEnter");
  await drag("dragOver");
  assert.ok(await page.locator("#veil").isVisible());
  const asked = await searching(page, () => drag("drop"));
  assert.equal(asked.multipart, true);
  assert.equal(await page.locator("#veil").isVisible(), false);
  assert.equal((await titles(page))[0], "Instant Camera");
  await close(page);
});

test("a large photo is scaled down before it travels", async () => {
  const page = await open("/");
  page.on("request", (request) => request.url().endsWith("/search") && request.sizes().then(({ requestBodySize }) => (page.sent = requestBodySize)));
  const large = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(5000, 2500);
    const context = canvas.getContext("2d");
    for (let i = 0; i < 4000; i += 1) {
      context.fillStyle = `hsl(${i * 37} 70% ${30 + (i % 50)}%)`;
      context.fillRect((i * 613) % 5000, (i * 397) % 2500, 150, 90);
    }
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 1 })).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  });
  const buffer = Buffer.from(large, "base64");
  await searching(page, () => page.setInputFiles("#choose", { name: "large.jpg", mimeType: "image/jpeg", buffer }));
  assert.ok(page.sent < buffer.length / 3, `${page.sent} of ${buffer.length}`);
  assert.deepEqual(await page.locator("#easel img").evaluate((image) => [image.naturalWidth, image.naturalHeight]), [1600, 800]);
  await close(page);
});

test("dragging the frame with the mouse searches with that part", async () => {
  const page = await open("/");
  await choose(page);
  const area = await page.locator(".canvas").boundingBox();
  const at = (x, y) => [area.x + area.width * x, area.y + area.height * y];
  const drawn = await searching(page, async () => {
    await page.mouse.move(...at(0.25, 0.25));
    await page.mouse.down();
    await page.mouse.move(...at(0.75, 0.85), { steps: 8 });
    await page.mouse.up();
  });
  const [x, y, w, h] = drawn.images[0].region;
  for (const [is, should] of [[x, 0.25], [y, 0.25], [w, 0.5], [h, 0.6]]) assert.ok(Math.abs(is - should) < 0.03, `${is} ${should}`);
  await page.waitForURL(/crop=/);

  const corner = await page.locator(".grip.se").boundingBox();
  const resized = await searching(page, async () => {
    await page.mouse.move(corner.x + corner.width / 2, corner.y + corner.height / 2);
    await page.mouse.down();
    await page.mouse.move(corner.x + corner.width / 2 - area.width * 0.2, corner.y + corner.height / 2 - area.height * 0.1, { steps: 5 });
    await page.mouse.up();
  });
  assert.ok(Math.abs(resized.images[0].region[2] - 0.3) < 0.03);
  assert.ok(Math.abs(resized.images[0].region[0] - x) < 0.001);

  const moved = await searching(page, async () => {
    await page.mouse.move(...at(0.4, 0.5));
    await page.mouse.down();
    await page.mouse.move(...at(0.6, 0.5), { steps: 5 });
    await page.mouse.up();
  });
  assert.ok(Math.abs(moved.images[0].region[0] - (x + 0.2)) < 0.03);
  assert.ok(Math.abs(moved.images[0].region[2] - resized.images[0].region[2]) < 0.001);

  const whole = await searching(page, () => page.getByRole("button", { name: "Whole" }).click());
  assert.deepEqual(whole.images, [{ part: 0 }]);
  await close(page);
});

test("the frame is worked by keys, and many of them make one search", async () => {
  const page = await open("/");
  await choose(page);
  await page.locator(".frame").focus();
  await page.waitForTimeout(300);
  const before = page.searches.length;
  const asked = await searching(page, async () => {
    for (let i = 0; i < 5; i += 1) await page.keyboard.press("Shift+ArrowLeft");
    for (let i = 0; i < 5; i += 1) await page.keyboard.press("Shift+ArrowUp");
    for (let i = 0; i < 3; i += 1) await page.keyboard.press("ArrowRight");
  });
  const [x, y, w, h] = asked.images[0].region;
  assert.ok(w < 0.9 && h < 0.95 && x > 0 && y === 0, String([x, y, w, h]));
  assert.equal(page.searches.length, before + 1);
  assert.match(await page.locator(".frame").getAttribute("aria-label"), /Part of the photo/);
  const whole = await searching(page, () => page.keyboard.press("Escape"));
  assert.deepEqual(whole.images, [{ part: 0 }]);
  await close(page);
});

test("a finger moves the frame's corner", async () => {
  const page = await open("/", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await choose(page);
  const area = await page.locator(".canvas").boundingBox();
  const corner = await page.locator(".grip.nw").boundingBox();
  const session = await page.context().newCDPSession(page);
  const from = { x: corner.x + corner.width / 2, y: corner.y + corner.height / 2 };
  const touch = (type, points) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points });
  const asked = await searching(page, async () => {
    await touch("touchStart", [from]);
    for (let i = 1; i <= 6; i += 1) await touch("touchMove", [{ x: from.x + (area.width * 0.3 * i) / 6, y: from.y + (area.height * 0.3 * i) / 6 }]);
    await touch("touchEnd", []);
  });
  const [x, y, w, h] = asked.images[0].region;
  assert.ok(Math.abs(x - 0.3) < 0.06 && Math.abs(y - 0.3) < 0.06 && Math.abs(x + w - 1) < 0.01 && Math.abs(y + h - 1) < 0.01, String([x, y, w, h]));
  await close(page);
});

test("a newer search aborts the older one", async () => {
  const page = await open("/");
  const outcomes = [];
  page.on("requestfailed", (request) => outcomes.push(request.failure().errorText));
  await page.route("**/search", async (route) => {
    const slow = /"text":"chair"/.test(route.request().postData() ?? "");
    if (slow) await new Promise((done) => setTimeout(done, 1500));
    await route.continue().catch(() => {});
  });
  await page.fill("#words", "chair");
  await page.keyboard.press("Enter");
  await page.waitForTimeout(100);
  await page.fill("#words", "camera");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#grid .title")?.textContent.match(/camera/i));
  await page.waitForTimeout(1800);
  assert.match((await titles(page))[0], /camera/i);
  assert.deepEqual(outcomes, ["net::ERR_ABORTED"]);
  await close(page);
});

test("more like this searches by the product", async () => {
  const page = await open("/?q=camera");
  const card = page.locator("#grid .card").first();
  const [id, title] = [await card.getAttribute("data-id"), await card.locator(".title").innerText()];
  const asked = await searching(page, () => card.getByRole("button", { name: `More like this: ${title}` }).click());
  assert.deepEqual(asked.like, [id]);
  assert.equal(asked.text, undefined);
  assert.equal(await page.locator("#results-title").innerText(), `Like ${title}`);
  assert.ok((await titles(page)).length > 1);
  const dropped = page.getByRole("button", { name: `Remove “like ${title}”` });
  await dropped.click();
  await settled(page);
  assert.equal(await page.locator("#results-title").innerText(), "In the window");
  await close(page);
});

test("a photo is kept in the browser: reload, back, and recent photos", async () => {
  const page = await open("/");
  await choose(page);
  await page.reload();
  await settled(page);
  assert.equal((await titles(page))[0], "Instant Camera");
  await page.getByRole("link", { name: "Vetrina", exact: true }).first().click();
  await settled(page);
  const again = await searching(page, () => page.getByRole("button", { name: /Search again with this photo/ }).click());
  assert.equal(again.multipart, true);
  await page.goBack();
  await settled(page);
  await page.getByRole("button", { name: "Forget them" }).click();
  await page.waitForFunction(() => document.getElementById("recent").hidden);
  await page.reload();
  await settled(page);
  assert.equal(await page.locator("#recent").isVisible(), false);
  await close(page);
});

test("a text file as photo shows the server's reason, and another photo helps", async () => {
  const page = await open("/");
  const asked = await searching(page, () => page.setInputFiles("#choose", { name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.from("this is no picture at all") }));
  assert.equal(asked.multipart, true);
  const box = page.locator("#state");
  assert.ok(await box.isVisible());
  const answer = await fetch(`${shop.url}/v1/catalogues/default/search`, { method: "POST", body: textAsPhoto() });
  const problem = await answer.json();
  assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
  assert.ok((await box.innerText()).includes(problem.detail ?? problem.title), await box.innerText());
  assert.ok(await page.getByRole("button", { name: "Choose another photo" }).isVisible());
  await choose(page);
  assert.equal((await titles(page))[0], "Instant Camera");
  assert.equal(await box.isVisible(), false);
  await close(page);
});

function textAsPhoto() {
  const form = new FormData();
  form.append("image", new Blob(["this is no picture at all"], { type: "image/jpeg" }), "photo.jpg");
  form.append("query", JSON.stringify({ images: [{ part: 0 }], limit: 1 }));
  return form;
}

test("words that fit nothing say so and lead back", async () => {
  const page = await open("/?q=qqxzvwkj");
  assert.match(await page.locator("#state").innerText(), /Nothing found/);
  await page.getByRole("button", { name: "Back to the window" }).click();
  await settled(page);
  assert.ok((await titles(page)).length > 10);
  await close(page);
});

test("no connection is told plainly, and trying again helps", async () => {
  const page = await open("/");
  await page.route("**/search", (route) => route.abort("connectionrefused"));
  await page.fill("#words", "sofa");
  await page.keyboard.press("Enter");
  await page.getByText("The shop cannot be reached").waitFor();
  await page.unroute("**/search");
  await searching(page, () => page.getByRole("button", { name: "Try again" }).click());
  assert.match((await titles(page))[0], /sofa/i);
  await close(page);
});

test("a slow network shows empty cards, then the products", async () => {
  const page = await open("/");
  await page.route("**/search", async (route) => {
    await new Promise((done) => setTimeout(done, 800));
    await route.continue();
  });
  await page.fill("#words", "sofa");
  await page.keyboard.press("Enter");
  await page.locator("#grid .skeleton").first().waitFor();
  assert.equal(await page.locator("#count").innerText(), "Searching…");
  await settled(page);
  assert.equal(await page.locator("#grid .skeleton").count(), 0);
  await close(page);
});
