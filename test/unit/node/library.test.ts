/** The library's door in Node, as it is built: where compiled code comes from, and what is not taken. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFileOf, packCode, readSource, type Source, scriptOf } from '../../../src/node/library.ts';

const DIST = new URL('../../../dist/', import.meta.url);
const LOADER = new URL('../../../src/node/library.ts', import.meta.url);
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

const source = (): Source => readSource(library.href);
/** The same length, which is all that V8 compares, and other words: so it shows where code came from. */
function altered(): Source {
  const { url, text } = source();
  const other = text.toString().replace('makeslice: len out of range', 'makeslice: from the cache'.padEnd(27));
  return { url, text: Buffer.from(other) };
}

function codeOf(body: Source): Buffer {
  const script = scriptOf(body);
  script.runInThisContext();
  return script.createCachedData();
}

/** What says that it is of one text, with the code of another. */
const pack = (head: Source, body: Source): Buffer => packCode(head, codeOf(body));

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
  writeFileSync(cacheFileOf(source()), pack(source(), altered()));
  expect(run(SAY)).toBe(CACHED);
});

test('not if it is of another text', () => {
  writeFileSync(cacheFileOf(source()), pack(altered(), altered()));
  expect(run(SAY)).toBe(PLAIN);
});

test('nor in another place, whose path V8 would take from it', () => {
  writeFileSync(cacheFileOf(source()), pack({ ...source(), url: 'file:///somewhere/else/index.js' }, altered()));
  expect(run(SAY)).toBe(PLAIN);
});

test('nor if the file is cut off, empty, damaged anywhere, or something else', () => {
  const whole = pack(source(), altered());
  const damaged = [whole.subarray(0, -1000), whole.subarray(0, 100), whole.subarray(0, 600_000), Buffer.alloc(0)];
  for (let at = 10; at < whole.length; at += whole.length >>> 3) damaged.push(Buffer.from(whole).fill(7, at, at + 64));
  for (const content of [...damaged, 'null\n', '{}\n', 'something else']) {
    writeFileSync(cacheFileOf(source()), content);
    expect(run(SAY)).toBe(PLAIN);
  }
});

test('a thread that shares a heap for the first time lays its compiled code down for the workers to come', () => {
  writeFileSync(join(folder, 'altered'), codeOf(altered()));
  const program = `
    import { once } from 'node:events';
    import { readFileSync } from 'node:fs';
    import { getEnvironmentData, setEnvironmentData, Worker } from 'node:worker_threads';
    import { createHeap } from 'spanheap';
    const KEY = 'spanheap.code.1';
    const heap = createHeap({ maxBytes: 2 ** 22 });
    console.log(getEnvironmentData(KEY));
    heap.share();
    const laid = getEnvironmentData(KEY);
    console.log(laid.bytes.buffer instanceof SharedArrayBuffer, Buffer.from(laid.bytes.buffer).includes('createHeap'));
    heap.share();
    console.log(getEnvironmentData(KEY) === laid);
    for (const code of [laid, { ...laid, bytes: readFileSync('altered') }, { ...laid, url: 'elsewhere' }, 'something', null]) {
      setEnvironmentData(KEY, code);
      await once(new Worker(new URL('say.mjs', import.meta.url)), 'exit');
    }
  `;
  writeFileSync(join(folder, 'say.mjs'), SAY);
  expect(run(program).split('\n')).toEqual(['undefined', 'true true', 'true', PLAIN, CACHED, PLAIN, PLAIN, PLAIN]);
});

test('that it cannot be laid down is no error of share', () => {
  const program = `
    import { createHeap } from 'spanheap';
    const heap = createHeap({ maxBytes: 2 ** 22 });
    globalThis.SharedArrayBuffer = class { constructor() { throw new RangeError('no memory'); } };
    console.log(typeof heap.share().data);
  `;
  expect(run(program)).toBe('object');
});

test.each(['esm', 'cjs'] as const)('a bundle (%s) has the library in it', async (format) => {
  writeFileSync(join(folder, 'say.mjs'), SAY);
  const outfile = join(folder, `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`);
  const options = { bundle: true, platform: 'node', format, outfile, logLevel: 'error' } as const;
  await build({ ...options, entryPoints: [join(folder, 'say.mjs')], logOverride: { 'empty-import-meta': 'silent' } });
  rmSync(join(folder, 'node_modules'), { recursive: true });
  expect(execFileSync(process.execPath, [outfile], { encoding: 'utf8' }).trim()).toBe(PLAIN);
});

test('in the sandbox of a test runner it is of that realm', async () => {
  const options = { bundle: true, platform: 'node', format: 'cjs', write: false } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [fileURLToPath(LOADER)] });
  const module = { exports: {} as typeof import('../../../src/node/library.ts') };
  const realm = createContext({
    module,
    process,
    Buffer,
    URL,
    TextEncoder,
    TextDecoder,
    require: createRequire(import.meta.url),
  });
  runInContext(outputFiles[0]!.text, realm);
  const { createHeap } = module.exports.loadLibrary(library.href);
  const thrown = (fn: () => unknown): unknown => {
    try {
      return fn();
    } catch (error) {
      return error;
    }
  };
  expect(thrown(() => createHeap({ maxBytes: -1 }))).toBeInstanceOf(runInContext('Error', realm));
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

function warm(...options: string[]): { status: number | null; stdout: string; stderr: string } {
  const cli = join(folder, 'node_modules/spanheap/dist/cli.js');
  return spawnSync(process.execPath, [...options, cli, 'warm'], { encoding: 'utf8' });
}

test('where programs do not look for compiled code, spanheap warm writes none', () => {
  const { status, stdout, stderr } = warm('--import', 'data:text/javascript,globalThis.Deno = {}');
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toBe('spanheap: warm: only Node starts programs with compiled code\n');
  expect(readdirSync(fileURLToPath(new URL('.', library))).filter((name) => name.endsWith('.cache'))).toEqual([]);
});

test('spanheap warm writes code that V8 takes, with the functions that are needed first', () => {
  const { status, stdout, stderr } = warm();
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^compiled for Node v\d+\.\d+\.\d+, [\d.]+ MiB: .*code-v.*\.cache\n$/);
  const packed = readFileSync(cacheFileOf(source()));
  const { text } = source();
  const begin = packed.indexOf('\n') + 1;
  expect(packed.subarray(begin, begin + text.length).equals(text)).toBe(true);
  const code = packed.subarray(begin + text.length);
  expect(scriptOf(source(), code).cachedDataRejected).toBe(false);
  // Of another text: V8 has compiled functions of this one here, and may still know them.
  expect(code.length).toBeGreaterThan(1.5 * codeOf(altered()).length);
  expect(run(SAY)).toBe(PLAIN);
  // Once more, over the old one; no drafts are left.
  expect(warm().status).toBe(0);
  expect(readdirSync(new URL('.', library)).filter((file) => /^code-|part$/.test(file)).length).toBe(1);
});

test('a file that cannot be written is one line on stderr', () => {
  mkdirSync(cacheFileOf(source()));
  const { status, stdout, stderr } = warm();
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^spanheap: .*code-v.*\.cache: cannot be written \(is a directory\)\n$/);
  expect(run(SAY)).toBe(PLAIN);
});
