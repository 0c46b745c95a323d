/**
 * Which lengths are refused, before anything is allocated (Go: the checks of `makeslice`, `makeslicecopy`, `newarray`,
 * `makechan`, `growslice`). Pure: each function returns the text of Go's panic, or null.
 *
 * Counts are whole numbers, as Go's `int`: they may be negative, and they may be BigInts, as in the vectors of a 64-bit
 * Go. Counts are only compared, which is exact between numbers and BigInts of any size, and multiplied in doubles.
 * The product is then compared with `maxAlloc`, at most 2⁵³: below that it is exact, above it is rounded but stays
 * above. Negative counts are refused by their sign.
 */
import type { SizeClassTable } from '../spans/size-classes.ts';
import { growsliceCap, nextslicecap } from './slice-math.ts';

/** A whole number. */
export type Count = number | bigint;

export const MAKESLICE_LEN = 'makeslice: len out of range';
export const MAKESLICE_CAP = 'makeslice: cap out of range';
export const GROWSLICE_LEN = 'growslice: len out of range';
export const ALLOCATION_SIZE = 'runtime: allocation size out of range';
export const MAKECHAN_SIZE = 'makechan: size out of range';

/** Whether `n` elements, not a negative number, take more than `maxAlloc` bytes. */
function tooLarge(elemSize: number, n: Count, maxAlloc: number): boolean {
  return elemSize * Number(n) > maxAlloc;
}

/** `make([]T, len, cap)`: a bad length is reported before a bad capacity. */
export function makesliceError(
  elemSize: number,
  len: Count,
  cap: Count,
  maxAlloc: number,
): typeof MAKESLICE_LEN | typeof MAKESLICE_CAP | null {
  if (len >= 0 && len <= cap && !tooLarge(elemSize, cap, maxAlloc)) return null;
  return len < 0 || tooLarge(elemSize, len, maxAlloc) ? MAKESLICE_LEN : MAKESLICE_CAP;
}

/** `make` and `copy` in one: only the part that the source does not fill is new, so only a longer target is checked. */
export function makeslicecopyError(
  elemSize: number,
  toLen: Count,
  fromLen: Count,
  maxAlloc: number,
): typeof MAKESLICE_LEN | null {
  // Compared as unsigned numbers.
  const longer = toLen < 0 === fromLen < 0 ? toLen > fromLen : toLen < 0;
  return longer && (toLen < 0 || tooLarge(elemSize, toLen, maxAlloc)) ? MAKESLICE_LEN : null;
}

/** `new([n]T)`. One element is never refused here. */
export function newarrayError(elemSize: number, n: Count, maxAlloc: number): typeof ALLOCATION_SIZE | null {
  if (Number(n) === 1) return null;
  return n < 0 || tooLarge(elemSize, n, maxAlloc) ? ALLOCATION_SIZE : null;
}

/** `make(chan T, n)`, with `headerBytes` for the channel itself. */
export function makechanError(
  elemSize: number,
  n: Count,
  maxAlloc: number,
  headerBytes: number,
): typeof MAKECHAN_SIZE | null {
  return n < 0 || tooLarge(elemSize, n, maxAlloc - headerBytes) ? MAKECHAN_SIZE : null;
}

/** Growth of a slice of capacity `oldCap` to `newLen` elements, which must be more. */
export function growsliceError(
  elemSize: number,
  oldCap: Count,
  newLen: Count,
  maxAlloc: number,
  classes: SizeClassTable,
): typeof GROWSLICE_LEN | null {
  if (newLen < oldCap) return GROWSLICE_LEN;
  if (elemSize === 0) return null;
  // The new capacity is at least `newLen`. Once that fits, so does the old one, and all below is exact.
  if (tooLarge(elemSize, newLen, maxAlloc)) return GROWSLICE_LEN;
  const bytes = elemSize * nextslicecap(Number(newLen), Number(oldCap));
  return classes.roundupsize(bytes) > maxAlloc ? GROWSLICE_LEN : null;
}

/** The capacity that goes with it, when `growsliceError` said null. Any counts if elements take no space. */
export function grownCap(elemSize: number, oldCap: Count, newLen: Count, classes: SizeClassTable): Count {
  if (elemSize === 0) return newLen;
  return growsliceCap(elemSize, Number(oldCap), Number(newLen), classes);
}
