// The labelling page: pairs answered by keyboard, undone, counted; both languages and themes, and a phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PHONE, openBrowser, openShop, violations } from "./shop.mjs";

const PHOTOS = 12;
let shop;
let browser;

const home = () => `${shop.url}/v1/catalogues/default`;
const json = async (path, options) => (await fetch(home() + path, options)).json();
const reviews = () => json("/reviews");

/** Sends photos of products, as a shop does when its shoppers agree: small copies of the products' own pictures. */
async function sendPhotos() {
  const { products } = await json(`/products?limit=${PHOTOS}`);
  for (const product of products) {
    const picture = await fetch(`${shop.url}/v1/images/${product.images[0].hash}?w=160`);
    const data = Buffer.from(await picture.arrayBuffer()).toString("base64");
    const body = JSON.stringify({ type: "search", photo: { data } });
    const answer = await json("/events", { method: "POST", headers: { "content-type": "application/json" }, body });
    assert.equal(answer.accepted, 1);
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
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "nothing sticks out");
  assert.deepEqual(await violations(page), []);
  await answered(page, () => page.locator('[data-answer="rejected"]').tap());
  await page.locator("#language").tap();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Is this the same?");
  await close(page);
  const light = await open({ colorScheme: "light" });
  assert.deepEqual(await violations(light), []);
  await close(light);
});
