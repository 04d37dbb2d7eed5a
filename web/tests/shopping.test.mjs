// Around the search: filters, details, languages, themes, small screens, keys, weight, and accessibility of every state.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PHONE, choose, openBrowser, openShop, searching, settled, titles, violations, visit } from "./shop.mjs";

let shop;
let bare;
let browser;
before(async () => ([shop, bare, browser] = await Promise.all([openShop(), openShop({ empty: true }), openBrowser()])));
after(() => Promise.all([browser?.close(), shop?.stop(), bare?.stop()]));

const open = (path, options) => visit(browser, shop.url, path, options);
const close = async (page) => {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
};
const count = async (page) => Number((await page.locator("#count").innerText()).match(/\d+/)[0]);
const group = (page, name) => page.locator("#filters fieldset", { has: page.locator("legend", { hasText: name }) });

test("category and brand filter with true counts, several at once", async () => {
  const page = await open("/?q=camera");
  const all = await count(page);
  const brand = group(page, "Brand");
  const first = brand.locator("li").first();
  const [name, promised] = [await first.locator(".value").innerText(), Number(await first.locator(".number").innerText())];
  const one = await searching(page, () => first.locator("input").check());
  assert.equal(one.filter, `brand = "${name}"`);
  assert.equal(await count(page), promised);
  assert.ok(promised < all);
  // The counts of the other brands stay, so that a second one can be added.
  const second = brand.locator("li").nth(1);
  const more = Number(await second.locator(".number").innerText());
  assert.ok(more > 0);
  const two = await searching(page, () => second.locator("input").check());
  assert.match(two.filter, /^brand IN \["/);
  assert.equal(await count(page), promised + more);
  await searching(page, () => page.getByRole("button", { name: `Remove the filter ${name}` }).click());
  assert.equal(await count(page), more);
  await page.goBack();
  await settled(page);
  assert.equal(await count(page), promised + more);
  await close(page);
});

test("a category of the window leads into it; a part of it narrows", async () => {
  const page = await open("/");
  const pill = page.locator("#pills .pill").first();
  await pill.waitFor();
  const promised = Number(await pill.locator(".number").innerText());
  await searching(page, () => pill.click());
  assert.equal(await count(page), promised);
  const inner = group(page, "Category").locator(".depth-1").first();
  const part = Number(await inner.locator(".number").innerText());
  const asked = await searching(page, () => inner.locator("input").check());
  assert.match(asked.filter, /^category = ".+ > .+"$/);
  assert.equal(await count(page), part);
  assert.ok(part < promised);
  await close(page);
});

test("a colour shows what has it first, alone and beside words, and goes again", async () => {
  const page = await open("/?q=plant");
  const all = await count(page);
  const green = group(page, "Colour").getByRole("button", { name: "green" });
  const both = await searching(page, () => green.click());
  assert.deepEqual([both.text, both.colour, both.filter], ["plant", "green", undefined]);
  assert.equal(await count(page), all);
  assert.equal(await green.getAttribute("aria-pressed"), "true");
  const box = await green.boundingBox();
  assert.ok(box.width >= 24 && box.height >= 24, JSON.stringify(box));
  assert.deepEqual(await violations(page), []);
  await page.reload();
  await settled(page);
  assert.equal(await green.getAttribute("aria-pressed"), "true");
  await searching(page, () => page.getByRole("button", { name: "Remove the filter In green" }).click());
  assert.equal(await green.getAttribute("aria-pressed"), "false");
  assert.equal(new URL(page.url()).searchParams.has("shade"), false);
  await page.goBack();
  await settled(page);
  assert.equal(await green.getAttribute("aria-pressed"), "true");
  const again = await searching(page, () => green.click());
  assert.equal(again.colour, undefined);
  await close(page);
  const alone = await open("/?shade=green");
  assert.ok((await count(alone)) < 54 && (await titles(alone)).some((title) => /Plant/.test(title)), String(await titles(alone)));
  await close(alone);
});

test("the colours on a phone, and a colour that is none", async () => {
  const page = await open("/?shade=blue", PHONE);
  await page.locator("#filters-open").click();
  const swatches = page.locator("#sheet .tints button");
  assert.equal(await swatches.count(), 12);
  for (const swatch of await swatches.all()) {
    const box = await swatch.boundingBox();
    assert.ok(box.width >= 36 && box.height >= 36 && box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box));
  }
  assert.deepEqual(await violations(page), []);
  await close(page);
  const wrong = await open("/?shade=purpel");
  assert.match(await wrong.locator("#state").innerText(), /purpel/);
  await close(wrong);
});

test("price range, stock and order", async () => {
  const page = await open("/?q=camera");
  await page.getByLabel("Lowest price").fill("100");
  await searching(page, async () => {});
  const asked = await searching(page, () => page.getByLabel("Highest price").fill("900"));
  assert.equal(asked.filter, "price >= 100 AND price <= 900");
  const sorted = await searching(page, () => page.locator("#sort").selectOption("price:asc"));
  assert.deepEqual(sorted.sort, [{ price: "asc" }]);
  const prices = (await page.locator("#grid .price").allInnerTexts()).map((text) => Number(text.replace(/,/g, "").match(/[\d.]+/)[0]));
  assert.ok(prices.length > 1 && prices.every((price) => price >= 100 && price <= 900), String(prices));
  assert.deepEqual(prices, [...prices].sort((a, b) => a - b));
  const stocked = await searching(page, () => page.getByLabel("In stock only").check());
  assert.match(stocked.filter, /AND in_stock$/);
  await page.reload();
  await settled(page);
  assert.equal(await page.getByLabel("Lowest price").inputValue(), "100");
  await searching(page, () => page.locator("#filters").getByRole("button", { name: "Clear all filters" }).click());
  assert.equal(new URL(page.url()).searchParams.has("min"), false);
  await close(page);
});

test("details: pictures, text, similar products, and back closes them", async () => {
  const page = await open("/?q=instant+camera");
  await page.locator("#grid .open").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("h2", { hasText: "Instant Camera" }).waitFor();
  assert.match(await dialog.innerText(), /nostalgic design/);
  await dialog.locator(".strip .card").first().waitFor();
  const strip = await dialog.locator(".strip .title").allTextContents();
  assert.ok(!strip.includes("Instant Camera"), String(strip));
  assert.deepEqual(await violations(page), []);
  const next = strip[0];
  await dialog.locator(".strip .open").first().click();
  await dialog.locator("h2", { hasText: next }).waitFor();
  await page.goBack();
  await page.waitForFunction(() => !document.getElementById("detail").open);
  await page.goForward();
  await dialog.locator("h2", { hasText: next }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.getElementById("detail").open && !location.search.includes("product="));
  await close(page);
});

test("search in a picture of the shop, from its details", async () => {
  const page = await open("/?q=instant+camera");
  await page.locator("#grid .open").first().click();
  const asked = await searching(page, () => page.getByRole("button", { name: "Search in this picture" }).click());
  assert.equal(asked.multipart, true);
  assert.equal((await titles(page))[0], "Instant Camera");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await close(page);
});

test("an unknown product in the address is told in words", async () => {
  const page = await open("/?product=no-such-product");
  await page.getByRole("dialog").getByText("No such product").waitFor();
  await close(page);
});

test("Chinese by the browser's language, English by the switch, remembered", async () => {
  const page = await open("/?q=camera", { locale: "zh-CN" });
  assert.equal(await page.locator("html").getAttribute("lang"), "zh");
  assert.match(await page.locator("#count").innerText(), /\d+ 件商品/);
  assert.equal(await page.getByRole("button", { name: /^找相似/ }).count(), await page.locator("#grid .card").count());
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Switch to English" }).click();
  await page.getByText(/^\d+ products/).waitFor();
  await page.reload();
  await settled(page);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await close(page);
});

test("both languages have the same words, with the same blanks", async () => {
  const page = await open("/");
  const [en, zh] = await page.evaluate(async () => {
    const load = async (name) => (await import(`/assets/words-${name}.js`)).default;
    return [await load("en"), await load("zh")];
  });
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  const blanks = (text) => [...new Set((typeof text === "string" ? text : text.other).match(/\{\w+\}/g) ?? [])].sort();
  for (const key of Object.keys(en)) assert.deepEqual(blanks(zh[key]), blanks(en[key]), key);
  await close(page);
});

test("dark by the system, light by the switch, remembered", async () => {
  const page = await open("/", { colorScheme: "dark" });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await paper(), "rgb(19, 20, 21)");
  await page.locator("#theme").click();
  assert.equal(await paper(), "rgb(255, 255, 255)");
  await page.reload();
  await settled(page);
  assert.equal(await paper(), "rgb(255, 255, 255)");
  await page.locator("#theme").click();
  assert.equal(await paper(), "rgb(19, 20, 21)");
  await close(page);
});

