// Makes the README's pictures from the real page: `npm run pictures`. They go to docs/pictures/.

import { mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";

import { PHONE, choose, openBrowser, openShop, photographed, post, searching, settled, visit } from "./shop.mjs";

const folder = resolve(import.meta.dirname, "../../docs/pictures");
const HEAVIEST = 300 * 1024;

/** Waits for the pictures on the screen, and for movement to end. */
async function still(page) {
  await page.waitForFunction(() =>
    [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > window.innerHeight || image.getBoundingClientRect().width === 0),
  );
  await page.waitForTimeout(1500);
}

async function take(page, name, options = {}) {
  await page.mouse.move(0, 0);
  await still(page);
  const path = join(folder, `${name}.jpg`);
  await page.screenshot({ path, type: "jpeg", quality: 85, ...options });
  const { size } = await stat(path);
  if (size > HEAVIEST) throw new Error(`${path} has ${size} bytes, more than ${HEAVIEST}`);
  console.log(path, size);
  await page.context().close();
}

/** Draws the frame around the camera in the photo. */
const crop = (page) =>
  searching(page, async () => {
    const area = await page.locator(".canvas").boundingBox();
    const at = (x, y) => [area.x + area.width * x, area.y + area.height * y];
    await page.mouse.move(...at(0.27, 0.36));
    await page.mouse.down();
    await page.mouse.move(...at(0.78, 0.94), { steps: 8 });
    await page.mouse.up();
    await page.evaluate(() => document.activeElement.blur());
  });

/** Sends photos of all products, two of each with their answer and two without. */
async function sendPhotos(page, home) {
  const { products } = await (await fetch(`${home}/products?limit=60`)).json();
  const address = ({ images }) => `/v1/images/${images[0].hash}?w=320`;
  for (const [number, product] of products.entries()) {
    for (let turn = 0; turn < 4; turn += 1) {
      const wall = products[(number + 7 * turn + 5) % products.length];
      const data = await photographed(page, address(product), 4 * number + turn + 1, address(wall));
      const [path, body] = turn < 2 ? ["reviews", { photo: { data }, product: product.id, verdict: "confirmed" }] : ["events", { type: "search", photo: { data } }];
      const answer = await post(`${home}/${path}`, body);
      if (!answer.ok) throw new Error(await answer.text());
    }
  }
}

await mkdir(folder, { recursive: true });
const [shop, browser] = await Promise.all([openShop(), openBrowser()]);
try {
  const wide = { viewport: { width: 1280, height: 800 } };
  const open = (path, options = {}) => visit(browser, shop.url, path, { ...wide, ...options });

  await take(await open("/"), "window");
  for (const [name, options] of [["photo", {}], ["photo-dark", { colorScheme: "dark" }]]) {
    const page = await open("/", options);
    await choose(page);
    await crop(page);
    await take(page, name);
  }
  await take(await open("/?q=chair"), "words");
  {
    const page = await open("/?q=instant+camera");
    await page.locator("#grid .open").first().click();
    await page.locator("#detail .strip .card").first().waitFor();
    await take(page, "details");
  }
  {
    const page = await open("/", { ...PHONE, deviceScaleFactor: 2 });
    await choose(page);
    await take(page, "phone");
  }
  {
    const page = await open("/?q=camera", { ...PHONE, deviceScaleFactor: 2, locale: "zh-CN", colorScheme: "dark" });
    await settled(page);
    await take(page, "phone-chinese");
  }
  {
    const context = await browser.newContext({ ...wide, locale: "en-GB" });
    const page = await context.newPage();
    await page.goto(`${shop.url}/label`);
    await sendPhotos(page, `${shop.url}/v1/catalogues/default`);
    await page.reload();
    await page.locator('[data-act="learn"]:not([disabled])').click();
    await page.waitForSelector("#learn .proof", { timeout: 120_000 });
    await take(page, "label", { fullPage: true });
  }
} finally {
  await Promise.all([browser.close(), shop.stop()]);
}
