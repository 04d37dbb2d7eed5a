// The labelling page: pairs answered by keyboard, undone, counted; both languages and themes, and a phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PHONE, openBrowser, openShop, photographed, post, sticksOut, violations } from "./shop.mjs";

const PHOTOS = 12;
let shop;
let browser;

const home = () => `${shop.url}/v1/catalogues/default`;
const json = async (path) => (await fetch(home() + path)).json();
const reviews = () => json("/reviews");

/** Sends photos of products, as a shop does when its shoppers agree: small copies of the products' own pictures. */
async function sendPhotos() {
  const { products } = await json(`/products?limit=${PHOTOS}`);
  for (const product of products) {
    const picture = await fetch(`${shop.url}/v1/images/${product.images[0].hash}?w=160`);
    const data = Buffer.from(await picture.arrayBuffer()).toString("base64");
    const answer = await post(`${home()}/events`, { type: "search", photo: { data } });
    assert.equal((await answer.json()).accepted, 1);
  }
}

before(async () => {
  [shop, browser] = await Promise.all([openShop(), openBrowser()]);
  await sendPhotos();
});
after(() => Promise.all([browser?.close(), shop?.stop()]));

async function open(options = {}, path = "/label") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.stack));
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && page.complaints.push(message.text()));
  await page.goto(shop.url + path);
  await page.waitForSelector("#pair .side-picture");
  return page;
}
const close = async (page) => {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
};
const pair = (page) => page.getAttribute("#pair", "data-pair");

/** Does `act` and waits until another pair is shown and the answer is kept. */
async function answered(page, act, method = "POST") {
  const shown = await pair(page);
  const kept = page.waitForResponse((response) => response.request().method() === method && response.url().includes("/reviews"));
  await act();
  assert.ok((await kept).ok());
  await page.waitForFunction((before) => document.getElementById("pair").dataset.pair !== before, shown);
}

test("pairs are answered by key, ten in much less than a minute, and undone", async () => {
  const page = await open();
  const first = await pair(page);
  const began = Date.now();
  await answered(page, () => page.keyboard.press("n"));
  await answered(page, () => page.keyboard.press("s"));
  const before = await reviews();
  assert.deepEqual(before.reviews.map(({ verdict }) => verdict), ["skipped", "rejected"]);
  await answered(page, () => page.keyboard.press("u"), "DELETE");
  assert.equal((await reviews()).total, 1);
  await answered(page, () => page.keyboard.press("u"), "DELETE");
  assert.equal((await reviews()).total, 0);
  assert.equal(await pair(page), first, "the pair is back");
  for (let count = 0; count < 10; count += 1) await answered(page, () => page.keyboard.press("y"));
  assert.ok(Date.now() - began < 60_000);
  const after = await reviews();
  assert.equal(after.total, 10);
  assert.ok(after.reviews.every(({ verdict, photo }) => verdict === "confirmed" && photo));
  // A photo may be asked about with more than one product; it counts once.
  const photos = new Set(after.reviews.map(({ photo }) => JSON.stringify(photo))).size;
  assert.ok(photos >= 8, `${photos}`);
  assert.match(await page.locator("#standing").innerText(), new RegExp(`${photos} of ${PHOTOS} photos`));
  assert.equal(await page.getAttribute("#meter", "aria-valuenow"), String(photos));
  await close(page);
});

test("buttons do the same on a phone, in Chinese, in the dark, and everybody can use it", async () => {
  const page = await open({ ...PHONE, locale: "zh-CN", colorScheme: "dark" });
  assert.equal(await page.locator("h1").innerText(), "是同一件商品吗？");
  assert.equal(await sticksOut(page), false, "nothing sticks out");
  assert.deepEqual(await violations(page), []);
  await answered(page, () => page.locator('[data-answer="rejected"]').tap());
  await page.locator("#language").tap();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Is this the same?");
  await close(page);
  const light = await open({ colorScheme: "light" });
  assert.deepEqual(await violations(light), []);
  await close(light);
});