test("on a phone nothing is wider than the screen and filters come in a sheet", async () => {
  const page = await open("/", PHONE);
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await overflow(), 0);
  await choose(page);
  assert.equal(await overflow(), 0);
  await page.locator("#filters-open").tap();
  const sheet = page.getByRole("dialog", { name: "Filters" });
  await searching(page, () => sheet.locator("fieldset", { hasText: "Brand" }).locator("input").first().check());
  assert.deepEqual(await violations(page), []);
  await sheet.getByRole("button", { name: /^Show \d+ products?$/ }).tap();
  assert.equal(await page.locator("#filters-count").innerText(), "1");
  await page.locator("#grid .open").first().tap();
  await page.getByRole("dialog").locator("h2").waitFor();
  assert.deepEqual(await violations(page), []);
  const small = await page.getByRole("dialog").locator("button, a.main").evaluateAll((all) => all.map((each) => each.getBoundingClientRect()).filter((box) => box.width && (box.width < 24 || box.height < 24)).length);
  assert.equal(small, 0);
  await close(page);
});

test("keys alone: skip link, search, filter, like, details", async () => {
  const page = await open("/");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the products");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const reached = await page.evaluate(() => document.activeElement.closest("main")?.id);
  assert.equal(reached, "results");
  await page.locator("#words").focus();
  await page.keyboard.type("chair");
  await searching(page, () => page.keyboard.press("Enter"));
  await page.locator("#filters input[type=checkbox]").first().focus();
  await searching(page, () => page.keyboard.press("Space"));
  assert.equal(await page.evaluate(() => document.activeElement.type), "checkbox", "redrawing keeps the focus in the list");
  await page.locator("#grid .open").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").locator("h2").waitFor();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.getElementById("detail").open);
  assert.equal(await page.evaluate(() => document.activeElement.className), "open", "closing gives the focus back");
  await page.keyboard.press("Tab");
  await searching(page, () => page.keyboard.press("Enter"));
  assert.match(await page.locator("#results-title").innerText(), /^Like /);
  await close(page);
});

