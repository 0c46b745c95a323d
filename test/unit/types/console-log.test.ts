/** What `console.log(ref)` prints in Node: what is in the place, one level deep, without touching the heap. */
import { once } from 'node:events';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { beforeEach, expect, inject, test } from 'vitest';
import {
  array,
  atomic,
  attachHeap,
  bool,
  bytes,
  createHeap,
  f64,
  type Heap,
  i32,
  map,
  mutex,
  type Reference,
  ref,
  slice,
  string,
  struct,
  u8,
  u32,
  u64,
} from '../../../src/index.ts';
import { until } from '../../support/workers.ts';

const Point = struct('Point', { x: f64, y: f64 });
const Node = struct('Node', {
  id: i32,
  name: string,
  raw: bytes,
  on: bool,
  big: u64,
  hits: atomic(u32),
  wide: atomic(u64),
  at: Point,
  grid: array(u8, 3),
  corners: array(Point, 2),
  list: slice(i32),
  words: map(string, u32),
  get next() {
    return ref(Node);
  },
  rows: ref(slice(i32)),
});
const Empty = struct('Empty', {});
/** Fields named as what other kinds of places have. */
const Odd = struct('Odd', { load: i32, size: i32, capacity: i32, length: i32, at: i32 });

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24 });
});

const at = (r: Reference): string => `@0x${heap.addressOf(r).toString(16)}`;
const print = (value: unknown): string =>
  inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 3 });

test.each([
  ['in a scope', <T>(fn: () => T): T => heap.scope(fn)],
  ['outside of scopes', <T>(fn: () => T): T => fn()],
])('a struct by its fields, %s', (_, run) => {
  run(() => {
    const other = heap.new(Node);
    const n = heap.new(Node, {
      ...{ id: 1, name: 'x', raw: Uint8Array.of(1, 2), on: true, big: 5n, hits: 3, wide: 4n, at: { x: 1, y: 2 } },
      ...{
        grid: [1, 2, 3],
        corners: [{ x: 5 }],
        list: [1, 2],
        words: new Map([['a', 1]]),
        next: other,
        rows: heap.new(slice(i32), [7]),
      },
    } as never);
    expect(print(n)).toBe(
      `Node ${at(n)} { id: 1, name: 'x', raw: Uint8Array(2) [ 1, 2 ], on: true, big: 5n, hits: 3, wide: 4n, at: { x: 1, y: 2 }, ` +
        `grid: [ 1, 2, 3 ], corners: [ { x: 5, y: 0 }, { x: 0, y: 0 } ], list: slice(i32) ${at(n.list)} (length 2), ` +
        `words: map(string, u32) ${at(n.words)} (size 1), next: Node ${at(other)}, rows: slice(i32) ${at(n.rows!)} }`,
    );
    expect(print(other)).toContain('words: map(string, u32) (size 0), next: null, rows: null }');
    expect(print([n.next])).toBe(`[ ${print(other)} ]`);
    expect(print({ a: { b: { c: { d: n } } } })).toBe(`{ a: { b: { c: { d: [Node ${at(n)}] } } } }`);
    expect(print(heap.new(Empty))).toMatch(/^Empty @0x[\da-f]+ \{\}$/);
    const odd = heap.new(Odd, { load: 1, size: 2 });
    expect(print(odd)).toBe(`Odd ${at(odd)} { load: 1, size: 2, capacity: 0, length: 0, at: 0 }`);
  });
});

