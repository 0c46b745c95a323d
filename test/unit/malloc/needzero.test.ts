/** What `needzero` of `mallocgc` asks for: `false` may leave old bytes, anything else does not. */
import { expect, test } from 'vitest';
import { createHeap } from '../../../src/index.ts';

type Untyped = (size: number, type: unknown, needzero?: unknown) => number;

// On the reuse stack, from a window of recycled memory, and large; inside a scope and outside.
test.each([
  [16, 1],
  [64, 1],
  [64, 5000],
  [1000, 200],
  [20_000, 10],
  [300_000, 3],
])('%i bytes, %i objects', (size, n) => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 << 20 });
  const { i32 } = heap.memory;
  const pointers = heap.raw.type({ name: 'pointers', size, pointers: [0] });
  const mallocgc = heap.raw.mallocgc as unknown as Untyped;
  const isClear = (addr: number): boolean => i32.subarray(addr >>> 2, (addr + size) >>> 2).every((word) => word === 0);
  const all = (fn: () => number): number[] => Array.from({ length: n }, fn);
  const soil = (type: unknown): void => {
    const addrs = all(() => mallocgc(size, type, false));
    for (const addr of addrs) i32.fill(-1, addr >>> 2, (addr + size) >>> 2);
    for (const addr of addrs) heap.raw.free(addr);
  };
  const inside = (fn: () => void): void => heap.scope(fn);
  const outside = (fn: () => void): void => fn();
  for (const type of [null, pointers]) {
    for (const around of [inside, outside]) {
      for (const needzero of [[true], [], [undefined], [1], [0]]) {
        around(() => {
          soil(type);
          const addrs = all(() => mallocgc(size, type, ...needzero));
          expect(addrs.filter(isClear)).toHaveLength(n);
          for (const addr of addrs) heap.raw.free(addr);
        });
      }
    }
  }
  soil(null);
  expect(isClear(mallocgc(size, null, false))).toBe(false);
  heap.verify();
});
