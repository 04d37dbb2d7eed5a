// The widget in a shop's own page, which comes from another origin than Vetrina: the CORS protocol in a real browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";

import { PHONE, PHOTO, openBrowser, openShop, sticksOut, violations } from "./shop.mjs";

const WEB = resolve(import.meta.dirname, "..");
const KEY = "pk_sample_shop";

let shop;
let browser;
let bottega; // the shop's own server, and that of a stranger who copied its page
let stranger;

/** Serves the sample shop as a shop would have it: Vetrina's address written into the page. */
async function openSite() {
  const server = createServer(async (request, response) => {
    const style = request.url.endsWith(".css");
    const text = await readFile(join(WEB, style ? "sample-shop.css" : "sample-shop.html"), "utf8");
    const page = text.replace('src="/assets/widget.js"', `src="${shop.url}/assets/widget.js"`).replace('href="/assets/mark.svg"', 'href="data:,"');
    response.setHeader("content-type", style ? "text/css" : "text/html; charset=utf-8");
    // A strict policy, as careful shops have it: the widget needs the script, the requests and the pictures allowed, and no inline style.
    response.setHeader("content-security-policy", `default-src 'none'; style-src 'self'; script-src ${shop.url}; connect-src ${shop.url} blob:; img-src ${shop.url} blob: data:`);
    response.end(style ? text : page);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

before(async () => {
  [bottega, stranger, browser] = await Promise.all([openSite(), openSite(), openBrowser()]);
  shop = await openShop({ settings: `[[public_keys]]\nkey = "${KEY}"\norigins = ["${bottega.url}"]\n` });
});
after(async () => {
  bottega?.stop();
  stranger?.stop();
  await Promise.all([browser?.close(), shop?.stop()]);
});

async function open(site, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.stack));
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && page.complaints.push(message.text()));
  await page.goto(site.url);
  await page.locator("vetrina-search [part=bar]").waitFor();
  return page;
}

const said = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector("vetrina-search").shadowRoot.querySelector(".status").textContent), pattern.source);
const titles = (page) => page.locator("vetrina-search .title").allTextContents();

test("words and a photo are searched with from the shop's own page", async () => {
  const page = await open(bottega);
  await page.locator("vetrina-search .field").fill("camera");
  await page.keyboard.press("Enter");
  await said(page, /\d+ product/);
  assert.ok((await titles(page)).some((title) => /camera/i.test(title)), String(await titles(page)));
  await page.locator("vetrina-search input[type=file]").first().setInputFiles(PHOTO);
  await page.locator("vetrina-search .field").fill("");
  await page.locator("vetrina-search .go").click();
  await page.waitForFunction(() => document.querySelector("vetrina-search").shadowRoot.querySelector(".title")?.textContent === "Instant Camera");
  assert.ok(await page.locator("vetrina-search .easel img").isVisible());
  // The thumbnails come from the other origin too.
  await page.waitForFunction(() => document.querySelector("vetrina-search").shadowRoot.querySelector(".picture img")?.naturalWidth > 0);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("the shop hears what was searched and chosen, and may keep the browser on the page", async () => {
  const page = await open(bottega);
  await page.evaluate(() => {
    window.heard = [];
    document.addEventListener("vetrina-search", (event) => window.heard.push(event.detail));
    document.addEventListener("vetrina-select", (event) => (event.preventDefault(), window.heard.push(event.detail.product.title)));
  });
  await page.locator("vetrina-search .field").fill("instant camera");
  await page.keyboard.press("Enter");
  await said(page, /\d+ product/);
  await page.locator("vetrina-search .card").first().click();
  const [search, product] = await page.evaluate(() => window.heard);
  assert.equal(search.text, "instant camera");
  assert.ok(search.total > 0);
  assert.equal(product, "Instant Camera");
  assert.equal(new URL(page.url()).origin, bottega.url);
  await page.context().close();
});

test("a server that is busy for a moment is asked again, and one that stays busy is said to be", async () => {
  const page = await open(bottega);
  let refused = 0;
  let times = 1;
  await page.route("**/search", (route) => {
    if (route.request().method() !== "POST" || refused >= times) return route.continue();
    refused += 1;
    const headers = { "retry-after": "0", "access-control-allow-origin": bottega.url, "access-control-expose-headers": "retry-after" };
    return route.fulfill({ status: 503, headers, contentType: "application/problem+json", body: JSON.stringify({ status: 503, title: "busy", code: "busy" }) });
  });
  await page.locator("vetrina-search .field").fill("camera");
  await page.keyboard.press("Enter");
  await said(page, /\d+ product/);
  assert.equal(refused, 1);
  times = Infinity;
  await page.locator("vetrina-search .field").fill("instant camera");
  await page.keyboard.press("Enter");
  await said(page, /Too many searches/);
  assert.equal(refused, 4, "asked three times, no more");
  await page.context().close();
});

test("a site that the key does not list finds nothing, and says so", async () => {
  const page = await open(stranger);
  await page.locator("vetrina-search .field").fill("camera");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("vetrina-search").shadowRoot.querySelector(".status.wrong") !== null);
  assert.deepEqual(await titles(page), []);
  await page.context().close();
});

test("a key opens searching, not writing, and only its catalogue", async () => {
  const page = await open(bottega);
  const ask = (method, path, key = KEY) =>
    page.evaluate(
      async ([address, how, given]) => {
        const headers = given ? { "x-vetrina-key": given, "content-type": "application/json" } : {};
        const answer = await fetch(address, { method: how, headers, body: how === "POST" ? "{}" : undefined }).catch(() => null);
        return answer && { status: answer.status, code: (await answer.json().catch(() => ({}))).code };
      },
      [shop.url + path, method, key],
    );
  assert.equal((await ask("GET", "/v1/catalogues/default/products/1")).status, 404);
  assert.equal((await ask("POST", "/v1/catalogues/default/products")).code, "not-public");
  // A catalogue that no key of this origin opens: the browser is not even told that it may ask.
  assert.equal(await ask("POST", "/v1/catalogues/other/search"), null);
  assert.equal(await ask("DELETE", "/v1/catalogues/default/products/1"), null);
  assert.equal((await ask("POST", "/v1/catalogues/default/search", "pk_of_nobody")).code, "no-public-key");
  assert.equal((await ask("GET", "/v1/catalogues/default/products", "")).code, "no-public-key");
  await page.context().close();
});

for (const [name, options] of [["wide", {}], ["phone, dark, Chinese", { ...PHONE, colorScheme: "dark", locale: "zh-CN" }]]) {
  test(`the sample shop breaks no rule of accessibility: ${name}`, async () => {
    const page = await open(bottega, options);
    if (options.locale === "zh-CN") await page.evaluate(() => (document.querySelector("vetrina-search").lang = "zh"));
    await page.locator("vetrina-search input[type=file]").first().setInputFiles(PHOTO);
    await said(page, options.locale === "zh-CN" ? /件商品/ : /product/);
    assert.deepEqual(await violations(page), []);
    assert.equal(await sticksOut(page), false);
    await page.context().close();
  });
}
