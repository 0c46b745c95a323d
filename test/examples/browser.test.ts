/**
 * The browser example in real Chromium, and what only a browser can show: a main thread that may not sleep while it waits
 * for its workers, and workers that nobody watches.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { removeProfile } from './remove-profile.ts';
import { findChromium, type Program, ROOT, start } from './run.ts';

const executablePath = findChromium();
if (executablePath === undefined) {
  console.warn(
    'The browser example is not tested: no Chromium here. Install it (Debian, Ubuntu: apt-get install chromium), or set CHROMIUM_PATH.',
  );
}

const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

let server: Program;
beforeAll(async () => {
  server = await start('examples/browser/server.mjs', '0');
});
afterAll(() => server?.end('SIGTERM'));

it('serves its own files only', async () => {
  for (const path of ['/..%2fserver.mjs', '/%2e%2e%2fserver.mjs', '/spanheap/..%2fpackage.json', '/absent', '/%ff']) {
    expect((await fetch(`${server.firstLine}${path}`)).status, path).toBe(404);
  }
});

describe.skipIf(executablePath === undefined)('in Chromium', () => {
  const userData = mkdtempSync(join(tmpdir(), 'spanheap-chromium-'));
  let browser: BrowserContext;
  let page: Page;
  /** What the page complained about. */
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launchPersistentContext(userData, {
      executablePath: executablePath as string,
      args: FLAGS.split(' '),
      colorScheme: 'light',
      viewport: { width: 1200, height: 1030 },
    });
  });

  afterAll(async () => {
    await browser?.close();
    await removeProfile(userData);
  });

  async function open(path: string, prepare?: (page: Page) => Promise<unknown>): Promise<void> {
    page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'data:' && url.origin !== server.firstLine) complaints.push(`asked for ${url}`);
    });
    await prepare?.(page);
    await page.goto(`${server.firstLine}${path}`);
  }

  afterEach(async () => {
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  const text = (id: string): Promise<string> => page.locator(`#${id}`).innerText();
  const steps = async (): Promise<number> => Number((await text('steps')).replace(/\D/g, ''));

  /** Pixels of the picture that are not the ground's. */
  const inkedPixels = (): Promise<number> =>
    page.evaluate(() => {
      const canvas = document.querySelector('canvas') as HTMLCanvasElement;
      const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(
        0,
        0,
        canvas.width,
        canvas.height,
      );
      return data.filter((value, i) => i % 4 === 0 && value < 200).length;
    });

  it('moves the stars in workers as plain JS would, and the heap is sound', async () => {
    await open('/?stars=20000&workers=3');
    await page.getByText('3 workers are at it.').waitFor();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    const threads = await page.locator('#workers li').allInnerTexts();
    expect(threads.map((t) => t.replace(/^\s*Thread \d: /, ''))).toEqual([
      '0 – 6,665',
      '6,666 – 13,332',
      '13,333 – 19,999',
    ]);
    expect(new Set(threads.map((t) => /\d/.exec(t)?.[0]))).toEqual(new Set(['2', '3', '4']));
    await page.waitForFunction(() => Number(document.getElementById('steps')?.innerText) > 20);

    expect(await inkedPixels()).toBeGreaterThan(10_000);

    await page.getByRole('button', { name: 'Check the memory' }).click();
    await page.getByText('exactly where plain JS objects are').waitFor();
    expect(await text('state')).toMatch(
      /^The heap is sound: [\d,]+ objects, 4 threads\. 200 stars are after \d+ steps/,
    );
  });

  it('goes on after a pause, and the sun follows the arrow keys', async () => {
    await open('/?stars=2000&workers=2');
    await page.getByRole('button', { name: 'Pause' }).click();
    expect(await text('state')).toBe('Paused.');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForFunction(() => Number(document.getElementById('steps')?.innerText) > 5);
    const before = await steps();
    await page.locator('#sky').press('ArrowLeft');
    await page.waitForFunction((n) => Number(document.getElementById('steps')?.innerText) > n, before);
    // What plain objects would have done is not known any more, so only the heap is checked.
    await page.getByRole('button', { name: 'Check the memory' }).click();
    expect(await text('state')).toMatch(/^The heap is sound: [\d,]+ objects, 3 threads\.$/);
  });

  it('stands still at first for those who want less motion', async () => {
    await open('/?stars=1000&workers=1', (p) => p.emulateMedia({ reducedMotion: 'reduce', colorScheme: 'dark' }));
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    await page.waitForFunction(() => document.getElementById('steps')?.innerText !== '–');
    expect(await steps()).toBe(0);
  });

  /** A page of a folder here, which the server does not have. */
  async function openTest(folder: string): Promise<void> {
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
    await open(`/${folder}/index.html`, (p) =>
      p.route(`**/${folder}/*`, (route) => {
        const name = new URL(route.request().url()).pathname.split('/').at(-1) as string;
        return route.fulfill({ path: join(ROOT, 'test/examples', folder, name), headers });
      }),
    );
  }

  it('counts in one map from the page and workers, one of which is terminated at any point', async () => {
    await openTest('counting');
    const output = page.locator('output');
    await output.filter({ hasText: /./ }).waitFor();
    expect(JSON.parse(await output.innerText())).toEqual({ wrong: [], reaped: true, threads: 3, uneven: 0, size: 20 });
  });

  describe('a page that watches its workers', () => {
    const runCase = async (name: string): Promise<unknown> => {
      await openTest('watching');
      await page.waitForFunction(() => 'runCase' in globalThis);
      return page.evaluate((n) => (globalThis as unknown as { runCase: (n: string) => unknown }).runCase(n), name);
    };

    it('reaps those that attached before and after, and their ids are free again', async () => {
      expect(await runCase('beforeAndAfter')).toEqual({ ids: [2, 3, 4], attached: [1, 2, 3, 4], left: [1], next: 2 });
    });

    it('reaps one that was changing a map and held references, and not before it has stopped', async () => {
      const round = { id: 2, left: [1], wentOn: 0 };
      expect(await runCase('busy')).toEqual({ seen: [round, round, round], keys: 50, lost: false });
    });

    it('that waits for one that was terminated is helped by a worker that watches too', async () => {
      expect(await runCase('watchedByAWorker')).toEqual({ id: 3, left: [1, 2], inTime: true });
    });

    it('does not reap one that has detached, nor who has its record now', async () => {
      expect(await runCase('detached')).toEqual({ id: 2, left: [1], next: 2, still: [1, 2] });
    });

    it('watches no more when it has detached itself', async () => {
      expect(await runCase('watcherDetaches')).toEqual({
        pending: ['2 1', '3 1'],
        afterwards: [],
        unwatched: [2, 3],
        left: [2],
      });
    });

    it('reaps the collector’s worker with the worker that has started it', async () => {
      expect(await runCase('collectorOfTheDead')).toEqual({
        attached: [1, 2, 9],
        held: ['1 1', '2 1', '9 1'],
        left: [1],
        afterwards: ['1 1'],
      });
    });
  });
});