test('slices, arrays, maps and atomics', () => {
  const n = heap.new(Node, { list: [1, 2, 3], hits: 7, words: new Map([['a', 1]]), at: { x: 1 } });
  expect(print(n.list)).toBe(`slice(i32) ${at(n.list)}(3) [ 1, 2, 3 ]`);
  expect(print(n.grid)).toBe(`array(u8, 3) ${at(n.grid)}(3) [ 0, 0, 0 ]`);
  expect(print(n.at)).toBe(`Point ${at(n.at)} { x: 1, y: 0 }`);
  expect(print(n.words)).toBe(`map(string, u32) ${at(n.words)}(1) { 'a' => 1 }`);
  expect(print(n.hits)).toBe(`atomic(u32) ${at(n.hits)} (7)`);
  const refs = heap.new(slice(ref(Node)), [n, null]);
  expect(print(refs)).toBe(`slice(ref(Node)) ${at(refs)}(2) [ Node ${at(n)}, null ]`);
  const rows = heap.new(slice(slice(i32)), [[1], []]);
  expect(print(rows)).toBe(
    `slice(slice(i32)) ${at(rows)}(2) [ slice(i32) ${at(rows.at(0))} (length 1), slice(i32) ${at(rows.at(1))} (length 0) ]`,
  );
  const points = heap.new(slice(Point), [{ x: 1 }]);
  expect(print(points)).toBe(`slice(Point) ${at(points)}(1) [ { x: 1, y: 0 } ]`);
  expect(print(heap.new(slice(string), ['a']))).toMatch(/\(1\) \[ 'a' \]$/);
  expect(print(heap.new(slice(bytes), [Uint8Array.of(1, 2)]))).toMatch(/\(1\) \[ Uint8Array\(2\) \[ 1, 2 \] \]$/);
  expect(print(heap.new(array(u64, 2), [3n]))).toMatch(/\(2\) \[ 3n, 0n \]$/);
});

test.each([
  ['in a scope', <T>(fn: () => T): T => heap.scope(fn)],
  ['outside of scopes', <T>(fn: () => T): T => fn()],
])('a map by its entries, as Node prints one, %s', (_, run) => {
  run(() => {
    const none = heap.new(map(string, u32));
    expect(print(none)).toBe(`map(string, u32) ${at(none)}(0) {}`);
    const p = heap.new(Point, { x: 1 });
    const points = heap.new(map(i32, ref(Point)), [[-1, p]]).set(7, null);
    expect(print(points)).toMatch(/^map\(i32, ref\(Point\)\) @0x[\da-f]+\(2\) \{ .* \}$/);
    expect(print(points)).toContain(`-1 => Point ${at(p)}`);
    expect(print(points)).toContain('7 => null');
    const places = heap.new(map(bytes, Point), [[Uint8Array.of(1, 2), { x: 1, y: 2 }]]);
    expect(print(places)).toBe(`map(bytes, Point) ${at(places)}(1) { Uint8Array(2) [ 1, 2 ] => { x: 1, y: 2 } }`);
    expect(print({ a: [places] })).toBe(`{ a: [ ${print(places)} ] }`);
    expect(inspect({ a: { b: places } }, { depth: 1 })).toBe(`{ a: { b: [map(bytes, Point) ${at(places)}] } }`);
    expect(inspect(places, { depth: 0 })).toMatch(/=> \[Object\] \}$/);
    const texts = heap.new(map(u64, string), [[2n ** 64n - 1n, 'a text that is not in the slot']]);
    expect(print(texts)).toMatch(/\(1\) \{ 18446744073709551615n => 'a text that is not in the slot' \}$/);
    // What is in the values is one level: of slices how long, of maps where.
    const rows = heap.new(map(string, slice(i32)), [['a long key, not in the slot', [1, 2, 3]]]);
    expect(print(rows)).toMatch(/\(1\) \{ 'a long key, not in the slot' => slice\(i32\) @0x[\da-f]+ \(length 3\) \}$/);
    const maps = heap.new(map(string, map(string, u32)), [['a', none]]);
    expect(print(maps)).toMatch(new RegExp(`\\{ 'a' => map\\(string, u32\\) ${at(none)} \\}$`));
    expect(print(heap.new(slice(map(string, u32)), [[['a', 1]]]))).toMatch(
      /\[ map\(string, u32\) @0x[\da-f]+ \(size 1\) \]$/,
    );
    let inside = '';
    none.update('a', () => {
      inside = print(none);
      return 1;
    });
    expect(inside).toMatch(/\(0\) \{\}$/);
    none.update('a', (old) => {
      inside = print(none);
      return old! + 1;
    });
    expect(inside).toMatch(/\(1\) \{ 'a' => 1 \}$/);
  });
});

