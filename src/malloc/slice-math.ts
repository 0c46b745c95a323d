/**
 * How a slice grows (Go: `nextslicecap`, `growslice` since 1.18). Pure: numbers in, numbers out.
 *
 *   need > 2 × old cap        exactly what is needed
 *   old cap < 256             twice the old
 *   larger                    a quarter more, plus 192: slides from 2 × at 256 towards 1.25 ×, until it is enough
 *
 * Then the elements get all of the memory that the allocator would hand out for them anyway.
 *
 * Exact for every length below 2⁵³; what is above any address space is refused before (see limits.ts).
 */
import type { SizeClassTable } from '../spans/size-classes.ts';

/** Capacity up to which a slice doubles. */
const THRESHOLD = 256;

/** The capacity in elements to aim at, before size classes. `newLen` is above `oldCap`. */
export function nextslicecap(newLen: number, oldCap: number): number {
  if (newLen > 2 * oldCap) return newLen;
  if (oldCap < THRESHOLD) return 2 * oldCap;
  let cap = oldCap;
  while (cap < newLen) cap += Math.floor((cap + 3 * THRESHOLD) / 4);
  return cap;
}

/** The capacity of a slice of `oldCap` elements after it grew to hold `newLen`, which is more. */
export function growsliceCap(elemSize: number, oldCap: number, newLen: number, classes: SizeClassTable): number {
  if (elemSize === 0) return newLen;
  return Math.floor(classes.roundupsize(nextslicecap(newLen, oldCap) * elemSize) / elemSize);
}
