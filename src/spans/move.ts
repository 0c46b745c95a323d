/**
 * Copying inside object memory, so that who reads it meanwhile sees whole words: the collector may, and finds pointers
 * there. `copyWithin` stores 8 bytes at a time on shared memory where both addresses are multiples of 8 (V8's
 * `Relaxed_Memmove`; JavaScriptCore calls `memmove`, which promises less and does the same), and bytes before and after; so
 * those are left to a loop, and so are small areas, for it takes some 30 ns to begin. Copying through doubles could change
 * the bits of a NaN.
 */
import type { Words } from '../base/brand.ts';
import type { Mem } from '../sys/mem.ts';

/** Bytes from which on `copyWithin` is faster than a loop of words. */
const NATIVE_MIN = 128;

/** Copies `n` bytes; the areas may overlap. Words of 4 bytes are copied as such if both addresses are multiples of 4. */
export function moveBytes(mem: Mem, to: number, from: number, n: number): void {
  if (((to | from) & 3) !== 0) mem.u8.copyWithin(to, from, from + n);
  else if (n < NATIVE_MIN || ((to ^ from) & 7) !== 0) moveWords(mem, to, from, n);
  else moveLong(mem, to, from, n);
}

/** Both addresses are multiples of 8, or both are not. */
function moveLong(mem: Mem, to: number, from: number, n: number): void {
  const head = to & 4;
  const end = n - ((n - head) & 7);
  const up = isUp(to, from, n);
  if (up) moveWords(mem, to, from, head);
  else moveWords(mem, to + end, from + end, n - end);
  mem.u8.copyWithin(to + head, from + head, from + end);
  if (up) moveWords(mem, to + end, from + end, n - end);
  else moveWords(mem, to, from, head);
}

/** Whether the copy may begin with the first byte: otherwise the last comes first, since the areas overlap. */
function isUp(to: number, from: number, n: number): boolean {
  return to <= from || to >= from + n;
}

function moveWords({ i32, u8 }: Mem, to: number, from: number, n: number): void {
  const words = n >>> 2;
  const up = isUp(to, from, n);
  if (up) moveUp(i32, to >>> 2, from >>> 2, words);
  if ((n & 3) !== 0) u8.copyWithin(to + words * 4, from + words * 4, from + n);
  if (!up) moveDown(i32, to >>> 2, from >>> 2, words);
}

function moveUp(i32: Words, to: number, from: number, words: number): void {
  for (let i = 0; i < words; i++) i32[to + i] = i32[from + i];
}

function moveDown(i32: Words, to: number, from: number, words: number): void {
  for (let i = words - 1; i >= 0; i--) i32[to + i] = i32[from + i];
}
