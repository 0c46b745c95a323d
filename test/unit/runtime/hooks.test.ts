/** Where collector, profiler, trace and sanitizers attach: each hook is wired once, and told the truth. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AllocHooks, createHeap, type Heap, OutOfMemoryError } from '../../../src/index.ts';
import {
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_STATE,
} from '../../../src/layout/span.ts';
import { Internals } from '../../support/internals.ts';
import { random } from '../../support/random.ts';

const MB = 2 ** 20;
let heap: Heap;
let x: Internals;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 4 });
  x = new Internals(heap);
});

afterEach(() => {
  vi.restoreAllMocks();
});

test('onAlloc and onFree see every object, inside a scope and outside, with what was asked for', () => {
  const { raw, memory } = heap;
  const type = raw.type({ name: 'cell', size: 24, pointers: [0] });
  const seen: unknown[] = [];
  heap.setHooks({
    onAlloc: (addr, size, number) => seen.push(['alloc', addr, size, number]),
    onFree: (addr) => seen.push(['free', addr, memory.u8[addr]]),
  });
  const run = (): unknown[] => {
    const want: unknown[] = [];
    for (const [size, kind] of [
      [1, null],
      [13, null],
      [16, null],
      [24, type],
      [5000, null],
      [50_000, type],
      [50_000, null],
    ] as const) {
      const addr = raw.mallocgc(size, kind, true);
      want.push(['alloc', addr, size, kind === null ? 0 : type.number]);
      memory.u8[addr] = 7;
      raw.free(addr);
      want.push(['free', addr, 7]);
    }
    const slice = raw.makeslice(type, 2, 4);
    const grown = raw.growslice(slice, 10);
    want.push(['alloc', slice.ptr, 96, 1], ['alloc', grown.ptr, grown.cap * 24, 1]);
    const moved = raw.realloc(slice.ptr, 1000);
    want.push(['alloc', moved, 1000, 1], ['free', slice.ptr, 0]);
    raw.realloc(moved, 0);
    want.push(['free', moved, 0]);
    raw.free(0);
    raw.free(raw.mallocgc(0, null, true));
    return want;
  };
  expect(run()).toEqual(seen);
  seen.length = 0;
  expect(heap.scope(run)).toEqual(seen);
  seen.length = 0;
  heap.setHooks({});
  run();
  expect(seen).toEqual([]);
  heap.verify();
});

test('onFree is not called for a wrong pointer', () => {
  const onFree = vi.fn();
  heap.setHooks({ onFree });
  const addr = heap.raw.mallocgc(100, null, true);
  expect(() => heap.raw.free(addr + 8)).toThrow(/free: pointer/);
  heap.raw.free(addr);
  expect(() => heap.raw.free(addr)).toThrow(/free already|not in a span/);
  expect(onFree.mock.calls).toEqual([[addr]]);
});

test('onSpanAlloc and onSpanFree see spans come and go, while their records are right', () => {
  const { m } = x;
  const live = new Map<number, number>();
  heap.setHooks({
    onSpanAlloc: (s) => {
      expect(m[s + SPAN_STATE]).toBe(1);
      live.set(s, m[s + SPAN_BASE]!);
    },
    onSpanFree: (s) => {
      expect(live.get(s)).toBe(m[s + SPAN_BASE]);
      live.delete(s);
    },
  });
  const addrs = Array.from({ length: 1000 }, (_, i) => heap.raw.mallocgc(1 + i * 17, null, true));
  expect(live.size).toBe(heap.verify().spans);
  for (const addr of addrs) heap.raw.free(addr);
  expect(live.size).toBe(heap.verify().spans);
});

test('onGrow tells each piece of the reservation once, in order', () => {
  const grown: [number, number][] = [];
  heap.setHooks({ onGrow: (page, pages) => grown.push([page, pages]) });
  heap.raw.mallocgc(100, null, true);
  heap.raw.mallocgc(9 * MB, null, true);
  let next = 0;
  for (const [page, pages] of grown) {
    expect(page).toBe(next);
    next = page + pages;
  }
  expect(next * 8192).toBe(heap.stats().heapSysBytes);
  expect(grown.length).toBe(2);
});

test('onRefill tells the bytes of each window: together at least what was allocated, at most what the spans hold', () => {
  const { m } = x;
  const bytes = new Map<number, number>();
  heap.setHooks({ onRefill: (spanClass, n) => bytes.set(spanClass, (bytes.get(spanClass) ?? 0) + n) });
  const addrs = Array.from({ length: 500 }, () => heap.raw.mallocgc(64, null, true));
  const spans = new Set(addrs.map((addr) => x.span(addr)));
  const room = [...spans].reduce((n, s) => n + m[s + SPAN_NELEMS]! * m[s + SPAN_ELEMSIZE]!, 0);
  expect([...bytes.keys()]).toEqual([m[x.span(addrs[0]!) + SPAN_CLASS]]);
  expect([...bytes.values()][0]).toBeGreaterThanOrEqual(500 * 64);
  expect([...bytes.values()][0]).toBeLessThanOrEqual(room);
});

test('onLargeAlloc comes before a large object is allocated', () => {
  const seen: number[] = [];
  heap.setHooks({
    onLargeAlloc: (bytes) => {
      seen.push(bytes, heap.stats().largeAllocs);
    },
  });
  heap.raw.mallocgc(32_768, null, true);
  const addr = heap.raw.mallocgc(32_769, null, true);
  heap.raw.mallocgc(100_000, null, true);
  expect(seen).toEqual([32_769, 0, 100_000, 1]);
  expect(x.m[x.span(addr) + SPAN_NPAGES]).toBe(5);
});

test('onOutOfMemory may free something: the request is tried again as long as it says so', () => {
  const keep = [1, 2, 3].map(() => heap.raw.mallocgc(5 * MB, null, true));
  const asked: number[] = [];
  heap.setHooks({
    onOutOfMemory: (bytes) => {
      asked.push(bytes);
      const addr = keep.pop();
      if (addr === undefined) return false;
      heap.raw.free(addr);
      return true;
    },
  });
  const addr = heap.raw.mallocgc(8 * MB, null, true);
  expect(asked).toEqual([8 * MB, 8 * MB]);
  heap.raw.free(addr);
  expect(() => heap.raw.mallocgc(20 * MB, null, true)).toThrow(OutOfMemoryError);
  expect(asked.length).toBe(4);
  heap.verify();
});

describe('onSample', () => {
  beforeEach(() => {
    const r = random(42);
    vi.spyOn(Math, 'random').mockImplementation(() => r.below(2 ** 31) / 2 ** 31);
  });

  /** Samples of `count` objects, all kept for a while and then freed, so that slots are used again. */
  function sample(size: number, count: number, sampleRate: number): number {
    const live = new Set<number>();
    let sampled = 0;
    let last = 0;
    heap.setHooks({
      sampleRate,
      onSample: (addr, bytes) => {
        sampled++;
        last = addr;
        expect(bytes).toBe(heap.raw.roundupsize(size));
      },
    });
    for (let i = 0; i < count; i++) {
      const before = sampled;
      const addr = heap.raw.mallocgc(size, null, false);
      if (sampled > before) expect(last).toBe(addr);
      live.add(addr);
      if (live.size < 100) continue;
      for (const old of live) heap.raw.free(old);
      live.clear();
    }
    for (const old of live) heap.raw.free(old);
    heap.setHooks({});
    heap.verify();
    return sampled;
  }

  test.each([
    [64, 120_000, 16_384],
    [1024, 20_000, 16_384],
    [16, 100_000, 4096],
    [40_000, 2000, 100_000],
    [512, 2000, 1],
  ])('objects of %i bytes, %i of them, one sample in %i bytes', (size, count, rate) => {
    const expected = count * (1 - Math.exp(-size / rate));
    const tolerance = 5 * Math.sqrt(expected) + 0.02 * expected;
    const sampled = sample(size, count, rate);
    expect(sampled).toBeGreaterThan(expected - tolerance);
    expect(sampled).toBeLessThan(expected + tolerance);
  });
});

test('without hooks nothing is called; with new hooks the old ones are not', () => {
  const names = [
    'onAlloc',
    'onFree',
    'onSample',
    'onRefill',
    'onLargeAlloc',
    'onOutOfMemory',
    'onSpanAlloc',
    'onSpanFree',
    'onGrow',
    'onDelay',
  ];
  const hooks = Object.fromEntries(names.map((name) => [name, vi.fn()]));
  const work = (): void => {
    const addrs = Array.from({ length: 500 }, (_, i) => heap.raw.mallocgc(i * 80, null, true));
    expect(() => heap.raw.mallocgc(17 * MB, null, true)).toThrow(OutOfMemoryError);
    for (const addr of addrs) heap.raw.free(addr);
  };
  heap.setHooks({ ...(hooks as AllocHooks), sampleRate: 1000 });
  work();
  const called = names.filter((name) => hooks[name]!.mock.calls.length > 0);
  expect(called).toEqual(names);
  heap.setHooks({});
  for (const name of names) hooks[name]!.mockClear();
  work();
  for (const name of names) expect(hooks[name], name).not.toHaveBeenCalled();
  heap.verify();
});
