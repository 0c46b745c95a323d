/** The package's declarations in a program that has nothing else: no `@types/node`, and every check of the compiler. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const PROGRAM = `
import { createHeap, f64, ref, slice, struct, type Ref } from 'spanheap';
import type {} from 'spanheap/gc-worker';
const Point = struct('Point', { x: f64, y: f64 });
const heap = createHeap({ maxBytes: 2 ** 24, background: 'gc-worker.js' });
const point: Ref<typeof Point> = heap.new(Point, { x: 1 });
export const x: number | undefined = heap.new(slice(ref(Point)), [point]).at(0)?.x;
heap.pauseGC()[Symbol.dispose]();
// @ts-expect-error: a program in which nothing was found would have no errors at all
point.z = 1;
`;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spanheap-types-'));
  const home = join(folder, 'node_modules/spanheap');
  mkdirSync(home, { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(home, 'package.json'));
  execFileSync(process.execPath, [join(ROOT, 'scripts/types.mjs'), join(home, 'dist/types')]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler complains about: it prints that, and ends with an error. `more`: text of the program. */
function complaints(options: object, more = ''): string {
  writeFileSync(join(folder, 'program.mts'), PROGRAM + more);
  const compilerOptions = { strict: true, target: 'es2022', types: [], skipLibCheck: false, noEmit: true, ...options };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }));
  try {
    return execFileSync(process.execPath, [TSC, '-p', folder, '--pretty', 'false'], { encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test.each([
  ['Node', { module: 'nodenext' }],
  ['Node, only the language', { module: 'nodenext', lib: ['es2022'] }],
  ['a bundler, for browsers', { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'] }],
])('%s', (_, options) => {
  expect(complaints(options)).toBe('');
});

test('heap.watch takes the Worker of browsers, as they declare it, and nothing that is none', () => {
  const program = `
heap.watch(new Worker('worker.js'));
heap.watch(self);
// @ts-expect-error: not a worker
heap.watch(new URL('worker.js'));
`;
  expect(complaints({ module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'] }, program)).toBe('');
});

test('a package may export generic functions of all that the library takes: each type has a name for its declarations', () => {
  const program = `
import { atomic, map, u32, type Heap, type Infer, type IntKind, type KeyKind, type ReferableKind } from 'spanheap';
export function rooted<T extends ReferableKind>(heap: Heap, name: string, kind: T): Infer<T> {
  const found = heap.roots.get(name, kind) ?? heap.new(kind);
  heap.roots.set(name, found);
  return found;
}
export const counts = <K extends KeyKind>(key: K) => heap.new(map(key, u32));
export const counter = <N extends IntKind>(n: N) => struct('Counter', { n: atomic(n) });
export const { new: make, scope, roots: { get } } = heap;
`;
  const emitted = { noEmit: false, declaration: true, outDir: join(folder, 'out') };
  expect(complaints({ module: 'nodenext', ...emitted }, program)).toBe('');
});

test('an editor offers of a heap only what is for its users', () => {
  for (const file of ['heap', 'heap-inside']) {
    const declared = readFileSync(join(folder, `node_modules/spanheap/dist/types/runtime/${file}.d.ts`), 'utf8');
    expect(declared).not.toMatch(/^ *(?:protected|static) /m);
  }
});
