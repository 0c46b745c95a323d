/** Reserving memory, and seeing the same memory from two sides. */
import { expect, test } from 'vitest';
import { createHeap } from '../../../src/index.ts';
import { PAGE_SIZE } from '../../../src/layout/constants.ts';
import { attachMem, REACH, reserveMem } from '../../../src/sys/mem.ts';

test('memory is shared or not, as asked for, and as large as the plan says', () => {
  for (const shared of [true, false]) {
    const mem = reserveMem(100, 2, shared);
    expect(mem.shared).toBe(shared);
    expect(mem.data).toBeInstanceOf(shared ? SharedArrayBuffer : ArrayBuffer);
    expect(mem.bytes).toBe(100 * PAGE_SIZE);
    expect(mem.data.byteLength).toBe(mem.bytes + REACH);
    expect(mem.meta.byteLength).toBe(mem.plan.words * 4);
  }
});

test('all views show the same memory, also to who attaches', () => {
  const mem = reserveMem(100, 2, true);
  const other = attachMem(mem.data, mem.meta);
  expect(other.plan).toEqual(mem.plan);
  mem.i32[10] = 0x01020304;
  expect(other.u8[40]).toBe(4);
  mem.f64[100] = 1.5;
  expect(other.f64[100]).toBe(1.5);
  mem.m[1000] = 0x50006;
  expect(other.mFrom.map((words, k) => words[1000 - k])).toEqual(new Array(5).fill(0x50006));
  expect([other.m16[2000], other.m16[2001]]).toEqual([6, 5]);
});

test('the largest heap can be reserved: it costs address space only', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 32 });
  const addr = heap.raw.mallocgc(100, null, true);
  heap.raw.free(addr);
  expect(heap.stats().maxBytes).toBe(2 ** 32);
  expect(heap.stats().metadataBytes).toBeLessThan(2 ** 21);
  for (const size of [16 << 10, 64 << 10]) {
    for (let round = 0; round < 2; round++) {
      const at = [1, 2, 3, 4].map(() => heap.raw.mallocgc(size, null, true));
      for (const p of at) {
        expect(heap.memory.u8.subarray(p, p + size).some((byte) => byte !== 0)).toBe(false);
        heap.memory.u8.fill(1, p, p + size);
        heap.raw.free(p);
      }
    }
  }
  expect(heap.memory.buffer.byteLength).toBe(2 ** 32);
  heap.verify();
});
