/** The collector's settings: what turns it on and off, its limits, what it says of itself, and what it refuses. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  ArgumentError,
  createHeap,
  type Heap,
  type HeapOptions,
  i32,
  OutOfMemoryError,
  ref,
  slice,
  struct,
} from '../../../src/index.ts';
import { CHECKS } from '../../support/gc-cycle.ts';

const MB = 2 ** 20;
const Leaf = struct('Leaf', { id: i32 });
let heap: Heap;

function make(options: HeapOptions = {}): Heap {
  heap = createHeap({ maxBytes: 64 * MB, background: false, ...CHECKS, ...options });
  return heap;
}

afterEach(() => {
  heap.verify();
});

const cycles = (): number => heap.stats().gc.cycles;

/** Allocates so much and holds on to nothing. */
function garbage(bytes: number): void {
  heap.scope(() => {
    for (let done = 0; done < bytes; done += 1024) heap.raw.mallocgc(1024, null, false);
  });
}

describe('on and off', () => {
  test('on: a heap full of garbage is no full heap', () => {
    make({ maxBytes: 8 * MB });
    garbage(100 * MB);
    for (let i = 0; i < 100; i++) heap.raw.mallocgc(3 * MB, null, false);
    expect(cycles()).toBeGreaterThan(10);
    expect(heap.stats().gc.enabled).toBe(true);
  });

  test('off: never by itself, and gc() works', () => {
    make({ gc: 'off', maxBytes: 8 * MB });
    expect(() => garbage(20 * MB)).toThrow(OutOfMemoryError);
    expect([cycles(), heap.stats().gc.enabled]).toEqual([0, false]);
    expect(heap.gcStep(1)).toBe(false);
    heap.gc();
    expect([cycles(), heap.stats().gc.forcedCycles]).toEqual([1, 1]);
    garbage(5 * MB);
    expect(cycles()).toBe(1);
  });

  test('pauseGC: nested, disposed of twice, with a function that throws, and when memory is out', () => {
    make({ gcPercent: 100, maxBytes: 32 * MB });
    const outer = heap.pauseGC();
    const inner = heap.pauseGC();
    garbage(10 * MB);
    expect([cycles(), heap.stats().gc.enabled]).toEqual([0, false]);
    inner[Symbol.dispose]();
    inner.dispose();
    garbage(6 * MB);
    expect(cycles()).toBe(0);
    // Rather than throw.
    garbage(40 * MB);
    expect(cycles()).toBeGreaterThan(0);
    const then = cycles();
    heap.gc();
    expect(cycles()).toBe(then + 1);
    outer.dispose();
    outer.dispose();
    garbage(20 * MB);
    expect(cycles()).toBeGreaterThan(then + 1);
    const before = cycles();
    const paused = heap.pauseGC(() => {
      garbage(10 * MB);
      return 'result';
    });
    expect(paused).toBe('result');
    expect(() =>
      heap.pauseGC(() => {
        throw new RangeError('mine');
      }),
    ).toThrow('mine');
    expect(cycles() - before).toBeLessThan(2);
    expect(heap.stats().gc.enabled).toBe(true);
    garbage(20 * MB);
    expect(cycles()).toBeGreaterThan(before + 1);
  });
});

