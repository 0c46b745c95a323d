/**
 * Objects are sampled in proportion to their bytes, whatever way they come and go: from windows, from reuse stacks, in tiny
 * blocks, as large objects. Seeded; the bounds are five standard deviations.
 */
import { afterEach, expect, test } from 'vitest';
import { createHeap, type Heap, MEM_PROFILE_RATE, type RType } from '../../../src/index.ts';
import { MC_LEFT } from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { newSeed, random } from '../../support/random.ts';

/** Allocates, and says how many objects of how many bytes that was; tiny objects as blocks of 16. */
type Program = (heap: Heap, scan: RType) => readonly [objects: number, size: number];

/** `n` objects of one size, in groups that are freed when the next one is made. */
function groups(n: number, group: number, size: number, order: 'first' | 'last' = 'first'): Program {
  return ({ raw }) => {
    const free: number[] = [];
    for (let i = 0; i < n; i++) {
      free.push(raw.mallocgc(size, null, false));
      if (free.length < group) continue;
      while (free.length > 0) raw.free(order === 'first' ? free.shift()! : free.pop()!);
    }
    return [n, raw.roundupsize(size)];
  };
}

const PROGRAMS: Record<string, Program> = {
  'never freed': groups(120_000, Number.POSITIVE_INFINITY, 64),
  'freed at once, from the reuse stack alone': groups(300_000, 1, 64),
  'two at a time': groups(300_000, 2, 32),
  'as many as the reuse stack holds': groups(200_000, 127, 48),
  'more than the reuse stack holds': groups(200_000, 1000, 48, 'last'),
  'of a size that few fit in a span of': groups(60_000, 3, 4096),
  'of a size that fills a span': groups(20_000, 7, 28_672),
  large: groups(6000, 2, 50_000),
  tiny: ({ raw }) => {
    for (let i = 0; i < 400_000; i++) raw.mallocgc(4, null, false);
    return [100_000, 16];
  },
  'with pointers': ({ raw }, type) => {
    for (let i = 0; i < 150_000; i++) raw.free(raw.newobject(type));
    return [150_000, type.size];
  },
};

const RATE = 16 << 10;

let heap: Heap;
afterEach(() => heap.verify());

function makeHeap(seed: number, memProfileRate: number): Heap {
  heap = createHeap({ gc: 'off', maxBytes: 2 ** 28, memProfileRate: 0 });
  const r = random(seed);
  const { cache } = heap.raw as unknown as Malloc;
  cache.random = () => r.below(2 ** 30) / 2 ** 30;
  heap.setMemProfileRate(memProfileRate);
  return heap;
}

function sampled(size: number): number {
  return heap.memProfile().records.reduce((n, r) => n + (r.size === size ? r.allocObjects : 0), 0);
}

function expectShare(found: number, objects: number, size: number, rate: number): void {
  const p = 1 - Math.exp(-size / rate);
  const deviation = Math.sqrt(objects * p * (1 - p));
  expect(found, `${objects} objects of ${size} bytes`).toBeGreaterThan(objects * p - 5 * deviation - 1);
  expect(found, `${objects} objects of ${size} bytes`).toBeLessThan(objects * p + 5 * deviation + 1);
}

test.each(Object.entries(PROGRAMS))('%s', (_, run) => {
  makeHeap(newSeed('sampling'), RATE);
  const scan = heap.raw.type({ name: 'pair', size: 24, pointers: [0, 8] });
  const [objects, size] = heap.scope(() => run(heap, scan));
  expectShare(sampled(size), objects, size, RATE);
});

test('call sites that take turns are sampled alike, though the same slots serve both', () => {
  makeHeap(newSeed('sampling in turns'), 4096);
  const { raw } = heap;
  const one = (): number => raw.mallocgc(64, null, false);
  const two = (): number => raw.mallocgc(64, null, false);
  const N = 200_000;
  heap.scope(() => {
    for (let i = 0; i < N; i++) {
      const a = one();
      const b = two();
      raw.free(a);
      raw.free(b);
    }
  });
  for (const name of ['one', 'two']) {
    const records = heap.memProfile().records.filter((r) => r.stack.some((f) => f.functionName === name));
    expectShare(
      records.reduce((n, r) => n + r.allocObjects, 0),
      N,
      64,
      4096,
    );
  }
});

