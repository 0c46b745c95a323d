import { beforeEach, describe, expect, it } from 'vitest';
import { createHeap, type Heap } from '../../../src/index.ts';
import { tinyAlign } from '../../../src/malloc/tiny.ts';

describe('tinyAlign', () => {
  it('goes by the size alone', () => {
    const aligns = (ptrSize: number): number[] => Array.from({ length: 15 }, (_, i) => tinyAlign(i + 1, ptrSize));
    expect(aligns(8)).toEqual([1, 2, 1, 4, 1, 2, 1, 8, 1, 2, 1, 4, 1, 2, 1]);
    expect(aligns(4)).toEqual([1, 2, 1, 4, 1, 2, 1, 8, 1, 2, 1, 8, 1, 2, 1]);
  });
});

describe('blocks', () => {
  let heap: Heap;
  beforeEach(() => {
    heap = createHeap({ gc: 'off', maxBytes: 16 << 20 });
  });
  const make = (n: number, size: number): number[] =>
    heap.scope(() => Array.from({ length: n }, () => heap.raw.mallocgc(size, null, true)));
  const freeAll = (addrs: readonly number[]): void =>
    heap.scope(() => {
      for (const addr of addrs) heap.raw.free(addr);
    });

  it('are zero for all their objects, from wherever they come', () => {
    const { u8 } = heap.memory;
    // More than the reuse stack holds, so that windows have used blocks too.
    for (const size of [8, 1, 3, 12, 1]) {
      const addrs = make(20_000, size);
      let dirty = 0;
      for (const addr of addrs) {
        for (let i = 0; i < size; i++) dirty |= u8[addr + i]!;
        u8.fill(0xff, addr, addr + size);
      }
      expect(dirty).toBe(0);
      freeAll(addrs);
      heap.verify();
    }
  });

  it('that were freed last come first, though the window has some', () => {
    const addrs = make(2001, 12);
    const freed = addrs.slice(600, 610);
    freeAll(freed);
    expect(make(10, 12)).toEqual(freed.toReversed());
    heap.verify();
  });
});
