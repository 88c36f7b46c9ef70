// Drives one Chromium: a line of JSON is a command, and its answer is a line of JSON.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const FLAGS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--enable-unsafe-swiftshader",
];

const browser = await chromium.launch({
  executablePath: process.argv[2],
  chromiumSandbox: false,
  args: FLAGS,
});
const elsewhere = new Map();
let context;
let page;
let complaints = [];

async function fromElsewhere(route) {
  const url = route.request().url();
  const found = [...elsewhere].find(([start]) => url.startsWith(start));
  if (!found) return route.abort();
  const body = await readFile(found[1] + url.slice(found[0].length));
  const contentType = url.endsWith(".wasm") ? "application/wasm" : "text/javascript";
  return route.fulfill({ body, contentType, headers: { "access-control-allow-origin": "*" } });
}

const commands = {
  async open({ url, width = 1100, height = 800, dark = false, scripts = true, folders = {} }) {
    await context?.close();
    elsewhere.clear();
    for (const [start, folder] of Object.entries(folders)) elsewhere.set(start, folder);
    context = await browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      javaScriptEnabled: scripts,
      permissions: ["camera"],
    });
    const { origin } = new URL(url);
    await context.route((asked) => asked.protocol.startsWith("http") && asked.origin !== origin, fromElsewhere);
    page = await context.newPage();
    complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(url);
  },
  complaints: () => complaints,
  value: ({ expression }) => page.evaluate(expression),
  async until({ expression }) {
    // The page forbids what Playwright's own waiting does: making code of text.
    const end = Date.now() + 60_000;
    while (!(await page.evaluate(`Boolean(${expression})`))) {
      if (Date.now() > end) throw new Error(`never became true: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  click: ({ selector }) => page.click(selector, { timeout: 10_000 }),
  press: ({ key }) => page.keyboard.press(key),
  async choose({ path }) {
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#choose")]);
    await chooser.setFiles(path);
  },
  async hand({ event, path, type }) {
    const bytes = (await readFile(path)).toString("base64");
    await page.evaluate(
      ([kind, data, name, mime]) => {
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type: mime }));
        const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
        const transfer = kind === "paste" ? { clipboardData: files } : { dataTransfer: files };
        document.body.dispatchEvent(new Kind(kind, { ...transfer, bubbles: true, cancelable: true }));
      },
      [event, bytes, basename(path), type],
    );
  },
  async picture({ path, whole = true }) {
    await page.screenshot({ path, fullPage: whole });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...request } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await commands[command](request)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
