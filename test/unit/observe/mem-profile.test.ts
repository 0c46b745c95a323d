/**
 * `heap.memProfile()`: what is sampled, from where, and what of it is in use. At rate 1 every object is, so numbers are
 * exact.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  attachHeap,
  createHeap,
  type Heap,
  type HeapOptions,
  i32,
  type MemProfileRecord,
  ref,
  SpanheapError,
  slice,
  string,
  struct,
} from '../../../src/index.ts';
import { FIX_IN_USE, FIX_SPECIALS } from '../../../src/layout/fixalloc.ts';
import { H_PERSISTENT_NEXT } from '../../../src/layout/header.ts';
import { H_PROFILE_BUCKETS } from '../../../src/layout/profile.ts';
import { SPAN_CACHE } from '../../../src/layout/span.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { fixRef } from '../../../src/spans/fixalloc.ts';
import { Internals } from '../../support/internals.ts';

const Node = struct('Node', {
  key: i32,
  get next() {
    return ref(Node);
  },
});

function makeHeap(options: HeapOptions = {}): Heap {
  return createHeap({ maxBytes: 2 ** 26, background: false, memProfileRate: 1, ...options });
}

/** The records whose stack has a function of this name. */
function from(heap: Heap, functionName: string): MemProfileRecord[] {
  return heap.memProfile().records.filter((r) => r.stack.some((f) => f.functionName === functionName));
}

/** Objects allocated and in use, by size, of the records from a function. */
function counts(heap: Heap, functionName: string): Record<number, [number, number]> {
  const sums: Record<number, [number, number]> = {};
  for (const r of from(heap, functionName)) {
    const [allocs, inuse] = sums[r.size] ?? [0, 0];
    sums[r.size] = [allocs + r.allocObjects, inuse + r.inuseObjects];
    expect(r.allocBytes).toBe(r.allocObjects * r.size);
    expect(r.inuseBytes).toBe(r.inuseObjects * r.size);
  }
  return sums;
}

describe('every object, at rate 1', () => {
  function allocateAll(heap: Heap): number[] {
    const scan = heap.raw.type({ name: 'pair', size: 32, pointers: [0, 4] });
    const all: number[] = [];
    for (let i = 0; i < 300; i++) all.push(heap.raw.mallocgc(48, null, false));
    for (let i = 0; i < 70; i++) all.push(heap.raw.newobject(scan));
    for (let i = 0; i < 5; i++) all.push(heap.raw.mallocgc(40_000, null, true));
    for (let i = 0; i < 8; i++) all.push(heap.raw.mallocgc(8, null, true));
    return all;
  }

  test.each([true, false])('of all kinds are counted; freed by hand, counted again (in a scope: %s)', (inScope) => {
    const heap = makeHeap({ gc: 'off' });
    const within = <T>(fn: () => T): T => (inScope ? heap.scope(fn) : fn());
    const all = within(() => allocateAll(heap));
    // Tiny objects share blocks of 16 bytes, two in each, and a block is one object.
    const expected = { 16: [4, 4], 32: [70, 70], 48: [300, 300], 40960: [5, 5] };
    expect(counts(heap, 'allocateAll')).toEqual(expected);
    heap.verify();
    within(() => {
      for (const addr of all) heap.raw.free(addr);
    });
    expect(counts(heap, 'allocateAll')).toEqual({ 16: [4, 0], 32: [70, 0], 48: [300, 0], 40960: [5, 0] });
    heap.verify();
    // Again, from slots that were used before: reuse stacks, spans, pages.
    within(() => allocateAll(heap));
    // But for the tiny block that was being filled: it is begun again.
    expect(counts(heap, 'allocateAll')).toEqual({ 16: [7, 3], 32: [140, 70], 48: [600, 300], 40960: [10, 5] });
    heap.verify();
  });

  test('an object that is allocated and freed over and over is counted each time', () => {
    const heap = makeHeap({ gc: 'off' });
    function churn(): void {
      for (let i = 0; i < 1000; i++) heap.raw.free(heap.raw.mallocgc(64, null, false));
    }
    heap.scope(churn);
    expect(counts(heap, 'churn')).toEqual({ 64: [1000, 0] });
    heap.verify();
  });

  test('types of objects with pointers, the thread, the rate', () => {
    const heap = makeHeap();
    function make(): void {
      const list = heap.make(slice(ref(Node)), 0, 4);
      list.push(heap.new(Node, { key: 1 }));
    }
    heap.scope(make);
    const made = from(heap, 'make').map(({ size, type, thread, rate }) => ({ size, type, thread, rate }));
    expect(made).toContainEqual({ size: 8, type: 'Node', thread: expect.any(Number), rate: 1 });
    expect(made).toContainEqual({ size: 16, type: 'ref(Node)', thread: expect.any(Number), rate: 1 });
    expect(structuredClone(heap.memProfile())).toEqual(heap.memProfile());
  });
});

