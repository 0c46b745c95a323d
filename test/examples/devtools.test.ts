/** The file that `spanheap inspect --heapsnapshot` writes, in the Memory panel of Chromium's own DevTools. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHeap, map, ref, string, struct } from '../../src/index.ts';
import { writeSnapshotSync } from '../../src/serve/snapshot-file.ts';
import { removeProfile } from './remove-profile.ts';
import { findChromium, ROOT } from './run.ts';

const executablePath = findChromium();
if (executablePath === undefined) console.warn('The file for DevTools is not opened in them: no Chromium here.');

// DevTools are served by the port for debugging; so this Chromium is started without playwright's pipe.
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --remote-debugging-port=0 --remote-allow-origins=*';
const SHOW_MEMORY_PANEL =
  "import('/devtools/ui/legacy/legacy.js').then((ui) => ui.ViewManager.ViewManager.instance().showView('heap-profiler'))";

const User = struct('User', {
  name: string,
  get friend() {
    return ref(User);
  },
});

describe.skipIf(executablePath === undefined)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-devtools-'));
  const file = join(folder, 'users.heapsnapshot');
  let process_: ChildProcess;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    writeUsers(join(folder, 'users.sphsnap'), file);
    process_ = spawn(
      executablePath as string,
      [...FLAGS.split(' '), `--user-data-dir=${folder}/profile`, 'about:blank'],
      {
        stdio: 'ignore',
      },
    );
    const port = await portOf(join(folder, 'profile/DevToolsActivePort'));
    browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    page = await browser.contexts()[0]!.newPage();
    page.setDefaultTimeout(30_000);
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.goto(`http://127.0.0.1:${port}/devtools/devtools_app.html`);
    await page.getByText('Elements').first().waitFor();
    // As text: Vitest replaces import() in functions.
    await page.evaluate(SHOW_MEMORY_PANEL);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    process_?.kill();
    await new Promise((resolve) => (process_?.exitCode === null ? process_.once('exit', resolve) : resolve(0)));
    await removeProfile(folder);
  });

  test('the panel shows types, their retained sizes and strings', async () => {
    const chosen = page.waitForEvent('filechooser');
    await page.getByText('Load profile').first().click();
    await (await chosen).setFiles(file);
    // Its size stands there when it is loaded.
    await page
      .getByText(/^\s*\(?[\d.]+.kB\)?$/)
      .first()
      .waitFor();
    await page
      .getByText(/^users/)
      .first()
      .click();
    const row = (text: RegExp) => page.locator('tr', { hasText: text }).first();
    await row(/^User×100/).click();
    // Open the type, and its first object: it has a name and a friend, and a map holds it.
    await page.keyboard.press('ArrowRight');
    await row(/^User@\d/).click();
    await page.keyboard.press('ArrowRight');
    await row(/^name::"user \d+"@\d/).waitFor();
    await row(/slot \d valuein/).waitFor();
    // The map hangs on a root.
    await row(/^map\(string, ref\(User\)\)\d/).click();
    await page.keyboard.press('ArrowRight');
    await row(/^map\(string, ref\(User\)\)@\d/).click();
    const holder = row(/^usersin/);
    await holder.waitFor();
    expect(await holder.textContent()).toContain('(root "users")');
  }, 120_000);
});

/** A snapshot of a hundred users, each a friend of the next, and the same for DevTools. */
function writeUsers(snapshot: string, output: string): void {
  const heap = createHeap({ maxBytes: 16 << 20, shared: false });
  heap.scope(() => {
    const users = heap.new(map(string, ref(User)));
    heap.roots.set('users', users);
    for (let i = 0; i < 100; i++) users.set(`${i}`, heap.new(User, { name: `user ${i}` }));
    writeSnapshotSync(heap, snapshot);
  });
  heap.detach();
  const args = [join(ROOT, 'dist/cli.js'), 'inspect', snapshot, '--named-roots', '--roots', '--heapsnapshot', output];
  execFileSync(process.execPath, args);
}

/** The port that Chromium has chosen: the first line of a file that it writes. */
async function portOf(written: string): Promise<number> {
  for (let i = 0; i < 600; i++) {
    const port = existsSync(written) ? Number(readFileSync(written, 'utf8').split('\n')[0]) : 0;
    if (port > 0) return port;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('Chromium does not say on which port it listens');
}
