/**
 * Which objects a tiny block holds. Go's tiny blocks die as a whole; here each object in one can be freed by hand, so
 * the block's word in the side table says where its live objects begin and end:
 *
 *   31            16 15             0
 *   [ last bytes    | first bytes   ]     bit k: byte k of the block
 *
 * A word of 0 on a live slot: a block without objects that its thread still fills. Written like allocation bits: by the span's owner, or under the mcentral's lock.
 */

import { ctz32 } from '../base/bits.ts';
import type { SpanRef } from '../base/brand.ts';
import { SPAN_TYPES } from '../layout/span.ts';

type Words = Int32Array<ArrayBufferLike>;

/** Word of slot `index`'s mask, in a span of the tiny class. */
export function tinyMaskWord(m: Words, s: SpanRef, index: number): number {
  return m[s + SPAN_TYPES] + index;
}

/** Bytes of the object that starts at byte `start` of the block; 0: none does. */
export function tinySize(mask: number, start: number): number {
  if ((mask & (1 << start)) === 0) return 0;
  return ctz32((mask >>> 16) >>> start) + 1;
}

/** The mask without the object that starts at `start`. */
export function tinyWithout(mask: number, start: number): number {
  const size = tinySize(mask, start);
  return mask & ~((1 << start) | (0x8000 << (start + size)));
}
