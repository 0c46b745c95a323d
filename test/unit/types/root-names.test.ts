/** Names of roots that come and go: their records are given other names, and every thread keeps finding the right ones. */
import { Worker } from 'node:worker_threads';
import { afterEach, expect, inject, test } from 'vitest';
import { Snapshot } from '../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../src/analyze/source.ts';
import { attachHeap, createHeap, type Heap, OutOfMemoryError, struct, u32 } from '../../../src/index.ts';
import { H_PERSISTENT_NEXT, H_ROOT_CREDIT, H_ROOTS } from '../../../src/layout/header.ts';
import { ROOT_NEXT } from '../../../src/layout/root.ts';
import { beginCycle, finishCycle } from '../../support/gc-cycle.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed, random } from '../../support/random.ts';
import { R_ID, R_PARKED, R_WORDS, type ReferencesInput } from '../../support/references-worker.ts';
import { until } from '../../support/workers.ts';

const Point = struct('Point', { x: u32 });

const heaps: Heap[] = [];

/** As many threads of one heap. */
function attach(count: number, options = {}): Heap[] {
  const heap = createHeap({ maxBytes: 2 ** 24, background: false, ...options });
  const all = [heap, ...Array.from({ length: count - 1 }, () => attachHeap(heap.share()))];
  heaps.push(...all);
  return all;
}

afterEach(() => {
  for (const heap of heaps.splice(0).reverse()) heap.detach();
});

/** Words of metadata that are in use for good. */
const used = (heap: Heap): number => new Internals(heap).m[H_PERSISTENT_NEXT]!;
test('ever new names take no more memory than a few', () => {
  const [heap, other] = attach(2) as [Heap, Heap];
  const point = heap.new(Point, { x: 1 }).hold();
  let wrong = 0;
  const churn = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      heap.roots.set(`session ${i}`, point);
      other.scope(() => {
        if (other.roots.get(`session ${i}`, Point)?.x !== 1) wrong++;
      });
      if (!other.roots.delete(`session ${i}`) || heap.roots.get(`session ${i}`, Point) !== undefined) wrong++;
    }
  };
  churn(10_000, 11_000);
  const before = used(heap);
  churn(11_000, 16_000);
  expect(used(heap)).toBe(before);
  expect(wrong).toBe(0);
  expect(heap.roots.names()).toEqual([]);
  heap.verify();
});

test('names that are new while the collector marks take the place of those that were before', () => {
  const [heap] = attach(1) as [Heap];
  const point = heap.new(Point).hold();
  const churn = (cycle: number): void => {
    for (let i = 0; i < 300; i++) {
      heap.roots.set(`session ${10_000 + 300 * cycle + i}`, point);
      heap.roots.delete(`session ${10_000 + 300 * cycle + i}`);
    }
  };
  let before = 0;
  for (let cycle = 0; cycle < 40; cycle++) {
    beginCycle(heap);
    churn(2 * cycle);
    finishCycle(heap);
    churn(2 * cycle + 1);
    if (cycle === 9) before = used(heap);
  }
  // Less than a hundred records. Work buffers of the collector are from the same memory.
  expect(used(heap) - before).toBeLessThan(1000);
  heap.verify();
});

test('a name that is too long for all lists keeps its place', () => {
  const [heap] = attach(1) as [Heap];
  const point = heap.new(Point).hold();
  const name = 'n'.repeat(9000);
  const churn = (): void => {
    heap.roots.set(name, point);
    heap.roots.delete(name);
    for (let i = 0; i < 70; i++) {
      heap.roots.set(`${i}`, point);
      heap.roots.delete(`${i}`);
    }
    for (let i = 0; i < 70; i++) heap.roots.set(`other ${i}`, point);
    for (let i = 0; i < 70; i++) heap.roots.delete(`other ${i}`);
  };
  for (let i = 0; i < 10; i++) churn();
  const before = used(heap);
  for (let i = 0; i < 100; i++) churn();
  expect(used(heap)).toBe(before);
  heap.verify();
});

test('a random program: two threads and a list of all names agree', () => {
  const rnd = random(newSeed('root names'));
  const threads = attach(3);
  const heap = threads[0]!;
  const model = new Map<string, number>();
  // Long ones are of lists of their own, or of none.
  const lengths = [0, 0, 0, 1, 20, 100, 3000, 9000];
  const nameOf = (): string => `${rnd.below(400)}${'.'.repeat(rnd.pick(lengths))}`;
  let marking = false;
  for (let step = 0; step < 8_000; step++) {
    const thread = rnd.pick(threads);
    const name = nameOf();
    if (rnd.below(10) < 4 && model.size < 200) {
      thread.scope(() => thread.roots.set(name, thread.new(Point, { x: step })));
      model.set(name, step);
    } else if (rnd.below(10) < 5) {
      const given = rnd.oneIn(2) && model.size > 0 ? rnd.pick([...model.keys()]) : name;
      expect(thread.roots.delete(given)).toBe(model.delete(given));
    } else {
      thread.scope(() => expect(thread.roots.get(name, Point)?.x).toBe(model.get(name)));
    }
    if (rnd.oneIn(500)) {
      if (marking) finishCycle(heap);
      else beginCycle(heap);
      marking = !marking;
    }
    if (rnd.oneIn(1000)) {
      if (!marking) heap.verify();
      for (const t of threads) expect(t.roots.names()).toEqual([...model.keys()].sort());
    }
  }
  if (marking) finishCycle(heap);
  heap.verify();
});

