/** The explorer in real Chromium, on a heap that two threads change while it is looked at. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LESSONS } from '../../src/observe/steps.ts';
import { removeProfile } from './remove-profile.ts';
import { findChromium, type Program, start } from './run.ts';

const executablePath = findChromium();
if (executablePath === undefined) {
  console.warn('The explorer is not tested: no Chromium here. Install it, or set CHROMIUM_PATH.');
}

const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** A promise, and what resolves it. */
function signal(): [Promise<void>, () => void] {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return [promise, resolve];
}

describe.skipIf(executablePath === undefined)('in Chromium', () => {
  const userData = mkdtempSync(join(tmpdir(), 'spanheap-chromium-'));
  let program: Program;
  let browser: BrowserContext;
  let page: Page;
  /** What the page complained about, and requests that left its server. */
  const complaints: string[] = [];

  beforeAll(async () => {
    program = await start('test/examples/explored/program.mjs');
    browser = await chromium.launchPersistentContext(userData, {
      executablePath: executablePath as string,
      args: FLAGS.split(' '),
      colorScheme: 'light',
      locale: 'en-US',
      viewport: { width: 1400, height: 900 },
    });
  });

  afterAll(async () => {
    await browser?.close();
    await program?.end('SIGTERM');
    await removeProfile(userData);
  });

  async function open(route: string, prepare?: (page: Page) => Promise<unknown>): Promise<void> {
    page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(program.firstLine).origin)
        complaints.push(`asked for ${request.url()}`);
    });
    await prepare?.(page);
    await page.goto(`${program.firstLine}#/${route}`);
  }

  afterEach(async () => {
    await page.evaluate(() => localStorage.clear());
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  const heading = (name: string | RegExp) => page.getByRole('heading', { name, level: 2 });
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const e = document.activeElement as HTMLElement;
      return (e.getAttribute('aria-label') ?? e.textContent ?? '').trim();
    });
  /** Tabs until what has the focus is called so. */
  async function tabTo(name: string | RegExp, key = 'Tab'): Promise<void> {
    const seen: string[] = [];
    for (let i = 0; i < 120; i++) {
      await page.keyboard.press(key);
      const now = await focused();
      if (typeof name === 'string' ? now === name : name.test(now)) return;
      seen.push(now);
    }
    throw new Error(`no "${name}" on the way of Tab: ${seen.join(' | ')}`);
  }

  it('shows live numbers, charts and tables', async () => {
    await open('overview');
    await page.getByText('live', { exact: true }).first().waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.uplot canvas').length === 3);
    await page
      .getByRole('cell', { name: 'Post' })
      .or(page.getByRole('rowheader', { name: 'Post' }))
      .first()
      .waitFor();
    const inked = await page.evaluate(() => {
      const canvas = document.querySelector('.uplot canvas') as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((v, i) => i % 4 === 3 && v > 0).length;
    });
    expect(inked).toBeGreaterThan(1000);
    // The stream is live: numbers change.
    const first = await page.locator('.facts').first().innerText();
    await page.waitForFunction((old) => (document.querySelector('.facts') as HTMLElement).innerText !== old, first);
    // Pause holds them.
    await page.getByRole('button', { name: 'Pause' }).click();
    const held = await page.locator('.facts').first().innerText();
    await page.waitForTimeout(900);
    expect(await page.locator('.facts').first().innerText()).toBe(held);
  });

  it('paints the page map in the colours of its legend', async () => {
    await open('pages');
    await page.waitForFunction(() => Number(document.documentElement.dataset['frames']) > 1);
    await page.getByText('large object').first().waitFor();
    const counts = await page.evaluate(() => {
      const canvas = document.querySelector('.map-box canvas') as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const pixels = new Map<string, number>();
      for (let i = 0; i < data.length; i += 4) {
        const key = `rgb(${data[i]}, ${data[i + 1]}, ${data[i + 2]})`;
        pixels.set(key, (pixels.get(key) ?? 0) + 1);
      }
      return [...document.querySelectorAll('.legend li')].map((li) => ({
        text: (li.children[1] as HTMLElement).innerText,
        pages: Number((li.children[2] as HTMLElement).innerText.replaceAll(',', '')),
        pixels: pixels.get(getComputedStyle(li.children[0]!).backgroundColor) ?? 0,
      }));
    });
    expect(counts.length).toBeGreaterThan(3);
    const large = counts.find((c) => c.text === 'large object')!;
    // 600,000 bytes: 74 pages, each a cell of at least 6 × 6 pixels, less its lines.
    expect(large.pages).toBe(74);
    expect(large.pixels).toBeGreaterThan(74 * 25);
  });

  it('goes from the map to a span, an object, and what that refers to, with the keyboard alone', async () => {
    await open('pages');
    await page.waitForFunction(() => Number(document.documentElement.dataset['frames']) > 1);
    await tabTo('Skip to the content');
    await tabTo('Page map: each cell is a page of 8 KiB');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    const told = page.locator('#map-cell');
    await expect
      .poll(() => told.innerText())
      .toMatch(/^Page 1, 0x2000: small objects, slots of 24 B, with pointers, .* full; first page of its span$/);
    await page.keyboard.press('Enter');
    await heading('Span of page 1').waitFor();
    await page.getByText('Shelf').first().waitFor();
    await tabTo('Slots');
    await page.keyboard.press('Home');
    await expect.poll(() => page.locator('#cell-text').innerText()).toMatch(/^Slot 0, 0x2000: Shelf/);
    await page.keyboard.press('Enter');
    await heading('Object 0x2000').waitFor();
    // Its first pointer in the table leads to a post.
    await page.getByRole('rowheader', { name: 'first' }).waitFor();
    const link = page.getByRole('row', { name: /^first / }).getByRole('link');
    const address = await link.innerText();
    expect(address).toMatch(/^0x[0-9a-f]+$/);
    await link.focus();
    await page.keyboard.press('Enter');
    await heading(`Object ${address}`).waitFor();
    await tabTo('← Back');
    await page.keyboard.press('Enter');
    await heading('Object 0x2000').waitFor();
    // Text of the heap is text, whatever is in it.
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  it('keeps the map, and the focus in it, when the heap is told late and its pages are asked for again', async () => {
    let asked = 0;
    const [late, tell] = signal();
    const [enough, answer] = signal();
    await open('pages', async () => {
      await page.route('**/api/events*', async (route) => {
        await late;
        await route.continue();
      });
      await page.route('**/api/pages*', async (route) => {
        // The second answer is on its way until the test has seen enough.
        if (++asked === 2) await enough;
        await route.continue();
      });
    });
    await page.waitForFunction(() => Number(document.documentElement.dataset['frames']) > 1);
    await tabTo('Page map: each cell is a page of 8 KiB');
    await page.keyboard.press('Home');
    tell();
    await expect.poll(() => asked).toBe(2);
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.locator('#map-cell').innerText()).toMatch(/^Page 1, /);
    expect(await focused()).toBe('Page map: each cell is a page of 8 KiB');
    const answered = page.waitForResponse(/api\/pages/);
    answer();
    await answered;
  });

  it('finds an object by its address, says what is wrong with one that is none, and begins at roots', async () => {
    await open('object');
    await page.getByRole('row', { name: /^main / }).waitFor();
    const box = page.getByRole('textbox', { name: 'Go to address' });
    await box.fill('nonsense');
    await box.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Write an address' }).waitFor();
    await box.fill('8192');
    await box.press('Enter');
    await heading('Object 0x2000').waitFor();
    await page.getByText('carried by the object').waitFor();
    await box.fill('0x3ffffff0');
    await box.press('Enter');
    await page.getByText(/^Address 0x3ffffff0 is /).waitFor();
  });

  it('shows what threads hold, the page allocator, and where classes’ memory goes', async () => {
    await open('threads');
    await page.getByRole('heading', { name: /^Thread 1/ }).waitFor();
    await page.getByRole('table', { name: /^mcache: what thread 1/ }).waitFor();
    await expect.poll(() => page.locator('.pyramid .level').count()).toBe(4);
    await page.getByRole('link', { name: 'Classes' }).click();
    await page.getByRole('rowheader', { name: '80 B with pointers' }).waitFor();
    await expect.poll(() => page.locator('.heat-cell.used').count()).toBeGreaterThan(5);
  });

  it('walks every lesson of step mode to its end', async () => {
    await open('steps');
    for (const { id } of LESSONS) {
      await page.evaluate((hash) => {
        location.hash = hash;
      }, `#/steps/${id}`);
      await page.locator(`.lessons a[href="#/steps/${id}"][aria-current]`).waitFor();
      const count = page.locator('.step-name .quiet');
      const all = Number(/of (\d+)/.exec(await count.innerText())![1]);
      expect(all).toBeGreaterThan(1);
      const forward = page.getByRole('button', { name: /^Forward/ });
      await forward.focus();
      for (let i = 1; i < all; i++) await page.keyboard.press(i % 2 === 0 ? 'Enter' : 'ArrowRight');
      await expect.poll(() => count.innerText()).toBe(`Step ${all} of ${all}`);
      expect(await page.locator('.step-text').innerText()).not.toMatch(/[{}]/);
      await expect.poll(() => page.locator('.card').count()).toBeGreaterThan(0);
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => count.innerText()).toBe(`Step ${all - 1} of ${all}`);
    }
  });

  it('lets the reader allocate and free on his own', async () => {
    await open('steps');
    const size = page.getByLabel('Size in bytes');
    for (const bytes of ['5', '48', '40000']) {
      await size.fill(bytes);
      await page.locator('.own').getByRole('button', { name: 'mallocgc' }).click();
      await page
        .locator('.step-text', { hasText: `A request for ${Number(bytes).toLocaleString('en')} bytes` })
        .waitFor();
    }
    await page.getByText('3 objects live').waitFor();
    await page.locator('.own').getByRole('button', { name: 'free' }).click();
    await page.getByText('2 objects live').waitFor();
    await size.fill('0');
    await size.evaluate((e: HTMLInputElement) => (e.form!.noValidate = true));
    await page.locator('.own').getByRole('button', { name: 'mallocgc' }).click();
    await page.getByRole('alert').filter({ hasText: 'A size is a whole number' }).waitFor();
  });

  it('speaks Chinese when asked to, and remembers it', async () => {
    await open('steps');
    await page.getByRole('combobox', { name: 'Language' }).selectOption('zh-CN');
    await heading('单步模式').waitFor();
    expect(await page.evaluate(() => [document.documentElement.lang, document.title])).toEqual([
      'zh-CN',
      'spanheap 浏览器',
    ]);
    await page.reload();
    await heading('单步模式').waitFor();
    for (const view of ['页', '对象', '线程', '大小类', '概览']) {
      await page.getByRole('navigation', { name: '视图' }).getByRole('link', { name: view, exact: true }).click();
      await page.waitForTimeout(300);
      expect(await page.locator('main').innerText()).not.toMatch(/\{\w+\}/);
    }
  });

  it('takes its language and colours from the system at first', async () => {
    await open('overview', (p) => p.emulateMedia({ colorScheme: 'dark' }));
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(await ground()).toBe('rgb(20, 22, 26)');
    await page.getByRole('combobox', { name: 'Colours' }).selectOption('light');
    expect(await ground()).toBe('rgb(250, 250, 247)');
  });

  it('says so when the program is gone, and step mode goes on without it', async () => {
    const other = await start('test/examples/explored/program.mjs');
    page = await browser.newPage();
    await page.goto(`${other.firstLine}#/overview`);
    await page.locator('.status.live').waitFor();
    await other.end('SIGTERM');
    await page.getByRole('alert').filter({ hasText: 'The program does not answer' }).waitFor();
    await page.getByRole('link', { name: 'Step mode' }).click();
    await page.getByRole('button', { name: /^Forward/ }).click();
    await page.locator('.step-name', { hasText: 'Step 2 of' }).waitFor();
  });
});