describe('percent and limit', () => {
  test('they return what was, and act at once', () => {
    make();
    expect(heap.setGCPercent(-1)).toBe(100);
    expect(heap.setGCPercent(-1)).toBe(-1);
    expect(heap.stats().gc.triggerBytes).toBe(Number.POSITIVE_INFINITY);
    garbage(30 * MB);
    expect(cycles()).toBe(0);
    expect(heap.setGCPercent(50)).toBe(-1);
    expect(heap.stats().gc.goalBytes).toBe(2 * MB);
    garbage(MB);
    expect(cycles()).toBeGreaterThan(0);
    expect(heap.setMemoryLimit(20 * MB)).toBe(Number.POSITIVE_INFINITY);
    expect(heap.setMemoryLimit(Number.POSITIVE_INFINITY)).toBe(20 * MB);
    expect([heap.stats().gc.gcPercent, heap.stats().gc.memoryLimit]).toEqual([50, Number.POSITIVE_INFINITY]);
  });

  test('a live heap doubles before the next cycle with 100 percent, and grows by a tenth with 10', () => {
    make({ gc: 'on' });
    const held = heap.scope(() => {
      const list = heap.new(slice(ref(Leaf)));
      for (let i = 0; i < 16; i++) heap.raw.pin(heap.raw.mallocgc(MB, null, false));
      return list;
    });
    heap.gc();
    expect(heap.stats().gc.goalBytes / MB).toBeCloseTo(32, -1);
    heap.setGCPercent(10);
    expect(heap.stats().gc.goalBytes / MB).toBeLessThan(18.5);
    held.dispose();
  });

  test('with percent off, the limit alone makes it collect, and the heap stays below', () => {
    make({ gcPercent: -1, memoryLimit: 24 * MB });
    garbage(200 * MB);
    expect(cycles()).toBeGreaterThan(5);
    expect(heap.stats().peakHeapBytes).toBeLessThan(24 * MB);
  });

  test('more alive than the limit: no cycle after the other, the limiter says so, and the program goes on', () => {
    make({ gcPercent: 100, memoryLimit: 4 * MB, debug: {} });
    heap.scope(() => {
      const type = heap.raw.type({ name: 'cell', size: 16, align: 8, pointers: [0] });
      let last = 0;
      for (let i = 0; i < 600_000; i++) {
        const cell = heap.raw.newobject(type);
        heap.raw.writePointer(cell, last);
        last = cell;
        if (i % 1000 === 0) heap.raw.pin(cell);
      }
      garbage(20 * MB);
      const { gc } = heap.stats();
      expect(gc.lastLimitedCycle).toBeGreaterThan(0);
      expect(gc.heapLiveBytes).toBeGreaterThan(4 * MB);
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e9, '100', null, undefined, {}])(
    'percent %s is refused',
    (value) => {
      make();
      expect(() => heap.setGCPercent(value as number)).toThrow(ArgumentError);
      if (value != null) expect(() => createHeap({ gcPercent: value as number })).toThrow(ArgumentError);
      expect(heap.stats().gc.gcPercent).toBe(100);
    },
  );

  test.each([Number.NaN, 0, -1, 1.5, '100', null, undefined])('limit %s is refused', (value) => {
    make();
    expect(() => heap.setMemoryLimit(value as number)).toThrow(ArgumentError);
    expect(heap.stats().gc.memoryLimit).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    { gc: 'sometimes' },
    { gc: true },
    { gcPercent: 'off' },
    { memoryLimit: -5 },
    { background: 7 },
    { background: true, shared: false },
    { gctrace: 1 },
    { stopWarning: 0 },
    { stopWarning: Number.NaN },
    { debug: { checkMark: true } },
    { debug: true },
    { debug: { zombies: 1 } },
  ])('the options %j are refused', (options) => {
    make();
    expect(() => createHeap(options as never)).toThrow(ArgumentError);
  });

  test.each([0, -1, Number.NaN, '1', undefined])('a step of %s milliseconds is refused', (budget) => {
    make();
    expect(() => heap.gcStep(budget as number)).toThrow(ArgumentError);
  });
});

describe('a full heap', () => {
  test('everything alive: OutOfMemoryError, nothing lost, and room again when something was dropped', () => {
    make({ maxBytes: 8 * MB });
    const pins: { addr: number; unpin(): void }[] = [];
    const { raw, memory } = heap;
    const fill = (): void => {
      for (;;) {
        const addr = raw.mallocgc(40_000, null, true);
        memory.i32[addr >>> 2] = addr;
        pins.push(raw.pin(addr));
      }
    };
    expect(fill).toThrow(OutOfMemoryError);
    expect(fill).toThrow(OutOfMemoryError);
    expect(pins.length).toBeGreaterThan(150);
    expect(() => heap.scope(() => heap.make(slice(ref(Leaf)), 100_000))).toThrow(OutOfMemoryError);
    heap.verify();
    expect(pins.every(({ addr }) => memory.i32[addr >>> 2] === addr)).toBe(true);
    const count = pins.length;
    for (const pin of pins.splice(0, 50)) pin.unpin();
    expect(fill).toThrow(OutOfMemoryError);
    expect(pins.length).toBeGreaterThan(count - 5);
    expect(pins.every(({ addr }) => memory.i32[addr >>> 2] === addr)).toBe(true);
    for (const pin of pins) pin.unpin();
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
  });
});

describe('gctrace', () => {
  /** As Go's documentation of the runtime package gives it. */
  const LINE =
    /^gc (\d+) @\d+\.\d{3}s \d+%: [\d.e-]+\+[\d.e-]+\+[\d.e-]+ ms clock, [\d.e-]+\+[\d.e-]+\/[\d.e-]+\/[\d.e-]+\+[\d.e-]+ ms cpu, \d+->\d+->\d+ MB, \d+ MB goal, \d+ MB stacks, \d+ MB globals, \d+ P( \(forced\))?$/;

  test('a line for each cycle goes to the function, in the format of Go', () => {
    const lines: string[] = [];
    make({ gctrace: (line) => lines.push(line) });
    garbage(30 * MB);
    heap.gc();
    expect(lines.length).toBe(cycles());
    for (const [i, line] of lines.entries()) {
      expect(line).toMatch(LINE);
      expect(Number(LINE.exec(line)![1])).toBe(i + 1);
    }
    expect(lines.filter((line) => line.endsWith('(forced)'))).toEqual(lines.slice(-1));
    // Exponents are not in Go's format.
    expect(lines.filter((line) => /e-/.test(line))).toEqual([]);
  });
});
