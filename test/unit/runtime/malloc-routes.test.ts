/** `mallocgc` and `free`: every route, on every kind of heap. */
import { describe, expect, test } from 'vitest';
import {
  AllocationSizeError,
  createHeap,
  type Heap,
  type HeapOptions,
  makeSizeClasses,
  OutOfMemoryError,
} from '../../../src/index.ts';
import { checkPattern, fillPattern } from '../../support/pattern.ts';

const MB = 2 ** 20;

const HEAPS: { name: string; options: HeapOptions }[] = [
  { name: 'a shared heap', options: {} },
  { name: 'a heap of one thread', options: { shared: false } },
  { name: 'a heap with the older class table', options: { sizeClasses: 'go1.14' } },
  { name: 'a heap without tiny allocator', options: { tiny: false } },
  { name: 'a heap with a class table of its own', options: { sizeClasses: makeSizeClasses({ maxWaste: 0.3 }) } },
];

const SIZES = [1, 2, 3, 4, 7, 8, 12, 15, 16, 17, 24, 100, 1016, 1024, 1025, 2049, 32_767, 32_768, 32_769, 100_000, MB];

function isZero(heap: Heap, addr: number, bytes: number): boolean {
  for (let i = 0; i < bytes; i++) if (heap.memory.u8[addr + i] !== 0) return false;
  return true;
}

describe.each(HEAPS)('$name', ({ options }) => {
  const open = (more: HeapOptions = {}): Heap => createHeap({ gc: 'off', maxBytes: 32 * MB, ...options, ...more });

  test.each(['inside a scope', 'outside'])(
    'objects of all sizes, with and without pointers, do not overlap, %s',
    (where) => {
      const heap = open();
      const run = (fn: () => void): void => (where === 'outside' ? fn() : heap.scope(fn));
      const { raw, memory } = heap;
      const type = raw.type({ name: 'pair', size: 8, pointers: [0] });
      run(() => {
        const made: [number, number][] = [];
        for (const size of [...SIZES, ...SIZES]) {
          for (const scan of [false, true]) {
            const addr = raw.mallocgc(size, scan ? type : null, false);
            fillPattern(memory, addr, size);
            made.push([addr, size]);
          }
        }
        for (const [addr, size] of made) expect(checkPattern(memory, addr, size)).toBe(-1);
        heap.verify();
        for (const [addr] of made) raw.free(addr);
      });
      heap.verify();
      expect(heap.stats().liveBytes).toBe(0);
    },
  );

  test('needzero memory is zero, also where dirty objects were freed before', () => {
    const heap = open();
    const { raw, memory } = heap;
    const type = raw.type({ name: 'cell', size: 8, pointers: [0] });
    for (let round = 0; round < 3; round++) {
      for (const size of SIZES) {
        for (const kind of [null, type]) {
          const addrs = [1, 2, 3].map(() => raw.mallocgc(size, kind, true));
          for (const addr of addrs) {
            expect(isZero(heap, addr, raw.usableSize(addr)), `${size} bytes, round ${round}`).toBe(true);
            memory.u8.fill(0xa5, addr, addr + raw.usableSize(addr));
          }
          for (const addr of addrs) raw.free(addr);
        }
      }
    }
    heap.verify();
  });

  test('memory with pointers is zero when it was asked to be, in recycled spans of other classes', () => {
    const heap = open({ maxBytes: 2 * MB });
    const { raw, memory } = heap;
    const type = raw.type({ name: 'cell', size: 64, pointers: [0] });
    for (let round = 0; round < 3; round++) {
      for (const size of [48, 64, 512, 40_000]) {
        const addrs: number[] = [];
        for (let bytes = 0; bytes < MB; bytes += size) addrs.push(raw.mallocgc(size, size === 64 ? type : null, true));
        expect(addrs.every((addr) => isZero(heap, addr, size))).toBe(true);
        for (const addr of addrs) memory.u8.fill(0xff, addr, addr + size);
        for (const addr of addrs) raw.free(addr);
      }
    }
    heap.verify();
  });

  test('alignment: 8, and of less than 16 bytes what the size asks for', () => {
    const heap = open();
    for (const size of SIZES) {
      for (let i = 0; i < 20; i++) {
        const addr = heap.raw.mallocgc(size, null, false);
        const align = size >= 16 || size % 8 === 0 || size === 12 ? 8 : size % 4 === 0 ? 4 : size % 2 === 0 ? 2 : 1;
        expect(addr % align, `${size} bytes`).toBe(0);
      }
    }
  });

  test('every size of zero bytes has the same address; freeing it does nothing', () => {
    const heap = open();
    const { raw } = heap;
    const nothing = raw.type({ name: 'nothing', size: 0 });
    const zero = raw.mallocgc(0, null, true);
    expect(raw.mallocgc(0, nothing, true)).toBe(zero);
    expect(raw.newobject(nothing)).toBe(zero);
    expect(raw.newarray(nothing, 1000)).toBe(zero);
    expect(zero).toBeGreaterThan(0);
    raw.free(zero);
    raw.free(zero);
    raw.free(0);
    expect(raw.usableSize(zero)).toBe(0);
    expect(heap.stats().liveObjects).toBe(0);
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32 + 1, -0.1, '16', undefined, null, {}])(
    'a size of %s is refused before anything changes',
    (size) => {
      const heap = open();
      const type = heap.raw.type({ name: 'cell', size: 8, pointers: [0] });
      const keep = heap.raw.mallocgc(16, null, false);
      const before = heap.stats();
      for (const kind of [null, type]) {
        for (const fn of [
          () => heap.raw.mallocgc(size as number, kind, true),
          () => heap.scope(() => heap.raw.mallocgc(size as number, kind, true)),
          () => heap.raw.realloc(keep, size as number),
          () => heap.raw.realloc(0, size as number),
        ]) {
          expect(fn).toThrow(AllocationSizeError);
          expect(fn).toThrow('runtime: allocation size out of range');
          expect(fn).toThrow(expect.objectContaining({ code: 'ERR_ALLOCATION_SIZE' }));
        }
      }
      expect(heap.stats()).toEqual(before);
      heap.verify();
    },
  );

  test.each([4 * MB, 4 * MB - 8192, 4 * MB + 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32])(
    'a request of %s bytes in a heap of 4 MiB runs out of memory, says so, and changes nothing',
    (size) => {
      const heap = open({ maxBytes: 4 * MB });
      heap.raw.mallocgc(8192, null, false);
      heap.raw.mallocgc(100_000, null, false);
      const inUseBytes = heap.stats().heapInUseBytes;
      let error: unknown;
      try {
        heap.raw.mallocgc(size, null, true);
      } catch (e) {
        error = e;
      }
      expect(error).toBeInstanceOf(OutOfMemoryError);
      expect(error).toMatchObject({
        code: 'ERR_OUT_OF_MEMORY',
        requestedBytes: size,
        inUseBytes,
        limitBytes: 4 * MB,
      });
      expect(String(error)).toContain(`cannot allocate ${size}-byte block (${inUseBytes} in use, limit ${4 * MB}`);
      heap.verify();
      expect(heap.stats().heapInUseBytes).toBe(inUseBytes);
    },
  );

  test('after everything was freed, all of the heap can be had as one object', () => {
    const heap = open({ maxBytes: 8 * MB });
    const { raw } = heap;
    const addrs: number[] = [];
    expect(() => {
      for (let i = 0; ; i++) addrs.push(raw.mallocgc(SIZES[i % SIZES.length]!, null, false));
    }).toThrow(OutOfMemoryError);
    heap.verify();
    for (const addr of addrs) raw.free(addr);
    heap.verify();
    const all = raw.mallocgc(8 * MB - 8192, null, true);
    expect(isZero(heap, all, 8 * MB - 8192)).toBe(true);
    heap.verify();
    expect(() => raw.mallocgc(1, null, false)).toThrow(OutOfMemoryError);
    raw.free(all);
    heap.verify();
    expect(heap.stats().heapInUseBytes).toBe(0);
  });
});

