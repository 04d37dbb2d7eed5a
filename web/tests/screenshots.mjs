// Makes the README's pictures from the real page: `npm run pictures`. They go to docs/pictures/.

import { mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";

import { PHONE, choose, openBrowser, openShop, searching, settled, visit } from "./shop.mjs";

const folder = resolve(import.meta.dirname, "../../docs/pictures");
const HEAVIEST = 300 * 1024;

/** Waits for the pictures on the screen, and for movement to end. */
async function still(page) {
  await page.waitForFunction(() =>
    [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > window.innerHeight || image.getBoundingClientRect().width === 0),
  );
  await page.waitForTimeout(1500);
}

async function take(page, name) {
  await page.mouse.move(0, 0);
  await still(page);
  const path = join(folder, `${name}.jpg`);
  await page.screenshot({ path, type: "jpeg", quality: 85 });
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
} finally {
  await Promise.all([browser.close(), shop.stop()]);
}