describe('stacks', () => {
  const saved = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const limit = Error.stackTraceLimit;
  afterEach(() => {
    Error.stackTraceLimit = limit;
    if (saved === undefined) delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
    else Object.defineProperty(Error, 'prepareStackTrace', saved);
  });

  test('begin with what was called of the library, and name the program', () => {
    const heap = makeHeap();
    const Titled = struct('Titled', { title: string });
    function inner(): void {
      const made = heap.new(Titled);
      made.title = 'a title';
      heap.intern('some text');
    }
    function outer(): void {
      heap.scope(inner);
    }
    outer();
    const names = from(heap, 'outer').map((r) => r.stack.map((f) => f.functionName));
    for (const stack of names) expect(stack.slice(1, 4)).toEqual(['inner', 'Heap.scope', 'outer']);
    expect(new Set(names.map(([first]) => first))).toEqual(new Set(['Heap.new', 'Reference.set', 'Heap.intern']));
    for (const { stack } of from(heap, 'outer')) {
      expect(stack[1]).toMatchObject({
        file: expect.stringContaining('mem-profile.test.ts'),
        column: expect.any(Number),
      });
      expect(stack[1]!.line).toBeGreaterThan(100);
    }
  });

  test('methods, constructors, functions without name', () => {
    const heap = makeHeap();
    class Maker {
      constructor() {
        heap.raw.mallocgc(1000, null, false);
      }
      static make(): Maker {
        return new Maker();
      }
    }
    (() => Maker.make())();
    const [record] = from(heap, 'new Maker');
    const names = record!.stack.slice(0, 4).map((f) => f.functionName);
    expect(names).toEqual(['RawAllocator.mallocgc', 'new Maker', expect.stringMatching(/make$/), '']);
  });

  test('have at most memProfileDepth frames', () => {
    const heap = makeHeap({ memProfileDepth: 5 });
    const deep = (n: number): number => (n === 0 ? heap.raw.mallocgc(16, null, false) : deep(n - 1));
    deep(100);
    expect(from(heap, 'deep').map((r) => r.stack.length)).toEqual([5]);
    const whole = makeHeap({ memProfileDepth: 300 });
    const deeper = (n: number): number => (n === 0 ? whole.raw.mallocgc(16, null, false) : deeper(n - 1));
    deeper(200);
    expect(from(whole, 'deeper')[0]!.stack.length).toBeGreaterThan(200);
  });

  test('how the program has its stacks is as before', () => {
    const heap = makeHeap();
    const mine = (): string => 'mine';
    Error.stackTraceLimit = 3;
    (Error as { prepareStackTrace?: unknown }).prepareStackTrace = mine;
    heap.raw.mallocgc(16, null, false);
    expect(Error.stackTraceLimit).toBe(3);
    expect((Error as { prepareStackTrace?: unknown }).prepareStackTrace).toBe(mine);
    expect(new Error('x').stack).toBe('mine');
    delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
    heap.raw.mallocgc(16, null, false);
    expect(Object.hasOwn(Error, 'prepareStackTrace')).toBe(false);
    expect(heap.memProfile().lost).toBe(0);
    expect(heap.memProfile().records.length).toBe(2);
  });

  test('text that is longer than the heap notes is cut between characters', () => {
    const heap = makeHeap();
    const name = 'ä'.repeat(2000);
    const host = { [name]: () => heap.raw.mallocgc(16, null, false) };
    host[name]!();
    const [found] = heap.memProfile().records[0]!.stack.filter((f) => f.functionName.includes('ää'));
    expect(found!.functionName).toMatch(/^(?:Object\.)?ä{490,500}$/);
    heap.verify();
  });
});