test('of a large map the first entries, and how many there are', () => {
  const large = heap.new(
    map(u32, u32),
    Array.from({ length: 3000 }, (_, i) => [i, i + 1] as const),
  );
  const text = print(large);
  expect(text).toMatch(/^map\(u32, u32\) @0x[\da-f]+\(3000\) \{( \d+ => \d+,){100} ... 2900 more items \}$/);
  const pairs = [...text.matchAll(/(\d+) => (\d+)/g)].map(([, key, value]) => [Number(key), Number(value)] as const);
  expect(new Set(pairs.map(([key]) => key)).size).toBe(100);
  expect(pairs.every(([key, value]) => value === key + 1)).toBe(true);
  expect(inspect(large, { maxArrayLength: 2, compact: true })).toMatch(/\{( \d+ => \d+,){2} ... 2998 more items \}$/);
  expect(inspect(large, { maxArrayLength: 0 })).toMatch(/\(3000\) \{ ... 3000 more items \}$/);
  expect(inspect(large, { maxArrayLength: null })).toContain('2900 more items');
  const odd = heap.new(
    map(u32, u32),
    Array.from({ length: 101 }, (_, i) => [i, i] as const),
  );
  expect(inspect({ odd })).toMatch(/,\s+... 1 more item\s+\}\s+\}$/);
  // One line where it fits, and else a line for each, further in where it is in something.
  const few = heap.new(map(string, string), [['a', 'b']]);
  expect(inspect({ few })).toBe(`{ few: map(string, string) ${at(few)}(1) { 'a' => 'b' } }`);
  for (const c of 'bcd') few.set(c, 'x'.repeat(30));
  expect(inspect({ few })).toMatch(
    /^\{\n {2}few: map\(string, string\) @0x[\da-f]+\(4\) \{(\n {4}'.' => '.*',?){4}\n {2}\}\n\}$/,
  );
  // Keys that begin alike are several.
  const long = heap.new(
    map(string, u32),
    [1, 2].map((i) => ['k'.repeat(300) + i, i] as const),
  );
  expect(print(long).match(/'k{200}…' => \d/g)).toHaveLength(2);
  expect(print(heap.new(map(bytes, u32), [[new Uint8Array(1000), 5]]))).toContain('{ bytes (length 1000) => 5 }');
});

test('a map is printed whole while other threads change it', async () => {
  const names = heap.new(map(string, string));
  heap.roots.set('names', names);
  const control = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(`${inject('workerDir')}/map-changer-worker.mjs`, {
    workerData: { shared: heap.share(), control },
  });
  await until('the worker has begun', () => Atomics.load(control, 0) > 100);
  const from = performance.now();
  let seen = 0;
  while (performance.now() - from < 500) {
    for (const [, key, value] of print(names).matchAll(/'([^']*)' => '([^']*)'/g)) {
      expect(value).toBe(`the value of ${key}`);
      seen++;
    }
  }
  expect(seen).toBeGreaterThan(100);
  Atomics.store(control, 1, 1);
  await once(worker, 'exit');
  heap.verify();
});

test('an interned text says that it is one', () => {
  expect(inspect(heap.intern('x'))).toBe("Interned 'x'");
  expect(inspect({ names: [heap.intern("it's")] })).toBe(`{ names: [ Interned "it's" ] }`);
  expect(inspect(heap.intern(''))).toBe("Interned ''");
});

test('of what is large only the beginning, and that soon', () => {
  const long = heap.new(struct('Long', { text: string, odd: string, raw: bytes, list: slice(u8) }), {
    text: 'a'.repeat(2 ** 20),
    odd: `${'a'.repeat(199)}ü${'b'.repeat(100)}`,
    raw: new Uint8Array(1000),
    list: new Uint8Array(1000),
  });
  expect(print(long)).toContain(`text: '${'a'.repeat(200)}…', odd: '${'a'.repeat(199)}…', raw: bytes (length 1000)`);
  const many = heap.make(slice(u8), 2 ** 22);
  expect(print(many)).toMatch(/^slice\(u8\) @0x[\da-f]+\(4194304\) \[( 0,){100} ... 4194204 more items \]$/);
  const deep = heap.make(slice(array(array(Point, 100), 100)), 3);
  const from = performance.now();
  expect(print(deep).length).toBeLessThan(100_000);
  expect(performance.now() - from).toBeLessThan(5000);
});

