/** The spans of a snapshot, from what was copied in the stop and what does not change until the held cycle ends. */
import { popcount32 } from '../../base/bits.ts';
import type { SpanRef } from '../../base/brand.ts';
import { PAGE_SHIFT } from '../../layout/constants.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_TYPES,
} from '../../layout/span.ts';
import { isLargeClass, isNoscan } from '../../layout/span-class.ts';
import { heldBits } from '../../spans/held-bits.ts';
import type { MHeap } from '../../spans/mheap.ts';
import { spanBase } from '../../spans/mspan.ts';
import { tinyMaskWord, tinyWithoutAll } from '../../spans/tiny-mask.ts';
import {
  SNAP_SPAN_CLASS,
  SNAP_SPAN_ELEMSIZE,
  SNAP_SPAN_LARGE_SIZE,
  SNAP_SPAN_LARGE_TYPE,
  SNAP_SPAN_NELEMS,
  SNAP_SPAN_NPAGES,
  SNAP_SPAN_PAGE,
  SNAP_SPAN_WORDS,
} from './format.ts';
import type { Moment } from './moment.ts';

/**
 * Most words of one span: 1024 slots of 8 bytes, with type numbers; or 512 tiny blocks with masks. Larger spans have
 * fewer.
 */
export function spanWords(nelems: number): number {
  return SNAP_SPAN_WORDS + ((nelems + 31) >>> 5) + nelems;
}

export class SpanEncoder {
  readonly #heap: MHeap;
  readonly #moment: Moment;

  constructor(heap: MHeap, moment: Moment) {
    this.#heap = heap;
    this.#moment = moment;
  }

  /** Writes a span at word `at`, where there is room, and returns its live slots and the word after it. */
  encode(s: SpanRef, to: Int32Array, at: number): { objects: number; end: number } {
    const { m } = this.#heap.t.mem;
    const nelems = m[s + SPAN_NELEMS];
    const spanClass = m[s + SPAN_CLASS];
    const base = spanBase(m, s);
    to[at + SNAP_SPAN_PAGE] = base >>> PAGE_SHIFT;
    to[at + SNAP_SPAN_NPAGES] = m[s + SPAN_NPAGES];
    to[at + SNAP_SPAN_CLASS] = spanClass;
    to[at + SNAP_SPAN_ELEMSIZE] = m[s + SPAN_ELEMSIZE];
    to[at + SNAP_SPAN_NELEMS] = nelems;
    const large = isLargeClass(spanClass);
    to[at + SNAP_SPAN_LARGE_SIZE] = large ? m[s + SPAN_LARGE_SIZE] : 0;
    const typed = large && !this.#moment.clearing.has(base);
    to[at + SNAP_SPAN_LARGE_TYPE] = typed ? Atomics.load(m, s + SPAN_LARGE_TYPE) : 0;
    to[at + SNAP_SPAN_WORDS - 1] = 0;
    const bits = at + SNAP_SPAN_WORDS;
    const words = (nelems + 31) >>> 5;
    this.#liveBits(s, to, bits, words);
    let end = bits + words;
    if (spanClass === this.#heap.tinySpanClass) end = this.#masks(s, to, bits, end);
    else if (!large && !isNoscan(spanClass)) end = this.#types(s, to, end);
    let objects = 0;
    for (let w = bits; w < bits + words; w++) objects += popcount32(to[w]!);
    return { objects, end };
  }

  /** Slots with an object. Those that were freed, and the owner has yet to know, have none; of tiny blocks see `#masks`. */
  #liveBits(s: SpanRef, to: Int32Array, at: number, words: number): void {
    const { mem } = this.#heap.t;
    const from = mem.m[s + SPAN_ALLOC_BITS] >>> 5;
    const isTiny = mem.m[s + SPAN_CLASS] === this.#heap.tinySpanClass;
    const noted = isTiny ? undefined : this.#moment.noted.get(s);
    for (let w = 0; w < words; w++) to[at + w] = heldBits(mem, from + w) & ~(noted?.[w] ?? 0);
  }

  /** A block is none without an object in it. */
  #masks(s: SpanRef, to: Int32Array, bits: number, at: number): number {
    const { m } = this.#heap.t.mem;
    const nelems = m[s + SPAN_NELEMS];
    const noted = this.#moment.noted.get(s);
    const tinyNotes = (nelems + 31) >>> 5;
    for (let i = 0; i < nelems; i++) {
      const live = (to[bits + (i >>> 5)]! & (1 << i)) !== 0;
      const held = live ? m[tinyMaskWord(m, s, i)]! : 0;
      const mask = noted === undefined ? held : tinyWithoutAll(held, noted[tinyNotes + i]!);
      to[at + i] = mask;
      if (mask === 0) to[bits + (i >>> 5)]! &= ~(1 << i);
    }
    return at + nelems;
  }

  #types(s: SpanRef, to: Int32Array, at: number): number {
    const { m, m16 } = this.#heap.t.mem;
    const nelems = m[s + SPAN_NELEMS];
    const first = m[s + SPAN_TYPES];
    for (let i = 0; i < nelems; i += 2) {
      const second = i + 1 < nelems ? m16[first + i + 1]! : 0;
      to[at + (i >>> 1)] = m16[first + i]! | (second << 16);
    }
    return at + ((nelems + 1) >>> 1);
  }
}