describe('what is in use', () => {
  let heap: Heap;
  beforeEach(() => {
    heap = makeHeap();
  });
  function makeNodes(n: number, keep: boolean): void {
    heap.scope(() => {
      let list = heap.roots.get('list', Node);
      for (let i = 0; i < n; i++)
        list = heap.new(Node, list === undefined || !keep ? { key: i } : { key: i, next: list });
      if (keep) heap.roots.set('list', list!);
    });
  }

  test('is that of the end of the last collection; what was allocated stays', () => {
    makeNodes(100, false);
    makeNodes(20, true);
    // Nothing was collected yet: all of it.
    expect(counts(heap, 'makeNodes')).toEqual({ 8: [120, 120] });
    expect(heap.memProfile().cycle).toBe(0);
    heap.gc();
    expect(counts(heap, 'makeNodes')).toEqual({ 8: [120, 20] });
    expect(heap.memProfile().cycle).toBe(1);
    // What was allocated since is of the next.
    makeNodes(50, false);
    makeNodes(5, true);
    expect(counts(heap, 'makeNodes')).toEqual({ 8: [120, 20] });
    heap.gc();
    expect(counts(heap, 'makeNodes')).toEqual({ 8: [175, 25] });
    heap.roots.delete('list');
    expect(counts(heap, 'makeNodes')).toEqual({ 8: [175, 25] });
    heap.gc();
    expect(counts(heap, 'makeNodes')).toEqual({ 8: [175, 0] });
    heap.verify();
  });

  test('knows of frees by hand when it knows of the allocations', () => {
    heap.gc();
    const addr = heap.raw.mallocgc(200, null, false);
    const pin = heap.raw.pin(addr);
    heap.gc();
    expect(heap.memProfile().records.map((r) => [r.size, r.inuseObjects])).toEqual([[208, 1]]);
    pin.unpin();
    heap.raw.free(addr);
    expect(heap.memProfile().records.map((r) => [r.size, r.inuseObjects])).toEqual([[208, 1]]);
    heap.gc();
    expect(heap.memProfile().records.map((r) => [r.size, r.inuseObjects])).toEqual([[208, 0]]);
  });

  test('an object that a finalizer revives is in use until it is found dead again', () => {
    heap.scope(() => heap.finalizer(heap.new(Node, { key: 7 }), () => {}));
    heap.gc();
    expect(heap.memProfile().records.map((r) => [r.type, r.inuseObjects])).toEqual([['Node', 1]]);
    expect(heap.drainCleanups()).toBe(1);
    heap.gc();
    expect(heap.memProfile().records.map((r) => [r.type, r.inuseObjects])).toEqual([['Node', 0]]);
    heap.verify();
  });

  test('with all kinds of specials on one object each ends in its own way', () => {
    const log: string[] = [];
    const weak = heap.scope(() => {
      const node = heap.new(Node, { key: 1 });
      heap.cleanup(node, () => log.push('cleanup'));
      heap.intern('a text with a weak record');
      return heap.weak(node);
    });
    heap.verify();
    heap.gc();
    heap.verify();
    heap.drainCleanups();
    expect(log).toEqual(['cleanup']);
    expect(heap.scope(() => weak.deref())).toBeUndefined();
    expect(
      heap
        .memProfile()
        .records.filter((r) => r.type === 'Node')
        .map((r) => r.inuseObjects),
    ).toEqual([0]);
  });
});

