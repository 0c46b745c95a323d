/** Clearing memory: every byte that is asked for, and none beside, by whichever way is the fastest for so many. */
import { expect, test } from 'vitest';
import { attachHeap, createHeap } from '../../../src/index.ts';
import { PAGE_SIZE, ZERO_CHUNK } from '../../../src/layout/constants.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { zeroBytes, zeroFreshBytes, zeroLarge, zeroSmall } from '../../../src/spans/zero.ts';
import { reserveMem } from '../../../src/sys/mem.ts';
import { hasMemset, memsetZero } from '../../../src/sys/memset.ts';

const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22, maxThreads: 2 });
const { t } = heap.raw as unknown as Malloc;
const { mem } = t;
const FROM = 2 ** 20;
const AROUND = 4096;

/** Of memory full of ones, the range that `clear` has made 0; fails if there is more than one. */
function cleared(size: number, clear: () => void): [from: number, bytes: number] {
  const bytes = mem.u8.subarray(FROM - AROUND, FROM + size + AROUND);
  bytes.fill(0xff);
  clear();
  const from = bytes.indexOf(0);
  const end = bytes.lastIndexOf(0) + 1;
  expect(bytes.subarray(from, end).some((byte) => byte !== 0)).toBe(false);
  bytes.fill(0);
  return [FROM - AROUND + from, end - from];
}

const SLOTS = [8, 16, 24, 48, 64, 72, 80, 512, 4096, 8184, 8192, 8256, 8264, 9472, 16384, 32768];

test.each(SLOTS)('a slot of %i bytes', (size) => {
  expect(cleared(size, () => zeroSmall(mem.f64, FROM, size))).toEqual([FROM, size]);
  expect(cleared(size, () => zeroSmall(mem.f64, FROM + 8, size))).toEqual([FROM + 8, size]);
});

test.each([8192, 40960, ZERO_CHUNK, ZERO_CHUNK + 8192, ZERO_CHUNK * 2 + 64])('a large object of %i bytes', (size) => {
  expect(cleared(size, () => zeroLarge(t, FROM, size))).toEqual([FROM, size]);
});

test('any bytes', () => {
  for (const size of [1, 3, 7, 8, 9, 31, 100, 8191, 8192, 8193, 20000]) {
    for (const at of [0, 1, 3, 4, 7]) {
      for (const clear of [zeroBytes, zeroFreshBytes]) {
        expect(cleared(size, () => clear(mem, FROM + at, size))).toEqual([FROM + at, size]);
      }
    }
  }
});

test('Node has a memset; it reaches the last byte of 4 GiB, in whichever heap', () => {
  expect(hasMemset).toBe(true);
  const far = reserveMem(2 ** 32 / PAGE_SIZE, 1, true).f64;
  const own = new Float64Array(new ArrayBuffer(32));
  far.fill(1, 2 ** 29 - 4);
  own.fill(1);
  memsetZero(far, 2 ** 32 - 16, 2 ** 32);
  memsetZero(own, 8, 16);
  memsetZero(far, 2 ** 32 - 24, 2 ** 32 - 16);
  expect([...far.subarray(2 ** 29 - 4)]).toEqual([1, 0, 0, 0]);
  expect([...own]).toEqual([1, 0, 1, 1]);
});

test('what is allocated is 0 in a heap that another thread has filled', () => {
  const other = attachHeap(heap.share());
  for (const size of [6144, 16384, 32768, 65536, ZERO_CHUNK + 8192]) {
    for (let round = 0; round < 2; round++) {
      const addr = heap.raw.mallocgc(size, null, true);
      expect(mem.u8.subarray(addr, addr + size).some((byte) => byte !== 0)).toBe(false);
      mem.u8.fill(0xff, addr, addr + size);
      if (round === 0) other.raw.free(addr);
      else heap.raw.free(addr);
    }
  }
  other.detach();
});