test("what the answers teach is learned, proved, used and taken back on the page", async () => {
  const page = await open();
  const { products } = await json("/products?limit=60");
  let seed = 1;
  for (const { id, images } of products) {
    for (let turn = 0; turn < 3; turn += 1) {
      const data = await photographed(page, `/v1/images/${images[0].hash}?w=320`, (seed += 1));
      const answer = await post(`${home()}/reviews`, { photo: { data }, product: id, verdict: "confirmed" });
      assert.ok(answer.ok, await answer.clone().text());
    }
  }
  await page.reload();
  await page.waitForSelector("#learn h2");
  assert.match(await page.locator("#learn").innerText(), /the space that every shop begins with/);
  await page.locator('[data-act="learn"]:not([disabled])').click();
  await page.waitForSelector("#learn [role=progressbar]");
  await page.waitForSelector("#learn .proof", { timeout: 120_000 });
  const shares = await page.locator(".proof tbody tr").first().locator("td").allInnerTexts();
  const [before, after] = shares.map((share) => Number.parseInt(share, 10));
  assert.ok(after > before + 10, `${before} % → ${after} %`);
  assert.deepEqual(await violations(page), []);
  const active = async () => (await json("/spaces")).spaces.find((space) => space.active);
  assert.equal((await active()).head, "default", "nothing changes before somebody says so");
  await page.locator('[data-act="use"]').click();
  await page.waitForFunction(() => document.getElementById("learn").innerText.includes("a space that was learned"));
  assert.equal((await active()).head, "trained");
  // The proof stays, on a phone and in Chinese too.
  const phone = await open({ ...PHONE, locale: "zh-CN", colorScheme: "dark" });
  await phone.waitForSelector("#learn .proof");
  assert.equal(await sticksOut(phone), false, "nothing sticks out");
  assert.deepEqual(await violations(phone), []);
  await close(phone);
  await page.locator('[data-act="back"]').click();
  await page.waitForFunction(() => document.getElementById("learn").innerText.includes("that every shop begins with"));
  assert.equal((await active()).head, "default");
  await close(page);
  // What the gate has against a space is said in the language of the page, task by task.
  const refused = await open({ ...PHONE, locale: "zh-CN" });
  await refused.route("**/v1/catalogues/default/spaces", async (route) => {
    const answer = await route.fetch();
    const spaces = await answer.json();
    const { report } = spaces.spaces.find((space) => space.report?.gate);
    report.gate.passes = false;
    report.tasks[0].verdict = "worse";
    report.tasks.slice(1).forEach((task) => (task.verdict = "no_worse"));
    await route.fulfill({ response: answer, json: spaces });
  });
  await refused.reload();
  await refused.waitForSelector("#learn .verdict.bad");
  const [reason, ...more] = await refused.locator("#learn ul li").allInnerTexts();
  assert.match(reason, /变差/);
  assert.doesNotMatch(reason, /[a-z]{3,}/i);
  assert.deepEqual(more, [], "only what speaks against it");
  assert.equal(await sticksOut(refused), false, "nothing sticks out");
  assert.deepEqual(await violations(refused), []);
  await close(refused);
});

test("one answer is too few to prove anything, and the page says so", async () => {
  const bare = await openShop();
  const context = await browser.newContext({ locale: "en-GB" });
  try {
    const page = await context.newPage();
    await page.goto(`${bare.url}/label`);
    await page.waitForSelector('[data-act="learn"][disabled]');
    const { products } = await (await fetch(`${bare.url}/v1/catalogues/default/products?limit=1`)).json();
    const picture = await fetch(`${bare.url}/v1/images/${products[0].images[0].hash}?w=160`);
    const data = Buffer.from(await picture.arrayBuffer()).toString("base64");
    await post(`${bare.url}/v1/catalogues/default/reviews`, { photo: { data }, product: products[0].id, verdict: "confirmed" });
    await page.reload();
    await page.locator('[data-act="learn"]:not([disabled])').click();
    await page.waitForSelector("#learn .verdict.bad");
    assert.match(await page.locator("#learn .verdict").innerText(), /too few photos/);
    assert.equal(await page.locator('[data-act="use"]').count(), 0);
    // What the server refuses is said in the same place.
    await page.route("**/v1/catalogues/default/spaces", (route) => route.abort());
    await page.locator('[data-act="learn"]').click();
    await page.waitForSelector('#learn [role="alert"]');
    assert.match(await page.locator('#learn [role="alert"]').innerText(), /does not answer/);
  } finally {
    await context.close();
    await bare.stop();
  }
});