test("what is chosen in the moment when details close is not lost on the way back", async () => {
  const page = await open("/");
  await page.locator("#words").fill("chair");
  await searching(page, () => page.keyboard.press("Enter"));
  await page.locator("#grid .open").first().click();
  await page.getByRole("dialog").locator("h2").waitFor();
  // The browser goes back later than this: the page's own listener has only asked it to.
  await page.evaluate(() => document.getElementById("detail").addEventListener("close", () => document.querySelector("#grid .alike").click(), { once: true }));
  await searching(page, () => page.keyboard.press("Escape"));
  assert.match(await page.locator("#results-title").innerText(), /^Like /);
  await page.goBack();
  await settled(page);
  assert.equal(await page.locator("#results-title").innerText(), "“chair”");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await close(page);
});

test("an empty catalogue says how to fill it", async () => {
  const page = await visit(browser, bare.url);
  assert.match(await page.locator("#state").innerText(), /The window is still empty[^]*vetrina import FEED/);
  assert.deepEqual(await violations(page), []);
  await close(page);
});

test("the page weighs less than 100 KB without pictures, and asks nobody else", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const loaded = new Map();
  session.on("Network.responseReceived", ({ requestId, response }) => loaded.set(requestId, { url: response.url, type: response.mimeType, bytes: 0 }));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => loaded.has(requestId) && (loaded.get(requestId).bytes = encodedDataLength));
  await page.goto(shop.url);
  await settled(page);
  await page.waitForTimeout(500);
  const own = [...loaded.values()].filter(({ url, type }) => !url.includes("/v1/") && (!type.startsWith("image/") || type === "image/svg+xml"));
  const bytes = own.reduce((sum, each) => sum + each.bytes, 0);
  console.log(`page: ${own.length} files, ${bytes} bytes`);
  assert.ok(own.length > 5 && bytes > 10_000 && bytes < 100_000, `${bytes}`);
  assert.ok([...loaded.values()].every(({ url }) => url.startsWith(shop.url) || url.startsWith("data:") || url.startsWith("blob:")));
  await context.close();
});

