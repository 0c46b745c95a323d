/**
 * Objects and bytes by type, and where the memory of each class goes: a walk over all spans, in pieces of a few
 * milliseconds. Between two pieces the heap changes, so the sums are of the time that the walk took; an object that
 * moves nowhere is counted once, since the walk goes up the pages.
 */
import { ctz32 } from '../../base/bits.ts';
import type { SpanRef } from '../../base/brand.ts';
import { millitime } from '../../base/clock.ts';
import { MAX_TYPES, PAGE_SIZE } from '../../layout/constants.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NPAGES,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../../layout/span.ts';
import { isLargeClass, isNoscan, sizeClassOf } from '../../layout/span-class.ts';
import type { TypeList } from '../../malloc/rtype.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import { slotsOf } from '../../spans/mspan.ts';
import { tinyMaskWord } from '../../spans/tiny-mask.ts';
import type { ViewClassUse, ViewType } from '../view-types.ts';
import { aheadOf, bitAt, countBits, firstPage, knownPages, spanAtPage } from './records.ts';

/** Pages between two looks at the clock. */
const PAGES_AT_ONCE = 64;
const MAX_SPAN_CLASS = 256;

interface ClassSum {
  spans: number;
  spanBytes: number;
  objects: number;
  slots: number;
  liveBytes: number;
  tailBytes: number;
  unswept: number;
}

export class HeapWalk {
  /** Pages that are done, and how many there are. */
  page = 0;
  readonly pages: number;
  readonly #heap: HeapReader;
  readonly #objects = new Float64Array(MAX_TYPES + 1);
  readonly #bytes = new Float64Array(MAX_TYPES + 1);
  readonly #classes = new Map<number, ClassSum>();

  constructor(heap: HeapReader) {
    this.#heap = heap;
    this.pages = knownPages(heap.t.mem);
  }

  /** Goes on for about `budgetMs` milliseconds. True: the walk is done. */
  step(budgetMs: number): boolean {
    const end = millitime() + budgetMs;
    do {
      this.#walk(Math.min(this.pages, this.page + PAGES_AT_ONCE));
    } while (this.page < this.pages && millitime() < end);
    return this.page >= this.pages;
  }

  #walk(end: number): void {
    const { mem } = this.#heap.t;
    while (this.page < end) {
      const s = spanAtPage(mem, this.page);
      // A span is counted at its first page: one that began before this walk came to it was another then.
      const isFirst = s !== 0 && firstPage(mem.m, s) === this.page;
      if (isFirst && mem.m[s + SPAN_STATE] === SPAN_STATE_IN_USE) this.#count(s);
      this.page += isFirst ? Math.max(1, mem.m[s + SPAN_NPAGES]) : 1;
    }
  }

  #count(s: SpanRef): void {
    const { m } = this.#heap.t.mem;
    const spanClass = m[s + SPAN_CLASS] & (MAX_SPAN_CLASS - 1);
    const slots = slotsOf(m, s);
    const size = m[s + (isLargeClass(spanClass) ? SPAN_LARGE_SIZE : SPAN_ELEMSIZE)] >>> 0;
    const isTiny = spanClass === this.#heap.tinySpanClass;
    const live = isTiny ? this.#tinyBlocks(s, slots) : countBits(m, m[s + SPAN_ALLOC_BITS], slots);
    const ahead = aheadOf(m, s);
    const sum = this.#classOf(spanClass);
    const bytes = m[s + SPAN_NPAGES] * PAGE_SIZE;
    sum.spans++;
    sum.spanBytes += bytes;
    sum.objects += live;
    sum.slots += slots;
    sum.liveBytes += live * size;
    sum.tailBytes += Math.max(0, bytes - slots * size);
    if (ahead === 1 || ahead === -1 || ahead === -2) sum.unswept++;
    if (!isNoscan(spanClass)) this.#countTypes(s, slots, size);
  }

  #classOf(spanClass: number): ClassSum {
    let sum = this.#classes.get(spanClass);
    if (sum === undefined) {
      sum = { spans: 0, spanBytes: 0, objects: 0, slots: 0, liveBytes: 0, tailBytes: 0, unswept: 0 };
      this.#classes.set(spanClass, sum);
    }
    return sum;
  }

  /** Blocks with objects in them: not the one that a thread fills, while it is empty. */
  #tinyBlocks(s: SpanRef, slots: number): number {
    const { m } = this.#heap.t.mem;
    let n = 0;
    for (let i = 0; i < slots; i++) {
      if (bitAt(m, m[s + SPAN_ALLOC_BITS] + i) && m[tinyMaskWord(m, s, i)] !== 0) n++;
    }
    return n;
  }

  #countTypes(s: SpanRef, slots: number, size: number): void {
    const { m, m16 } = this.#heap.t.mem;
    const bits = m[s + SPAN_ALLOC_BITS] >>> 5;
    const table = m[s + SPAN_TYPES];
    const isLarge = isLargeClass(m[s + SPAN_CLASS]);
    for (let from = 0; from < slots; from += 32) {
      const rest = slots - from;
      let live = m[bits + (from >>> 5)] & (rest < 32 ? (1 << rest) - 1 : -1);
      for (; live !== 0; live &= live - 1) {
        const type = (isLarge ? m[s + SPAN_LARGE_TYPE] & MAX_TYPES : m16[table + from + ctz32(live)]) ?? 0;
        this.#objects[type]!++;
        this.#bytes[type]! += size;
      }
    }
  }

  /** Types with objects, the largest first; of those without pointers one line for each size. */
  types(table: TypeList): ViewType[] {
    const found: ViewType[] = [];
    for (const { number, name } of table.all()) {
      const objects = this.#objects[number]!;
      if (objects > 0) found.push({ number, name, slotSize: null, objects, bytes: this.#bytes[number]! });
    }
    for (const [spanClass, { objects, liveBytes }] of this.#classes) {
      if (!isNoscan(spanClass) || objects === 0) continue;
      const isTiny = spanClass === this.#heap.tinySpanClass;
      const slotSize = isTiny ? -1 : (this.#heap.classes.size[sizeClassOf(spanClass)] ?? 0);
      found.push({ number: 0, name: '', slotSize, objects, bytes: liveBytes });
    }
    return found.sort((a, b) => b.bytes - a.bytes || a.number - b.number);
  }

  /** Classes with spans, by span class. */
  classes(): ViewClassUse[] {
    return [...this.#classes]
      .sort(([a], [b]) => a - b)
      .map(([spanClass, sum]) => ({
        spanClass,
        size: isLargeClass(spanClass) ? 0 : (this.#heap.classes.size[sizeClassOf(spanClass)] ?? 0),
        spans: sum.spans,
        spanBytes: sum.spanBytes,
        objects: sum.objects,
        liveBytes: sum.liveBytes,
        freeSlots: sum.slots - sum.objects,
        freeBytes: sum.spanBytes - sum.liveBytes - sum.tailBytes,
        tailBytes: sum.tailBytes,
        unswept: sum.unswept,
      }));
  }
}
