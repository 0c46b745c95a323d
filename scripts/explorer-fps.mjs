// Frames a second of the explorer's page map with a heap of 1 GiB, in Chromium: `node scripts/explorer-fps.mjs`, after
// `npm run build`. Needs Chromium (CHROMIUM_PATH, or on PATH).
//
// The heap changes all the time, the map is updated four times a second, and in each frame the window is scrolled, so that
// each frame is painted anew. A frame that was not painted is not counted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const SECONDS = 5;
const root = fileURLToPath(new URL('..', import.meta.url));
const program = spawn(process.execPath, ['test/examples/explored/program.mjs', '--large'], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [url] = await once(createInterface({ input: program.stdout }), 'line');
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  /** CPU time of the page's main thread so far. */
  const cpuSeconds = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return metrics.find((m) => m.name === 'TaskDuration').value;
  };
  await page.goto(`${url}#/pages`);
  await page.waitForFunction(() => Number(document.documentElement.dataset.frames) > 1);
  await page.waitForTimeout(2000);
  const pages = await page.evaluate(() =>
    [...document.querySelectorAll('.legend li')].reduce(
      (n, li) => n + Number(li.children[2].textContent.replaceAll(',', '')),
      0,
    ),
  );
  console.log(`${pages} pages known, ${Math.round(pages / 128)} MiB`);
  for (const cell of [2, 4, 8, 16]) {
    for (let i = 0; i < 12; i++) {
      const now = Number.parseInt(await page.locator('.segments output').innerText(), 10);
      if (now === cell) break;
      await page.getByRole('button', { name: now < cell ? 'Larger cells' : 'Smaller cells' }).click();
    }
    const before = await cpuSeconds();
    const { frames, ...figures } = await page.evaluate(measure, SECONDS);
    const cpuMs = Math.round((((await cpuSeconds()) - before) * 1e5) / frames) / 100;
    console.log(`cells of ${cell} px: ${JSON.stringify({ ...figures, mainThreadMsPerFrame: cpuMs })}`);
  }
} finally {
  await browser.close();
  program.kill();
}

/** In the page. */
async function measure(seconds) {
  const box = document.querySelector('.map-box');
  const painted = () => Number(document.documentElement.dataset.frames);
  const gaps = [];
  const from = painted();
  const begin = performance.now();
  let last = begin;
  let i = 0;
  await new Promise((resolve) => {
    const frame = (now) => {
      gaps.push(now - last);
      last = now;
      i++;
      // A pixel up and down where all of the map can be seen: scrolling is what makes a frame.
      const room = box.scrollHeight - box.clientHeight;
      box.scrollTop = room > 0 ? (i * 7) % room : 0;
      if (room <= 0) box.dispatchEvent(new Event('scroll'));
      if (performance.now() - begin < seconds * 1000) requestAnimationFrame(frame);
      else resolve();
    };
    requestAnimationFrame(frame);
  });
  gaps.shift();
  gaps.sort((a, b) => a - b);
  const ms = (at) => Math.round(gaps[Math.floor(at * (gaps.length - 1))] * 10) / 10;
  return {
    frames: painted() - from,
    framesPerSecond: Math.round(((painted() - from) / (performance.now() - begin)) * 10000) / 10,
    medianMs: ms(0.5),
    p95Ms: ms(0.95),
    p99Ms: ms(0.99),
    longestMs: ms(1),
  };
}
