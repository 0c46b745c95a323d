/**
 * Which objects a tiny block holds. Go's tiny blocks die as a whole; here each object in one can be freed by hand, so
 * the block's word in the side table says where its live objects begin and end:
 *
 *   31            16 15             0
 *   [ last bytes    | first bytes   ]     bit k: byte k of the block
 *
 * A word of 0 on a live slot: a block without objects that its thread still fills. Written like allocation bits: by the
 * span's owner, or under the mcentral's lock.
 */
import { ctz32, popcount32 } from '../base/bits.ts';
import type { ProcRef, SpanRef, Words } from '../base/brand.ts';
import { TM_TINY_ALLOCS } from '../layout/proc.ts';
import { SPAN_NELEMS, SPAN_TINY_COUNTED, SPAN_TYPES } from '../layout/span.ts';
import type { Mem } from '../sys/mem.ts';
import { count } from './heap-stats.ts';

/** Word of slot `index`'s mask, in a span of the tiny class. */
export function tinyMaskWord(m: Words, s: SpanRef, index: number): number {
  return m[s + SPAN_TYPES] + index;
}

/** Bytes of the object that starts at byte `start` of the block; 0: none does. */
export function tinySize(mask: number, start: number): number {
  if ((mask & (1 << start)) === 0) return 0;
  return ctz32((mask >>> 16) >>> start) + 1;
}

/** Where the object that has byte `at` of the block starts; −1: none has. */
export function tinyAround(mask: number, at: number): number {
  for (let start = at; start >= 0; start--) {
    const size = tinySize(mask, start);
    if (size !== 0) return start + size > at ? start : -1;
  }
  return -1;
}

/** The mask without the object that starts at `start`. */
export function tinyWithout(mask: number, start: number): number {
  const size = tinySize(mask, start);
  return mask & ~((1 << start) | (0x8000 << (start + size)));
}

/** The mask without the objects that start where `starts` has a bit. */
export function tinyWithoutAll(mask: number, starts: number): number {
  let left = mask;
  for (let bits = starts & mask & 0xffff; bits !== 0; bits &= bits - 1) left = tinyWithout(left, ctz32(bits));
  return left;
}

/**
 * Counts the objects in a span of tiny blocks that were not counted before (Go: `tinyAllocs`). `tiny` of malloc/fast.ts does
 * not count: so an object is counted when its span is used up, swept, or when it is freed. Whoever may write the masks.
 */
export function countTiny(mem: Mem, p: ProcRef, s: SpanRef): void {
  const { m } = mem;
  const from = m[s + SPAN_TYPES];
  let objects = 0;
  // Two blocks at a time: the first bytes of both in one word.
  for (let word = from, end = from + m[s + SPAN_NELEMS]; word < end; word += 2) {
    objects += popcount32((m[word] & 0xffff) | (word + 1 < end ? m[word + 1] << 16 : 0));
  }
  count(mem, p, TM_TINY_ALLOCS, Math.max(0, objects - m[s + SPAN_TINY_COUNTED]));
  m[s + SPAN_TINY_COUNTED] = objects;
}

/** An object of a tiny block is freed: it was counted, or is so now. Which ones were is not known, only how many. */
export function noteTinyFree(mem: Mem, p: ProcRef, s: SpanRef): void {
  const { m } = mem;
  if (m[s + SPAN_TINY_COUNTED] > 0) m[s + SPAN_TINY_COUNTED]--;
  else count(mem, p, TM_TINY_ALLOCS, 1);
}