describe('sampled objects and the fast path of free', () => {
  test('a span is closed while it has a sampled object, and open again when that was freed', () => {
    const heap = makeHeap({ gc: 'off', memProfileRate: 0 });
    const x = new Internals(heap);
    const plain = Array.from({ length: 3 }, () => heap.raw.mallocgc(64, null, false));
    const s = x.span(plain[0]!);
    const open = x.m[s + SPAN_CACHE]!;
    expect(open).not.toBe(0);
    heap.setMemProfileRate(1);
    const sampled = heap.raw.mallocgc(64, null, false);
    heap.setMemProfileRate(0);
    expect(x.span(sampled)).toBe(s);
    expect(x.m[s + SPAN_CACHE]).toBe(0);
    heap.scope(() => heap.raw.free(plain[0]!));
    expect(x.m[s + SPAN_CACHE]).toBe(0);
    expect(() => heap.scope(() => heap.raw.free(plain[0]!))).toThrow(/free already/);
    heap.verify();
    heap.scope(() => heap.raw.free(sampled));
    expect(x.m[s + SPAN_CACHE]).toBe(open);
    expect(heap.memProfile().records.map((r) => r.inuseObjects)).toEqual([0]);
    expect(() => heap.scope(() => heap.raw.free(sampled))).toThrow(/free already/);
    heap.verify();
  });

  test('another thread frees sampled objects of spans that are owned, and that nobody owns', () => {
    const heap = makeHeap({ gc: 'off' });
    const other = attachHeap(heap.share());
    const make = (): number[] => [4, 64, 64, 5000, 50_000].map((size) => heap.raw.mallocgc(size, null, false));
    for (const addr of make()) other.raw.free(addr);
    heap.raw.mallocgc(64, null, false);
    const left = make();
    heap.verify();
    heap.detach();
    for (const addr of left) other.raw.free(addr);
    other.verify();
    const alive = other
      .memProfile()
      .records.map((r) => r.inuseObjects)
      .reduce((a, b) => a + b);
    expect(alive).toBe(1);
  });

  test('realloc ends the record of the old object', () => {
    const heap = makeHeap({ gc: 'off' });
    let addr = heap.raw.realloc(0, 24);
    for (let size = 48; size < 100_000; size *= 2) addr = heap.raw.realloc(addr, size);
    const alive = heap.memProfile().records.filter((r) => r.inuseObjects > 0);
    expect(alive.map((r) => r.size)).toEqual([heap.raw.usableSize(addr)]);
    heap.verify();
  });
});

describe('the rate', () => {
  test('is one for all threads, and changes at once', () => {
    const heap = makeHeap({ memProfileRate: 0 });
    const other = attachHeap(heap.share());
    const total = (): number => heap.memProfile().records.reduce((n, r) => n + r.allocObjects, 0);
    heap.raw.mallocgc(64, null, false);
    other.raw.mallocgc(64, null, false);
    expect(total()).toBe(0);
    expect(other.setMemProfileRate(1)).toBe(0);
    heap.raw.mallocgc(64, null, false);
    other.raw.mallocgc(64, null, false);
    expect(total()).toBe(2);
    expect(heap.memProfile().rate).toBe(1);
    expect(heap.setMemProfileRate(0)).toBe(1);
    heap.raw.mallocgc(64, null, false);
    other.raw.mallocgc(64, null, false);
    expect(total()).toBe(2);
    heap.verify();
  });

  test('a thread in a long scope follows with its next span', () => {
    const heap = makeHeap({ memProfileRate: 0, gc: 'off' });
    const other = attachHeap(heap.share());
    heap.scope(() => {
      for (let i = 0; i < 10; i++) heap.raw.mallocgc(1024, null, false);
      other.setMemProfileRate(1);
      for (let i = 0; i < 100; i++) heap.raw.mallocgc(1024, null, false);
    });
    const noted = heap.memProfile().records.reduce((n, r) => n + r.allocObjects, 0);
    // Slots of 1 KiB: 8 in a span, so at most so many were in its window.
    expect(noted).toBeGreaterThanOrEqual(92);
    expect(noted).toBeLessThanOrEqual(100);
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 31, '4096', null])('refuses %s', (rate) => {
    const heap = makeHeap({ memProfileRate: 0 });
    expect(() => heap.setMemProfileRate(rate as number)).toThrow(/must be a whole number of bytes from 0 to/);
    if (rate !== null) expect(() => makeHeap({ memProfileRate: rate as number })).toThrow(/memProfileRate must be/);
  });

  test.each([0, 513, 1.5, '3'])('refuses a depth of %s', (depth) => {
    expect(() => makeHeap({ memProfileDepth: depth as number })).toThrow(/memProfileDepth must be/);
  });
});

