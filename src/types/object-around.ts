/** From an address to the object it is in. */
import { NIL } from '../base/brand.ts';
import { ArgumentError } from '../base/errors.ts';
import { SPAN_CLASS, SPAN_ELEMSIZE, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import { spanBase, spanOf } from '../spans/mspan.ts';
import { slotOf } from '../spans/special-list.ts';
import { tinyMaskWord, tinySize } from '../spans/tiny-mask.ts';
import type { Env } from './env.ts';

/** First byte of an object, and the bytes of it that may be used. */
export interface ObjectBounds {
  readonly base: number;
  readonly size: number;
}

/**
 * The live object that an address is in; of a tiny block, the one of its objects. Throws ArgumentError for one without
 * size, which is in no memory and never dies. In a region.
 */
export function objectAround({ mem, malloc }: Env, addr: number, what: string): ObjectBounds {
  const { m } = mem;
  const s = spanOf(mem, addr);
  if (s === NIL || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `${what}: an object without size never dies`);
  }
  const index = slotOf(m, s, addr);
  const slotSize = m[s + SPAN_ELEMSIZE] >>> 0;
  const slot = spanBase(m, s) + index * slotSize;
  if (m[s + SPAN_CLASS] !== malloc.tinySpanClass) return { base: slot, size: slotSize };
  const mask = m[tinyMaskWord(m, s, index)];
  // The last object that begins at or before the address.
  const starts = mask & ((2 << (addr - slot)) - 1) & 0xffff;
  const start = starts === 0 ? 0 : 31 - Math.clz32(starts);
  return { base: slot + start, size: tinySize(mask, start) };
}
