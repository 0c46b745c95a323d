/** How many persistent references this thread has, for who explains why memory is out. */
import { PAGE_SIZE } from '../layout/constants.ts';
import { PROC_HANDLES, SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import type { Proc } from '../sync/proc.ts';

/** So many are worth a word in any heap. */
const MANY = 10_000;
/** In a small one as many as would be half of the objects, if those had so many bytes. */
const OBJECT_BYTES = 32;

/** Persistent references of this thread, if there are so many that they may be what fills the heap; else 0. Slow. */
export function manyHandles({ ref, mem }: Proc): number {
  const { m, i32, plan } = mem;
  let n = 0;
  for (let start = m[ref + PROC_HANDLES]; start !== 0; start = i32[start]) {
    for (let slot = start + SEGMENT_SLOTS; slot < start + SEGMENT_WORDS; slot++) if (i32[slot] !== 0) n++;
  }
  return n > Math.min(MANY, (plan.pages * PAGE_SIZE) / OBJECT_BYTES / 2) ? n : 0;
}
