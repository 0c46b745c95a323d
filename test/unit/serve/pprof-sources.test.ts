/** Stacks of bundled programs lead back to their sources; a map that cannot be used is no error. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import type { MemProfile } from '../../../src/index.ts';
import { Sources } from '../../../src/serve/pprof-sources.ts';

const dir = mkdtempSync(join(tmpdir(), 'spanheap-sources-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const index = fileURLToPath(new URL('../../../src/index.ts', import.meta.url));
/** The line of the source that allocates. */
const LINE = 6;
const PROGRAM = `import { createHeap } from ${JSON.stringify(index)};
interface Nothing { readonly of: 'this line is left' }
const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22, memProfileRate: 1 });
export function allocateInSource(n: number): void {
  const list: Nothing[] = [];
  for (let i = 0; i < n; i++) heap.raw.mallocgc(512, null, false);
  void list;
}
heap.scope(() => allocateInSource(3));
process.stdout.write(JSON.stringify(heap.memProfile()));
`;

/** Bundles the program into one file with the library, runs it, and returns its profile. */
async function profileOf(name: string, options: BuildOptions, change?: (file: string) => void): Promise<MemProfile> {
  const folder = join(dir, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'program.ts'), PROGRAM);
  const outfile = join(folder, 'out', 'program.mjs');
  await build({
    entryPoints: [join(folder, 'program.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    keepNames: true,
    ...options,
  });
  change?.(outfile);
  return JSON.parse(execFileSync(process.execPath, [outfile], { encoding: 'utf8' })) as MemProfile;
}

/** The one stack of the program, resolved. */
function stackOf(profile: MemProfile, sourceMaps = true) {
  expect(profile.records.map((r) => [r.size, r.allocObjects])).toEqual([[512, 3]]);
  return new Sources(sourceMaps).resolve(profile.records[0]!.stack);
}

describe('of a program in one file with the library', () => {
  test.each<[string, BuildOptions]>([
    ['linked', { sourcemap: 'linked' }],
    ['inline', { sourcemap: 'inline' }],
    ['external', { sourcemap: 'external' }],
    ['minified', { sourcemap: 'linked', minify: true }],
  ])('a map that is %s leads to the source, and tells the library’s frames', async (name, options) => {
    const stack = stackOf(await profileOf(name, options));
    const names = stack.map((f) => f.functionName);
    expect(names[0]).toMatch(/mallocgc$/);
    expect(names[1]).toBe('allocateInSource');
    expect(stack[1]).toMatchObject({ file: join(dir, name, 'program.ts'), line: LINE });
    // Heap.scope is one frame of several of the library.
    expect(stack.filter((f) => f.file.endsWith('/src/runtime/heap.ts')).map((f) => f.functionName)).toHaveLength(1);
    expect(stack.some((f) => f.file.endsWith('/src/observe/js-stack.ts'))).toBe(false);
    expect(stack[0]!.file).toMatch(/\/src\/malloc\/fast\.ts$/);
  });

  test('without maps the script stands for its source, and the allocator is left out by name', async () => {
    const stack = stackOf(await profileOf('bare', { sourcemap: false }));
    expect(stack[0]!.functionName).toBe('allocateInSource');
    expect(stack[0]!.file).toBe(join(dir, 'bare', 'out', 'program.mjs'));
  });

  test('maps are not read when they are not asked for', async () => {
    const stack = stackOf(await profileOf('unasked', { sourcemap: 'linked' }), false);
    expect(stack[0]!.file).toBe(join(dir, 'unasked', 'out', 'program.mjs'));
  });

  test.each<[string, (file: string) => void]>([
    ['is gone', (file) => rmSync(`${file}.map`)],
    ['is no JSON', (file) => writeFileSync(`${file}.map`, '{"version": 3, "mapp')],
    [
      'has mappings that are none',
      (file) => writeFileSync(`${file}.map`, '{"version":3,"sources":["a"],"mappings":"!!"}'),
    ],
    [
      'is a folder',
      (file) => {
        rmSync(`${file}.map`);
        mkdirSync(`${file}.map`);
      },
    ],
    ['is on the network', (file) => edit(file, 'https://example.org/program.mjs.map')],
    ['has an address that is none', (file) => edit(file, 'data:application/json;base64')],
    [
      'has a charset, and text that is no base64',
      (file) => edit(file, 'data:application/json;charset=utf-8;base64,%%%'),
    ],
  ])('a map that %s is no error', async (what, change) => {
    const stack = stackOf(await profileOf(what.replaceAll(' ', '-'), { sourcemap: 'linked' }, change));
    expect(stack.map((f) => f.functionName)).toContain('allocateInSource');
  });
});

function edit(file: string, url: string): void {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/sourceMappingURL=.*/, `sourceMappingURL=${url}`));
}

test('frames that are in no file stay as they are; a file URL becomes a path', () => {
  const frame = (file: string) => ({ functionName: 'f', file, line: 1, column: 1 });
  const resolve = (file: string): string => new Sources(true).resolve([frame(file)])[0]!.file;
  for (const file of [
    '',
    'node:internal/main',
    'https://example.org/a.js',
    'native',
    'file://host/x',
    '/no/such/file.js',
  ]) {
    expect(resolve(file)).toBe(file);
  }
  expect(resolve(pathToFileURL('/no/such file.js').href)).toBe('/no/such file.js');
});

test('a script that was replaced is read again', () => {
  const file = join(dir, 'again.mjs');
  const mapped = (source: string): string => {
    const map = JSON.stringify({ version: 3, sources: [source], names: [], mappings: 'AAAA' });
    const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
    writeFileSync(file, `f();\n//# sourceMappingURL=${url}\n`);
    return new Sources(true).resolve([{ functionName: 'f', file, line: 1, column: 1 }])[0]!.file;
  };
  expect(mapped('one.ts')).toBe(join(dir, 'one.ts'));
  expect(mapped('another.ts')).toBe(join(dir, 'another.ts'));
});