test('while the collector marks, no record leaves the list', () => {
  const [heap] = attach(1) as [Heap];
  const point = heap.new(Point).hold();
  const { m } = new Internals(heap);
  const records = (): Set<number> => {
    const found = new Set<number>();
    for (let r = m[H_ROOTS]!; r !== 0; r = m[r + ROOT_NEXT]!) found.add(r);
    return found;
  };
  const churn = (from: number, count: number): void => {
    for (let i = from; i < from + count; i++) {
      heap.roots.set(`name ${i}`, point);
      heap.roots.delete(`name ${i}`);
    }
  };
  churn(0, 1000);
  beginCycle(heap);
  const before = records();
  churn(1000, 500);
  expect([...before].filter((r) => !records().has(r))).toEqual([]);
  finishCycle(heap);
  churn(1500, 1);
  expect(records().size).toBe(1);
  heap.verify();
});

test('a snapshot has the names of its moment, whatever is named in between', () => {
  const [heap, other] = attach(2) as [Heap, Heap];
  for (let i = 0; i < 200; i++) heap.scope(() => heap.roots.set(`old ${i}`, heap.new(Point, { x: i })));
  const names = heap.roots.names();
  let visits = 0;
  heap.setHooks({
    onDelay: (place) => {
      if (place !== 'gc.begun' || visits++ > 0) return;
      for (let i = 0; i < 200; i++) other.roots.delete(`old ${i}`);
      for (let i = 0; i < 400; i++) other.scope(() => other.roots.set(`new ${i}`, other.new(Point)));
    },
  });
  const pieces: Uint8Array[] = [];
  heap.snapshotSync((piece) => pieces.push(piece.slice()), { collect: false });
  heap.setHooks({});
  expect(visits).toBe(1);
  expect([...new Snapshot(bytesSource(Buffer.concat(pieces))).meta.rootNames].sort()).toEqual(names);
  expect(heap.roots.names().length).toBe(400);
  heap.verify();
});

/** New names until the list is looked through, after `churn`. */
const CREDIT = 227;

test.each([
  ['roots.link', 1],
  ['roots.link', 200],
  ['roots.unlink', 1],
  ['roots.unlink', CREDIT + 40],
  ['roots.unlinked', CREDIT - 20],
  ['roots.unlinked', CREDIT + 20],
  ['roots.unlinked', CREDIT + 80],
])('a thread that dies at %s, visit %i, leaves all roots', async (place, visits) => {
  const [heap] = attach(1) as [Heap];
  const churn = (deleted: number): void => {
    for (let i = 0; i < 300; i++) heap.scope(() => heap.roots.set(`mine ${i}`, heap.new(Point, { x: i })));
    for (let i = deleted; i < 300; i += 3) heap.roots.delete(`mine ${i}`);
    for (let i = 0; i < 300; i++)
      heap.scope(() => expect(heap.roots.get(`mine ${i}`, Point)?.x).toBe(i % 3 === deleted ? undefined : i));
  };
  churn(0);
  // The worker's names come first when it looks for unused ones, then those that were deleted here.
  expect(new Internals(heap).m[H_ROOT_CREDIT]).toBe(CREDIT);
  const control = new Int32Array(new SharedArrayBuffer(4 * R_WORDS));
  const workerData: ReferencesInput = { shared: heap.share(), control, role: 'names', parkAt: { place, visits } };
  const worker = new Worker(`${inject('workerDir')}/references-worker.mjs`, { workerData });
  await until('the worker has come to the place', () => control[R_PARKED] === 1);
  await worker.terminate();
  heap.reap(control[R_ID]!);
  heap.verify();
  churn(1);
  // Whoever is new has seen nothing yet.
  const other = attachHeap(heap.share());
  heaps.push(other);
  expect(other.roots.names().filter((name) => name.startsWith('mine'))).toEqual(heap.roots.names());
  expect(heap.roots.names().length).toBe(200);
  heap.verify();
});

test('a name for which there is no memory is refused, until others were given up', () => {
  const [heap] = attach(1, { maxBytes: 2 ** 20 }) as [Heap];
  const root = heap.new(Point, { x: 1 });
  const nameOf = (i: number): string => `${i} ${'x'.repeat(2000)}`;
  let made = 0;
  expect(() => {
    for (; made < 10_000; made++) heap.roots.set(nameOf(made), root);
  }).toThrow(OutOfMemoryError);
  expect(heap.roots.names().length).toBe(made);
  heap.verify();
  for (let i = 0; i < made; i += 2) heap.roots.delete(nameOf(i));
  for (let i = 0; i < made >> 1; i++) heap.roots.set(nameOf(20_000 + i), root);
  expect(heap.roots.get(nameOf(20_000), Point)!.x).toBe(1);
  heap.verify();
});
