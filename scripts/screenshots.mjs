// Takes the pictures of the explorer that stand in the documentation: `node scripts/screenshots.mjs`, after `npm run
// build`. Needs Chromium (CHROMIUM_PATH, or /usr/bin/chromium) and, for the Chinese one, a font that has the characters.
// The heap is that of the demonstration (`spanheap explore`), after it has run for a while.
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const OUT = 'docs/img';
const MOST_BYTES = 300_000;
/** Seconds that the demonstration runs before the first picture: some cycles of the collector. */
const WARM_UP = Number(process.env['WARM_UP'] ?? 45);
mkdirSync(OUT, { recursive: true });

const program = spawn(process.execPath, ['dist/cli.js', 'explore', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'pipe'],
});
const url = await new Promise((resolve, reject) => {
  for (const stream of [program.stdout, program.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      const found = /http:\/\/\S+/.exec(line);
      if (found !== null) resolve(found[0]);
    });
  }
  program.once('exit', (code) => reject(new Error(`the demonstration ended with ${code}`)));
});

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});

/** Opens a view, does something there, and takes its picture. */
async function picture(name, route, { colorScheme = 'light', locale = 'en-US', height = 900, act } = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height }, colorScheme, locale });
  const page = await context.newPage();
  await page.goto(`${url}#/${route}`);
  await page.waitForTimeout(1500);
  await act?.(page);
  await page.waitForTimeout(300);
  const path = `${OUT}/explorer-${name}.png`;
  await page.screenshot({ path });
  await context.close();
  const { size } = statSync(path);
  console.log(`${path}: ${Math.round(size / 1000)} kB`);
  if (size > MOST_BYTES) throw new Error(`${path} is larger than ${MOST_BYTES} bytes`);
}

const ask = async (path) => (await fetch(`${url}api/${path}`)).json();

/** First page of a span of several types of small objects with pointers, about half full. */
async function spanToShow() {
  const { pages } = await ask('info');
  let best = { page: 1, score: -1 };
  for (let chunk = 0; chunk < Math.min(8, pages / 512); chunk++) {
    for (const { span } of (await ask(`chunk?n=${chunk}`)).runs ?? []) {
      if (span === null || span.spanClass < 2 || span.spanClass % 2 === 1 || span.nelems < 40 || span.nelems > 260)
        continue;
      const detail = await ask(`span?page=${span.page}`);
      const types = new Set(detail.types?.filter((_, i) => detail.slots[i] & 1)).size;
      // One that a thread allocates from has a window to show.
      const inUse = span.list === 'mcache.alloc' ? 60 : 0;
      const score = types * 50 + inUse + Math.min(span.live, span.nelems - span.live);
      if (score > best.score) best = { page: span.page, score };
    }
  }
  return best.page;
}

const forward = (times) => async (page) => {
  const button = page.locator('.stage button.primary');
  for (let i = 0; i < times; i++) await button.click();
};

try {
  await new Promise((resolve) => setTimeout(resolve, WARM_UP * 1000));
  await picture('overview', 'overview', { height: 1000, act: (page) => page.waitForTimeout(2500) });
  await picture('pages', 'pages', {
    act: async (page) => {
      await page.locator('.map-box canvas').focus();
      for (let i = 0; i < 9; i++) await page.keyboard.press('ArrowRight');
      // Cells of 8 px fill the width.
      const cell = async () => Number.parseInt(await page.locator('.segments output').innerText(), 10);
      for (let now = await cell(); now !== 8; now = await cell()) await page.keyboard.press(now < 8 ? '+' : '-');
    },
  });
  await picture('span', `span/${await spanToShow()}`, { colorScheme: 'dark' });
  await picture('steps', 'steps/large', { act: forward(8) });
  await picture('zh', 'steps/sweep', { locale: 'zh-CN', act: forward(5) });
} finally {
  await browser.close();
  program.removeAllListeners('exit');
  program.kill();
}
