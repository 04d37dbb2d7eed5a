// The import page: a feed is dropped and looked into, imported and watched, stopped and gone on with; its ledger is read.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { PHONE, openBrowser, openShop, sticksOut, violations } from "./shop.mjs";

let shop;
let browser;
before(async () => ([shop, browser] = await Promise.all([openShop({ empty: true }), openBrowser()])));
after(() => Promise.all([browser?.close(), shop?.stop()]));

/** A picture of one colour as `data:` URI: BMP, which needs no packing. */
function picture(red, green, blue) {
  const [side, head] = [16, 54];
  const bytes = Buffer.alloc(head + side * side * 3);
  bytes.write("BM");
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(head, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(side, 18);
  bytes.writeInt32LE(side, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let at = head; at < bytes.length; at += 3) bytes.set([blue, green, red], at);
  return `data:image/bmp;base64,${bytes.toString("base64")}`;
}

const product = (n) => ({ id: `lamp-${n}`, title: `Lamp ${n}`, price: { amount: "12.50", currency: "EUR" }, images: [{ source: picture(n % 256, (n >> 8) % 256, (n * 7) % 256) }] });
const lines = (items) => items.map((item) => (typeof item === "string" ? item : JSON.stringify(item))).join("\n");
const many = (count, from = 0) => Array.from({ length: count }, (_, n) => product(from + n));
/** A feed with every fifth row at fault. */
const faulty = (count) =>
  many(count).map((item, n) => (n % 5 ? item : n % 10 ? { ...item, images: [{ source: "data:image/png;base64,bm8gcGljdHVyZQ==" }] } : `{"id": "broken-${n}", "title":`));

async function visit(options = {}, path = "/import") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.stack));
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && page.complaints.push(message.text()));
  await page.goto(shop.url + path);
  await page.locator("#dialect option").first().waitFor({ state: "attached" });
  return page;
}

const close = async (page) => {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
};

/** Drops a file on the page, as a person does from a folder. */
const drop = (page, name, text) =>
  page.evaluate(
    ([name, text]) => {
      const carried = new DataTransfer();
      carried.items.add(new File([text], name));
      for (const type of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
    },
    [name, text],
  );

const figure = async (page, name) => {
  const pairs = await page.locator("main dl.figures:visible > div").evaluateAll((divs) => divs.map((div) => [div.querySelector("dt").textContent, div.querySelector("dd").textContent]));
  return pairs.find(([own]) => own === name)?.[1];
};

const ended = (page, word = "Done") => page.locator("#progress .state-word").getByText(word, { exact: true }).waitFor({ timeout: 120_000 });

/** No sideways scrolling of the page itself, no violated rule of accessibility. */
async function sound(page) {
  assert.equal(await sticksOut(page), false, "the page is wider than its window");
  assert.deepEqual(await violations(page), []);
}

/** Takes a picture when `VETRINA_SHOTS` names a folder for them. */
async function shot(page, name) {
  const folder = process.env.VETRINA_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

const LOOKS = [["wide-light", {}], ["wide-dark", { colorScheme: "dark" }], ["phone-light", PHONE], ["phone-dark", { ...PHONE, colorScheme: "dark" }]];

test("the empty page stands on every screen", async () => {
  for (const [name, options] of LOOKS) {
    const page = await visit(options);
    await sound(page);
    await shot(page, `import-empty-${name}`);
    await close(page);
  }
});

test("a feed is dropped, its dry run read, its import watched, its ledger read", async () => {
  const page = await visit();
  await drop(page, "lamps.jsonl", lines(faulty(40)));
  await page.locator("#report .main").waitFor();
  assert.equal(await figure(page, "Kind of feed"), "jsonl");
  assert.equal(await figure(page, "Products"), "36");
  assert.match(await page.locator("#report").innerText(), /4 problems/);
  assert.equal((await (await fetch(`${shop.url}/v1/jobs`)).json()).jobs.length, 0, "looking changes nothing");
  await page.locator("#report .main").click();
  await ended(page);
  assert.equal(await figure(page, "Done"), "40 / 40");
  assert.equal(await figure(page, "New"), "32");
  assert.equal(await figure(page, "Failed"), "8");
  assert.equal(await page.locator("#progress .meter").getAttribute("aria-valuenow"), "100");
  const rows = page.locator("#progress .ledger tbody tr");
  await rows.first().waitFor();
  assert.equal(await rows.count(), 8);
  assert.match(await rows.nth(1).innerText(), /6\s+lamp-5\s+Left out/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#progress a[download]").click()]);
  const table = await (await download.createReadStream()).toArray();
  assert.equal(Buffer.concat(table).toString().trim().split("\n").length, 9);
  await sound(page);
  assert.match(await page.locator("#jobs").innerText(), /lamps\.jsonl/);
  await close(page);
});

test("report and ledger stand on every screen", async () => {
  for (const [name, options] of LOOKS) {
    const page = await visit(options);
    await drop(page, "spring-and-summer-collection-of-the-whole-shop.jsonl", lines(faulty(40)));
    await page.locator("#report .main").waitFor();
    await sound(page);
    await shot(page, `import-report-${name}`);
    await page.locator("#report .main").click();
    await ended(page);
    await page.locator("#progress .ledger tbody tr").first().waitFor();
    await sound(page);
    await shot(page, `import-done-${name}`);
    await close(page);
  }
});

test("an import is watched while it runs, stopped and gone on with", async () => {
  const page = await visit();
  await drop(page, "many.jsonl", lines(many(500, 1000)));
  await page.locator("#report .main").click();
  await page.locator("#progress [data-act=cancel]").waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll("#progress dt")].some((name) => name.textContent === "Time left"));
  await shot(page, "import-running-wide-light");
  // The address names the job: who comes back sees it again.
  assert.match(page.url(), /\?job=/);
  await page.reload();
  await page.locator("#progress [data-act=cancel]").click();
  await ended(page, "Stopped");
  await shot(page, "import-stopped-wide-light");
  await page.locator("#progress [data-act=resume]").click();
  await ended(page);
  assert.equal(await figure(page, "Done"), "500 / 500");
  await close(page);
});

test("a feed that is none is told in plain words", async () => {
  const page = await visit();
  await drop(page, "holiday.txt", "just some words\nand more words\n");
  await page.locator("#report .verdict.bad").waitFor();
  assert.match(await page.locator("#report").innerText(), /dialect|recognised/);
  await sound(page);
  await shot(page, "import-refused-wide-light");
  await close(page);
});
