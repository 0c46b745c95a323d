/**
 * Copying inside object memory. Word by word where the addresses allow it: `copyWithin` on shared memory is slow in V8,
 * and copying through doubles could change the bits of a NaN.
 */
import type { Mem } from '../sys/mem.ts';

/** Copies `n` bytes; the areas may overlap. */
export function moveBytes(mem: Mem, to: number, from: number, n: number): void {
  if (((to | from) & 3) !== 0) {
    mem.u8.copyWithin(to, from, from + n);
    return;
  }
  const words = n >>> 2;
  if (to <= from || to >= from + n) moveUp(mem.i32, to >>> 2, from >>> 2, words);
  else {
    // The end first, since the areas overlap.
    mem.u8.copyWithin(to + words * 4, from + words * 4, from + n);
    moveDown(mem.i32, to >>> 2, from >>> 2, words);
    return;
  }
  if ((n & 3) !== 0) mem.u8.copyWithin(to + words * 4, from + words * 4, from + n);
}

function moveUp(i32: Int32Array<ArrayBufferLike>, to: number, from: number, words: number): void {
  for (let i = 0; i < words; i++) i32[to + i] = i32[from + i];
}

function moveDown(i32: Int32Array<ArrayBufferLike>, to: number, from: number, words: number): void {
  for (let i = words - 1; i >= 0; i--) i32[to + i] = i32[from + i];
}