// Takes 2 GiB of real memory, so not in every test run.
test.runIf(process.env['SPANHEAP_STRESS_SECONDS'])('an object of more than 2 GiB is zeroed in used memory', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2.25 * 2 ** 30, shared: false });
  const { raw, memory } = heap;
  const size = 2 ** 31 + 3 * MB;
  const dirty = raw.mallocgc(size, null, false);
  const probes = [MB, 2 ** 30, 2 ** 31, size - 8].map((at) => (dirty + at) / 8);
  for (const at of probes) memory.f64[at] = 1.5;
  raw.free(dirty);
  const addr = raw.mallocgc(size, raw.type({ name: 'cell', size: 8, pointers: [0] }), true);
  expect(addr).toBe(dirty);
  for (const at of probes) expect(memory.f64[at], `at ${at * 8}`).toBe(0);
  expect(raw.usableSize(addr)).toBe(size);
  raw.free(addr);
  heap.verify();
});

test('the type of heap.raw has none of the ways inside', () => {
  const { raw } = createHeap({ gc: 'off' });
  // @ts-expect-error
  expect(raw.small).toBeDefined();
  // @ts-expect-error
  expect(raw.smallScan).toBeDefined();
  // @ts-expect-error
  expect(raw.route).toBeDefined();
});

test('a page cache may be filled from a last block that the end of the heap cuts off', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 777 * 8192 });
  heap.raw.mallocgc(767 * 8192, null, false);
  heap.raw.mallocgc(16, null, false);
  heap.verify();
});