test('without memory for a sample the allocation succeeds, and the sample is lost', () => {
  const heap = makeHeap({ gc: 'off' });
  heap.raw.mallocgc(64, null, false);
  const { m, plan } = (heap.raw as unknown as Malloc).t.mem;
  const next = m[H_PERSISTENT_NEXT]!;
  m[H_PERSISTENT_NEXT] = plan.end - 1;
  const addr = heap.raw.mallocgc(64, null, false);
  m[H_PERSISTENT_NEXT] = next;
  expect(heap.raw.usableSize(addr)).toBe(64);
  const profile = heap.memProfile();
  expect(profile.lost).toBe(1);
  expect(profile.records.reduce((n, r) => n + r.allocObjects, 0)).toBe(1);
  heap.raw.free(addr);
  heap.verify();
});

describe('a sample that fails halfway', () => {
  const failing = (place: string, error: Error) => {
    const heap = makeHeap({ gc: 'off' });
    heap.raw.mallocgc(64, null, false);
    const { t } = heap.raw as unknown as Malloc;
    const { m } = t.mem;
    const inUse = (): number => m[fixRef(t.mem, FIX_SPECIALS) + FIX_IN_USE]!;
    const before = inUse();
    t.delay = (at) => {
      if (at === place) throw error;
    };
    return { heap, allocate: () => heap.raw.mallocgc(64, null, false), leaked: () => inUse() - before, t };
  };

  test.each(['profile.bucket', 'profile.counted'])('after %s: it is lost, its record is not', (place) => {
    const { heap, allocate, leaked, t } = failing(place, new RangeError('Maximum call stack size exceeded'));
    const addr = allocate();
    t.delay = undefined;
    expect(leaked()).toBe(0);
    const { lost, records } = heap.memProfile();
    expect([lost, records.reduce((n, r) => n + r.inuseObjects, 0)]).toEqual([1, 1]);
    heap.raw.free(addr);
    heap.verify();
  });

  test('that the heap is broken is told, not counted as a lost sample', () => {
    const { heap, allocate } = failing('profile.bucket', new SpanheapError('ERR_FATAL', 'a lock is held'));
    expect(allocate).toThrow('a lock is held');
    expect(heap.memProfile().lost).toBe(0);
  });
});

test('collections that end faster than the profile is read: it is of now', () => {
  const heap = makeHeap();
  const keep = heap.raw.mallocgc(64, null, true);
  heap.raw.pin(keep);
  heap.gc();
  expect(heap.memProfile().cycle).toBe(1);
  const { load } = Atomics;
  let collections = 0;
  let isInside = false;
  const limit = 50;
  Atomics.load = ((words: Int32Array, word: number) => {
    if (word === H_PROFILE_BUCKETS && !isInside && collections < limit) {
      isInside = true;
      heap.raw.mallocgc(64, null, true);
      heap.gc();
      collections++;
      isInside = false;
    }
    return load(words, word);
  }) as typeof load;
  try {
    const { cycle, records } = heap.memProfile();
    expect(collections).toBeLessThan(limit);
    expect(cycle).toBe(0);
    const sum = (of: (r: MemProfileRecord) => number): number => records.reduce((n, r) => n + of(r), 0);
    expect(sum((r) => r.allocObjects)).toBe(1 + collections);
    expect(sum((r) => r.inuseObjects)).toBe(1);
  } finally {
    Atomics.load = load;
  }
  expect(heap.memProfile().cycle).toBe(1 + collections);
});