test("nothing jumps while the page and its pictures load", async () => {
  for (const [path, options] of [["/", {}], ["/", PHONE], ["/?q=camera", {}], ["/?q=camera", PHONE]]) {
    const page = await open(path, options);
    await page.waitForTimeout(1200);
    const shift = await page.evaluate(
      () =>
        new Promise((done) => {
          let sum = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((entry) => !entry.hadRecentInput && (sum += entry.value))).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => done(sum), 300);
        }),
    );
    assert.ok(shift < 0.05, `${path} ${JSON.stringify(options)}: layout shift ${shift}`);
    await close(page);
  }
});

for (const [name, options] of [["light", {}], ["dark", { colorScheme: "dark" }], ["phone", PHONE]]) {
  test(`no accessibility violations: ${name}`, async () => {
    for (const path of ["/", "/?q=camera", "/?q=qqxzvwkj", "/?category=Electronics&min=10&stock=1"]) {
      const page = await open(path, options);
      assert.deepEqual(await violations(page), [], path);
      await close(page);
    }
    const page = await open("/", options);
    await choose(page);
    assert.deepEqual(await violations(page), [], "photo");
    await page.locator(".frame").focus();
    await searching(page, () => page.keyboard.press("ArrowLeft"));
    assert.deepEqual(await violations(page), [], "crop");
    await searching(page, () => page.setInputFiles("#choose", { name: "x.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") }));
    assert.deepEqual(await violations(page), [], "error");
    await close(page);
  });
}

test("small parts: filter language, boxes, category tree, money", async () => {
  const page = await open("/");
  const found = await page.evaluate(async () => {
    const { filterOf } = await import("/assets/filter-language.js");
    const { fitted, resized, between } = await import("/assets/geometry.js");
    const { asTree, related } = await import("/assets/category.js");
    const { money } = await import("/assets/format.js");
    return {
      none: filterOf({}),
      quoted: filterOf({ brand: ['A "B" \\ C'] }),
      all: filterOf({ category: ["X > Y", "Z"], brand: ["B"], min: "0", max: "9.50", stock: true }),
      bad: filterOf({ min: "abc", max: "-1" }),
      fitted: fitted([0.9, -0.2, 0.3, 0.01]),
      resized: resized([0.2, 0.2, 0.4, 0.4], "nw", [0.9, -0.9]).map((n) => +n.toFixed(4)),
      between: between([0.8, 0.1], [-0.2, 1.4]).map((n) => +n.toFixed(4)),
      tree: asTree([{ value: "A > B", count: 1 }, { value: "C", count: 5 }, { value: "A", count: 3 }, { value: "D > E", count: 2 }]).map(({ label, depth }) => [label, depth]),
      related: [related("A > B", "A"), related("A", "A > B"), related("AB", "A")],
      money: [money({ amount: "59.00", currency: "EUR" }), money({ amount: "1299.90", currency: "USD" }), money({ amount: "5", currency: "??" }), money(undefined)],
    };
  });
  assert.deepEqual(found, {
    none: "",
    quoted: 'brand = "A \\"B\\" \\\\ C"',
    all: 'category IN ["X > Y", "Z"] AND brand = "B" AND price >= 0 AND price <= 9.5 AND in_stock',
    bad: "",
    fitted: [0.7, 0, 0.3, 0.05],
    resized: [0.55, 0, 0.05, 0.6],
    between: [0, 0.1, 0.8, 0.9],
    tree: [["C", 0], ["A", 0], ["B", 1], ["D > E", 0]],
    related: [true, true, false],
    money: ["€59", "$1,299.90", "5 ??", null],
  });
  await close(page);
});