test('sizes side by side get their shares of the samples', () => {
  const seed = newSeed('sampling side by side');
  makeHeap(seed, 8192);
  const r = random(seed ^ 1);
  const sizes = [8, 16, 64, 512, 3072, 20_480];
  const made = sizes.map(() => 0);
  const type = heap.raw.type({ name: 'p', size: 8, pointers: [0] });
  heap.scope(() => {
    const live: number[] = [];
    for (let i = 0; i < 60_000; i++) {
      const k = r.below(sizes.length);
      made[k]!++;
      live.push(heap.raw.mallocgc(sizes[k]!, type, false));
      if (live.length > 200) heap.raw.free(live.splice(r.below(live.length), 1)[0]!);
    }
  });
  sizes.forEach((size, k) => {
    expectShare(sampled(size), made[k]!, size, 8192);
  });
});

test('windows that are dropped, and stacks that are flushed, change nothing', () => {
  const seed = newSeed('sampling with flushes');
  makeHeap(seed, 8192);
  const { t, cache } = heap.raw as unknown as Malloc;
  const r = random(seed ^ 1);
  const N = 150_000;
  heap.scope(() => {
    const live: number[] = [];
    for (let i = 0; i < N; i++) {
      live.push(heap.raw.mallocgc(128, null, false));
      if (live.length > 60) heap.raw.free(live.splice(r.below(live.length), 1)[0]!);
      if (i % 13 === 0) cache.flushClass(cache.classRef(cache.heap.classes.classOf(128) * 2 + 1), true);
    }
    t.poll();
  });
  expectShare(sampled(128), N, 128, 8192);
});

test('gaps are exponential: their mean is the rate, and their standard deviation too', () => {
  const seed = newSeed('gaps');
  makeHeap(seed, MEM_PROFILE_RATE);
  const gaps: number[] = [];
  let since = 0;
  heap.setHooks({
    sampleRate: 4096,
    onSample: () => {
      gaps.push(since);
      since = 0;
    },
  });
  const type = heap.raw.type({ name: 'p', size: 8, pointers: [0] });
  heap.scope(() => {
    for (let i = 0; i < 1_000_000; i++) {
      since += 8;
      heap.raw.free(heap.raw.mallocgc(8, type, false));
    }
  });
  heap.setHooks({});
  const mean = gaps.reduce((a, b) => a + b) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, g) => sum + (g - mean) ** 2, 0) / gaps.length);
  expect(mean / 4096).toBeGreaterThan(0.85);
  expect(mean / 4096).toBeLessThan(1.15);
  expect(deviation / mean).toBeGreaterThan(0.8);
  expect(deviation / mean).toBeLessThan(1.2);
  // Of an exponential distribution 63 % are below the mean.
  const below = gaps.filter((g) => g < mean).length / gaps.length;
  expect(below).toBeGreaterThan(0.57);
  expect(below).toBeLessThan(0.69);
});

test('off, nothing is counted but the turn at which it is looked whether it still is', () => {
  makeHeap(1, 0);
  const { cache } = heap.raw as unknown as Malloc;
  const c = cache.classRef(cache.heap.classes.classOf(64) * 2 + 1);
  const { m } = (heap.raw as unknown as Malloc).t.mem;
  heap.scope(() => {
    heap.raw.free(heap.raw.mallocgc(64, null, false));
    m[c + MC_LEFT] = 3;
    for (let i = 0; i < 10; i++) heap.raw.free(heap.raw.mallocgc(64, null, false));
  });
  expect(m[c + MC_LEFT]).toBeGreaterThan(1 << 19);
  expect(heap.memProfile().records).toEqual([]);
});

test('at rate 1 no object is missed, however small', () => {
  makeHeap(newSeed('rate 1'), 1);
  const type = heap.raw.type({ name: 'p', size: 8, pointers: [0] });
  heap.scope(() => {
    for (let i = 0; i < 40_000; i++) heap.raw.free(heap.raw.mallocgc(8, type, false));
  });
  expect(sampled(8)).toBe(40_000);
});
