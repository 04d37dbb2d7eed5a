// A real shop for the tests: the real binary over the demo catalogue, and a real browser in front of it.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

import axe from "axe-core";
import { chromium } from "playwright-core";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** The binary under test. */
export const BINARY = process.env.VETRINA_BINARY ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/vetrina");
/** Folder of the demo catalogue: `products.csv` and `images/`. */
export const DEMO = process.env.VETRINA_DEMO ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "vetrina/demo");
/** A photo to search with: the demo shop's instant camera, the only one of its kind there. */
export const PHOTO = join(DEMO, "images/eniko-kis-663725-unsplash.jpg");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const START_MS = 30_000;

for (const [what, path] of [["The vetrina binary", BINARY], ["The demo catalogue", join(DEMO, "products.csv")], ["Chromium", CHROMIUM]]) {
  if (!existsSync(path)) throw new Error(`${what} is not at ${path}. \`make test\` builds and fetches what the tests need.`);
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  return port;
}

/** Imports the demo catalogue (unless `empty`) into a new data folder and serves it; `settings` is the text of its vetrina.toml. `{url, stop}`. */
export async function openShop({ empty = false, settings = "" } = {}) {
  const data = await mkdtemp(join(tmpdir(), "vetrina-page-"));
  if (!empty) {
    await run(BINARY, ["import", join(DEMO, "products.csv"), "--images", join(DEMO, "images"), "--data", data], { maxBuffer: 1 << 26 }).catch((failure) => {
      throw new Error(`The import failed: ${failure.stderr || failure.message}`);
    });
  }
  const port = await freePort();
  const config = join(data, "vetrina.toml");
  await writeFile(config, settings);
  const server = spawn(BINARY, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`, "--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  server.stderr.on("data", (chunk) => (said += chunk));
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + START_MS;
  for (;;) {
    const ready = await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
    if (ready) break;
    if (server.exitCode !== null || Date.now() > until) throw new Error(`The server did not start: ${said}`);
    await pause(100);
  }
  return {
    url,
    async stop() {
      server.kill("SIGTERM");
      const ended = once(server, "exit");
      if ((await Promise.race([ended, pause(5000, "late")])) === "late") server.kill("SIGKILL");
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Sends a JSON document. */
export const post = (url, document) => fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(document) });

/** The browser, once for a test file. */
export const openBrowser = () =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

/** Whether something sticks out to the right. Not asked of `innerWidth`: on a phone that grows with what sticks out. */
export const sticksOut = async (page) => (await page.evaluate(() => document.documentElement.scrollWidth)) > page.viewportSize().width;

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/**
 * A page of its own: own storage, `options` as Playwright's. What the page reports as an error is collected in `page.complaints`, each
 * search request's JSON in `page.searches`.
 */
export async function visit(browser, url, path = "/", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.searches = [];
  page.on("pageerror", (error) => page.complaints.push(error.stack));
  // A failed request is the server's answer, which a test may want; a refused script or style (CSP) is a fault of the page.
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && page.complaints.push(message.text()));
  // The browser does not tell the debugger what a multipart body holds, so what the page hands to `fetch` is noted on its way.
  await page.exposeFunction("noteSearch", (query, multipart) => page.searches.push({ ...JSON.parse(query), multipart }));
  await page.addInitScript(() => {
    const real = window.fetch;
    window.fetch = (address, options) => {
      if (String(address).endsWith("/search")) {
        const multipart = options.body instanceof FormData;
        window.noteSearch(multipart ? options.body.get("query") : options.body, multipart);
      }
      return real(address, options);
    };
  });
  await page.goto(url + path);
  await settled(page);
  return page;
}

/** Waits until the page waits for nothing: an answer, a message or cards are there. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const grid = document.getElementById("grid");
    const answered = grid.childElementCount > 0 || !document.getElementById("state").hidden;
    return answered && !grid.hasAttribute("aria-busy") && !document.body.classList.contains("searching");
  });
}

/** Does `act`, waits for the search request that it causes, and for its outcome; returns the request's JSON. */
export async function searching(page, act) {
  const request = page.waitForRequest((each) => each.method() === "POST" && each.url().endsWith("/search"));
  await act();
  await request;
  await settled(page);
  // The counts of a filtered facet are asked for after the products, one hit at most.
  return page.searches.filter(({ limit }) => limit > 1).at(-1);
}

/** Titles of the cards, in order. */
export const titles = (page) => page.locator("#grid .card .title").allTextContents();

/** Search with a photo through the file chooser. */
export const choose = (page, file = PHOTO) => searching(page, () => page.setInputFiles("#choose", file));

/** Violations of accessibility rules, one line each; the rules are all of axe-core's, best practices too; shadow trees are looked into. */
export async function violations(page) {
  // Animations end first: a half-faded word has half its contrast.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((each) => each.effect.getComputedTiming().iterations !== Infinity).map((each) => each.finished.catch(() => {}))));
  const session = await page.context().newCDPSession(page);
  // Through the debugger: the page's own policy forbids scripts that are not its own.
  await session.send("Runtime.evaluate", { expression: axe.source });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run(document).then((found) => JSON.stringify(found.violations.map((v) => v.impact + " " + v.id + ": " + v.nodes.map((n) => n.target + " " + n.failureSummary).join(" | "))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  return JSON.parse(result.value);
}

/**
 * What a shopper's photo makes of the picture at `address`: tilted, in yellow light, before the picture `wall` out of focus, or, without
 * one, before a patchwork; a JPEG as base64. The same `seed` makes the same photo.
 */
export const photographed = (page, address, seed, wall = null) =>
  page.evaluate(
    async ([from, behind, start]) => {
      let state = start;
      const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
      const bitmap = async (address) => createImageBitmap(await (await fetch(address)).blob());
      const picture = await bitmap(from);
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 320 });
      const brush = canvas.getContext("2d");
      if (behind) {
        brush.filter = "blur(5px) brightness(0.8)";
        brush.drawImage(await bitmap(behind), -120, -120, 560, 560);
        brush.filter = "none";
      }
      for (let patch = behind ? 900 : 0; patch < 900; patch += 1) {
        brush.fillStyle = `hsl(${random() * 360} 60% ${30 + random() * 40}%)`;
        brush.fillRect(random() * 320 - 20, random() * 320 - 20, 40, 40);
      }
      brush.translate(160 + random() * 40 - 20, 160 + random() * 40 - 20);
      brush.rotate((random() - 0.5) * 0.9);
      const side = 150 + random() * 60;
      brush.drawImage(picture, -side / 2, -side / 2, side, side);
      brush.setTransform(1, 0, 0, 1, 0, 0);
      brush.globalCompositeOperation = "multiply";
      brush.fillStyle = behind ? "rgb(255 220 165)" : "rgb(255 190 90)";
      brush.fillRect(0, 0, 320, 320);
      return canvas.toDataURL("image/jpeg", 0.7).split(",")[1];
    },
    [address, wall, seed],
  );