test('those that have ended say so, and nothing throws', () => {
  const ended = heap.scope(() => ({ n: heap.new(Node), list: heap.new(slice(i32)) }));
  expect(print(ended.n)).toMatch(/^Node @0x[\da-f]+ \(stale\)$/);
  expect(print(ended.list)).toMatch(/^slice\(i32\) @0x[\da-f]+ \(stale\)$/);
  const n = heap.new(Node);
  n.dispose();
  expect(print(n)).toMatch(/^Node @0x[\da-f]+ \(stale\)$/);
  const other = attachHeap(heap.share());
  const theirs = other.new(Node);
  other.detach();
  expect(print(theirs)).toMatch(/\(stale\)$/);
});

test('as text a reference is its type and address, of whatever kind, and says when it has ended', () => {
  const Locked = struct('Locked', { lock: mutex, n: u32 });
  const n = heap.new(Node, { hits: 7 });
  const { lock } = heap.new(Locked);
  const all: Reference[] = [n, n.at, n.hits, n.grid, n.list, n.words, n.hold(), lock];
  const texts = all.map((r) => `${r}`);
  for (const [i, r] of all.entries()) expect(texts[i]).toBe(`${print(r).split(' @')[0]} ${at(r)}`);
  expect(texts[0]).toBe(`Node ${at(n)}`);
  expect(texts[1]).toBe(`Point ${at(n.at)}`);
  expect(texts[5]).toBe(`map(string, u32) ${at(n.words)}`);
  expect(`${n.next}`).toBe('null');
  expect(`${String(n)} ${[n, n].join()} ${n.toString()}`).toBe(`${texts[0]} ${texts[0]},${texts[0]} ${texts[0]}`);
  heap.scope(() => {
    const c = heap.new(slice(Point), [{}]).cursor();
    c.next();
    expect(`${c.value}`).toBe(`Point ${at(c.value)}`);
  });
  expect(n.valueOf()).toBe(n);
  const ended = heap.scope(() => [heap.new(Node)])[0]!;
  for (const r of all) r.dispose();
  for (const [i, r] of all.entries()) expect(`${r}`).toBe(`${texts[i]} (stale)`);
  expect(`${ended}`).toMatch(/^Node @0x[\da-f]+ \(stale\)$/);
  const other = attachHeap(heap.share());
  const theirs = other.new(Node);
  heap.reap(other.threadId);
  expect(`${theirs}`).toMatch(/^Node @0x[\da-f]+ \(of a heap that this thread was detached from\)$/);
});

test('a thread that was taken for dead prints what it knows', () => {
  const other = attachHeap(heap.share());
  const theirs = other.new(Node);
  heap.reap(other.threadId);
  expect(print(theirs)).toMatch(/^Node @0x[\da-f]+ \(/);
});

test('makes nothing in the heap, and no references', () => {
  const n = heap.new(Node, { name: 'x'.repeat(1000), list: [1, 2] });
  print(n);
  const handles = heap
    .view()
    .threads()
    .map((thread) => thread.handleSegments);
  const before = heap.memStats();
  for (let i = 0; i < 5000; i++) inspect(n);
  const after = heap.memStats();
  expect([after.Mallocs, after.HeapSys]).toEqual([before.Mallocs, before.HeapSys]);
  expect(
    heap
      .view()
      .threads()
      .map((thread) => thread.handleSegments),
  ).toEqual(handles);
  heap.scope(() => {
    const slots = heap.view().threads()[0]!.shadowSlots;
    inspect(n);
    expect(heap.view().threads()[0]!.shadowSlots).toBe(slots);
  });
});

test('weak references say what they are', () => {
  expect(inspect(heap.weak(heap.new(Point)))).toBe('weak reference to Point');
});
