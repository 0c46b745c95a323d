/**
 * What is alive when an allocation trace begins: without it, frees of older objects would mean nothing.
 *
 * Taken while the world is stopped and all spans are swept, so the allocation bits name the live objects, but for those
 * whose free another thread has noted. Of each span only its bitmap and side table are copied then, a bit or a few for
 * each slot; what objects that makes is worked out afterwards, when somebody reads it.
 */
import { ctz32 } from '../base/bits.ts';
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { ownerOf } from '../central/sweep.ts';
import { H_GROWN_PAGES } from '../layout/header.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import type { MHeap } from '../spans/mheap.ts';
import { eachSpan } from '../spans/mspan.ts';
import { tinyMaskWord, tinySize, tinyWithoutAll } from '../spans/tiny-mask.ts';

// A copied span: these words, a bitmap, and a word for each slot with its type number or tiny mask where it has one.
const COPY_BASE = 0;
const COPY_SIZE = 1;
const COPY_SLOTS = 2;
const COPY_THREAD = 3;
const COPY_KIND = 4;
const COPY_TYPE = 5;
const COPY_BITS = 6;

const KIND_PLAIN = 0;
const KIND_TYPED = 1;
const KIND_TINY = 2;

/** Told of each live object; `thread` is the one that owns its span, 0 for none. */
export type AliveVisitor = (addr: number, size: number, type: number, thread: number) => void;

export class AliveObjects {
  #words: Int32Array = new Int32Array(1024);
  #end = 0;
  /** First word of the span to be told next, and its slot. */
  #at = 0;
  #slot = 0;

  /** World stopped, all spans swept. */
  static of(heap: MHeap): AliveObjects {
    const alive = new AliveObjects();
    const { mem } = heap.t;
    eachSpan(mem, mem.m[H_GROWN_PAGES], (s) => {
      if (mem.m[s + SPAN_STATE] === SPAN_STATE_IN_USE) alive.#copy(heap, s);
    });
    return alive;
  }

  #copy(heap: MHeap, s: SpanRef): void {
    const { m, m16 } = heap.t.mem;
    const spanClass = m[s + SPAN_CLASS];
    const nelems = m[s + SPAN_NELEMS];
    const bits = (nelems + 31) >>> 5;
    this.#grow(COPY_BITS + bits + nelems);
    const to = this.#words;
    const at = this.#end;
    const isTiny = spanClass === heap.tinySpanClass;
    const isTyped = !isNoscan(spanClass) && !isLargeClass(spanClass);
    to[at + COPY_BASE] = m[s + SPAN_BASE];
    to[at + COPY_SIZE] = isLargeClass(spanClass) ? m[s + SPAN_LARGE_SIZE] : m[s + SPAN_ELEMSIZE];
    to[at + COPY_SLOTS] = nelems;
    to[at + COPY_THREAD] = ownerOf(m, s);
    to[at + COPY_KIND] = isTiny ? KIND_TINY : isTyped ? KIND_TYPED : KIND_PLAIN;
    to[at + COPY_TYPE] = isLargeClass(spanClass) ? m[s + SPAN_LARGE_TYPE] : 0;
    const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
    const defer = m[s + SPAN_DEFER];
    let any = 0;
    for (let w = 0; w < bits; w++) {
      // In spans of tiny blocks a note says that a part of the block is free.
      const noted = defer === NIL || isTiny ? 0 : m[defer + w];
      any |= to[at + COPY_BITS + w] = m[alloc + w] & ~noted;
    }
    if (any === 0) return;
    const table = at + COPY_BITS + bits;
    if (isTiny) for (let i = 0; i < nelems; i++) to[table + i] = tinyMask(m, s, i, bits);
    else if (isTyped) for (let i = 0; i < nelems; i++) to[table + i] = m16[m[s + SPAN_TYPES] + i];
    this.#end = table + (isTiny || isTyped ? nelems : 0);
  }

  #grow(words: number): void {
    if (this.#end + words <= this.#words.length) return;
    const larger = new Int32Array(Math.max(this.#words.length * 2, this.#end + words));
    larger.set(this.#words);
    this.#words = larger;
  }

  /** Tells the next slots' objects, of `max` slots at most. False: all have been told, and the copy is forgotten. */
  tell(visit: AliveVisitor, max: number): boolean {
    for (let left = max; this.#at < this.#end; ) {
      const w = this.#words;
      const at = this.#at;
      const slots = w[at + COPY_SLOTS];
      for (; this.#slot < slots && left > 0; this.#slot++, left--) this.#tellSlot(at, this.#slot, visit);
      if (this.#slot < slots) return true;
      this.#slot = 0;
      this.#at = at + COPY_BITS + ((slots + 31) >>> 5) + (w[at + COPY_KIND] === KIND_PLAIN ? 0 : slots);
    }
    this.#words = new Int32Array(0);
    this.#end = 0;
    return false;
  }

  #tellSlot(at: number, i: number, visit: AliveVisitor): void {
    const w = this.#words;
    if ((w[at + COPY_BITS + (i >>> 5)] & (1 << i)) === 0) return;
    const size = w[at + COPY_SIZE] >>> 0;
    const addr = (w[at + COPY_BASE] >>> 0) + i * size;
    const thread = w[at + COPY_THREAD];
    const kind = w[at + COPY_KIND];
    const entry = at + COPY_BITS + ((w[at + COPY_SLOTS] + 31) >>> 5) + i;
    if (kind === KIND_PLAIN) visit(addr, size, w[at + COPY_TYPE], thread);
    else if (kind === KIND_TYPED) visit(addr, size, w[entry], thread);
    else {
      for (let starts = w[entry] & 0xffff; starts !== 0; starts &= starts - 1) {
        const start = ctz32(starts);
        visit(addr + start, tinySize(w[entry], start), 0, thread);
      }
    }
  }
}

/** The mask of a tiny block without the objects that others have noted as free. `bits`: words of the span's bitmap. */
function tinyMask(m: Words, s: SpanRef, i: number, bits: number): number {
  const mask = m[tinyMaskWord(m, s, i)];
  const defer = m[s + SPAN_DEFER];
  return defer === NIL ? mask : tinyWithoutAll(mask, m[defer + bits + i]);
}
