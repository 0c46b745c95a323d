/** The library's door in Node, as it is built: where compiled code comes from, and what is not taken. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFileOf, packCode, scriptOf } from '../../../src/node/library.ts';

const DIST = new URL('../../../dist/', import.meta.url);
const MANIFEST = new URL('../../../package.json', import.meta.url);

let folder: string;
let library: URL;

/** A program's folder with the package in it, which has no compiled code. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spanheap-door-'));
  const dist = join(folder, 'node_modules/spanheap/dist');
  mkdirSync(dist, { recursive: true });
  cpSync(MANIFEST, join(dist, '../package.json'));
  for (const file of ['index.js', 'node.js', 'cli.js', 'chunks'])
    cpSync(new URL(file, DIST), join(dist, file), { recursive: true });
  library = pathToFileURL(join(dist, 'index.js'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function run(program: string): string {
  writeFileSync(join(folder, 'program.mjs'), program);
  return execFileSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' }).trim();
}

const text = (): Buffer => readFileSync(library);
/** The same length, which is all that V8 compares, and other words: so it shows where code came from. */
const altered = (): Buffer =>
  Buffer.from(text().toString().replace('makeslice: len out of range', 'makeslice: from the cache'.padEnd(27)));

/** Text and code of what need not belong together. */
function pack(head: Buffer, body: Buffer): Uint8Array {
  const script = scriptOf(library, body);
  script.runInThisContext();
  return packCode(head, script);
}

const SAY = `
  import { createHeap, slice, u32 } from 'spanheap';
  try { createHeap({ maxBytes: 2 ** 22 }).make(slice(u32), -1); } catch ({ message }) { console.log(message.trim()); }
`;
const PLAIN = 'makeslice: len out of range';
const CACHED = 'makeslice: from the cache';

test('without compiled code it reads the text', () => {
  expect(run(SAY)).toBe(PLAIN);
});

test('compiled code comes from the file beside it', () => {
  writeFileSync(cacheFileOf(library), pack(text(), altered()));
  expect(run(SAY)).toBe(CACHED);
});

test('not if it is of another text', () => {
  writeFileSync(cacheFileOf(library), pack(altered(), altered()));
  expect(run(SAY)).toBe(PLAIN);
});

test('nor if the file is cut off, empty, or not code', () => {
  const whole = pack(text(), altered());
  const garbled = whole.slice().fill(7, text().length);
  for (const damaged of [
    whole.subarray(0, -1000),
    whole.subarray(0, 100),
    whole.subarray(0, text().length),
    garbled,
    '',
  ]) {
    writeFileSync(cacheFileOf(library), damaged);
    expect(run(SAY)).toBe(PLAIN);
  }
});

test('a thread that shares a heap for the first time lays its compiled code down for the workers to come', () => {
  writeFileSync(join(folder, 'altered'), pack(text(), altered()));
  const program = `
    import { once } from 'node:events';
    import { readFileSync } from 'node:fs';
    import { getEnvironmentData, setEnvironmentData, Worker } from 'node:worker_threads';
    import { createHeap } from 'spanheap';
    const heap = createHeap({ maxBytes: 2 ** 22 });
    console.log(getEnvironmentData('spanheap.code'));
    heap.share();
    const laid = getEnvironmentData('spanheap.code');
    console.log(laid.buffer instanceof SharedArrayBuffer, Buffer.from(laid.buffer).includes('createHeap'));
    heap.share();
    console.log(getEnvironmentData('spanheap.code') === laid);
    await once(new Worker(new URL('say.mjs', import.meta.url)), 'exit');
    setEnvironmentData('spanheap.code', readFileSync('altered'));
    await once(new Worker(new URL('say.mjs', import.meta.url)), 'exit');
  `;
  writeFileSync(join(folder, 'say.mjs'), SAY);
  expect(run(program).split('\n')).toEqual(['undefined', 'true true', 'true', PLAIN, CACHED]);
});

test('it shows what the module shows, and its stacks say the same', () => {
  const program = `
    const door = await import('spanheap');
    const module = await import(${JSON.stringify(library.href)});
    console.log(import.meta.resolve('spanheap').split('/').pop());
    console.log(Object.keys(module).filter((name) => !(name in door)).join());
    console.log(Object.keys(door).filter((name) => !(name in module)).join());
    const stackOf = ({ createHeap }) => { try { createHeap({ maxBytes: -1 }) } catch ({ stack }) { return stack.split('\\n').slice(0, 3).join('\\n'); } };
    console.log(stackOf(door) === stackOf(module), /checkOptions.*index\\.js:\\d+:\\d+/.test(stackOf(door)));
  `;
  expect(run(program).split('\n')).toEqual(['node.js', 'whenFirstShared', '', 'true true']);
});

function warm(): { status: number | null; stdout: string; stderr: string } {
  const cli = join(folder, 'node_modules/spanheap/dist/cli.js');
  return spawnSync(process.execPath, [cli, 'warm'], { encoding: 'utf8' });
}

test('spanheap warm writes code that V8 takes, with the functions that are needed first', () => {
  const { status, stdout, stderr } = warm();
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^compiled for Node v\d+\.\d+\.\d+, [\d.]+ MiB: .*code-v.*\.cache\n$/);
  const packed = readFileSync(cacheFileOf(library));
  expect(packed.subarray(0, text().length).equals(text())).toBe(true);
  const code = packed.subarray(text().length);
  expect(scriptOf(library, text(), code).cachedDataRejected).toBe(false);
  const justLoaded = scriptOf(library, text());
  justLoaded.runInThisContext();
  expect(code.length).toBeGreaterThan(2 * justLoaded.createCachedData().length);
  expect(run(SAY)).toBe(PLAIN);
  // Once more, over the old one; no drafts are left.
  expect(warm().status).toBe(0);
  expect(readdirSync(new URL('.', library)).filter((file) => file.startsWith('code-')).length).toBe(1);
});

test('a file that cannot be written is one line on stderr', () => {
  mkdirSync(cacheFileOf(library));
  const { status, stdout, stderr } = warm();
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^spanheap: .*code-v.*\.cache: cannot be written \(\w+\)\n$/);
  expect(run(SAY)).toBe(PLAIN);
});
