/**
 * The spans of a snapshot, and from an address to its object: by the page to the span, by a division to the slot, and by
 * counting bits to the object's number. Objects are numbered from 1 on in the order of their addresses.
 */
import { popcount32 } from '../base/bits.ts';
import { PAGE_SHIFT, PAGE_SIZE, TINY_SIZE } from '../layout/constants.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import {
  SNAP_SPAN_CLASS,
  SNAP_SPAN_ELEMSIZE,
  SNAP_SPAN_LARGE_SIZE,
  SNAP_SPAN_LARGE_TYPE,
  SNAP_SPAN_NELEMS,
  SNAP_SPAN_NPAGES,
  SNAP_SPAN_PAGE,
  SNAP_SPAN_WORDS,
} from '../observe/snapshot/format.ts';
import { tinySize } from '../spans/tiny-mask.ts';
import { corrupt } from './errors.ts';

/** Bytes of a tiny block. */

/** Words that are appended to; twice as much room whenever it is used up. */
class Growing<A extends Int32Array | Uint16Array> {
  array: A;
  length = 0;

  constructor(array: A) {
    this.array = array;
  }

  /** Index of the first of `count` more. */
  add(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.array.length) {
      const Class = this.array.constructor as new (length: number) => A;
      const larger = new Class(Math.max(this.length, this.array.length * 2));
      larger.set(this.array);
      this.array = larger;
    }
    return at;
  }
}

export class SpanTable {
  /** Span by page: its index + 1, or 0. */
  readonly byPage: Int32Array;
  readonly #columns = new Growing(new Int32Array(1 << 12));
  readonly #bits = new Growing(new Int32Array(1 << 16));
  readonly #types = new Growing(new Uint16Array(1 << 16));
  readonly #masks = new Growing(new Int32Array(1 << 12));
  readonly #tinyClass: number;
  /** Objects before each word of bits; before each tiny block. */
  #rank = new Uint32Array(0);
  #blockRank = new Uint32Array(0);
  /** Spans, pages they take, objects, and slots in use: a tiny block counts once. */
  count = 0;
  pages = 0;
  objects = 0;
  slots = 0;

  constructor(grownPages: number, tinySpanClass: number) {
    this.byPage = new Int32Array(grownPages);
    this.#tinyClass = tinySpanClass;
  }

  /** Adds the spans of a section. What could make reading unsafe is refused here; the rest is for `spanheap verify`. */
  add(words: Int32Array, offset: number): void {
    for (let at = 0; at < words.length; ) {
      const bad = (what: string): never => corrupt(`a span ${what}`, offset + at * 4);
      if (at + SNAP_SPAN_WORDS > words.length) bad('is cut off');
      const page = words[at + SNAP_SPAN_PAGE]!;
      const npages = words[at + SNAP_SPAN_NPAGES]!;
      const spanClass = words[at + SNAP_SPAN_CLASS]!;
      const elemsize = words[at + SNAP_SPAN_ELEMSIZE]! >>> 0;
      const nelems = words[at + SNAP_SPAN_NELEMS]!;
      if (page < 1 || npages < 1 || page + npages > this.byPage.length) bad(`has pages ${page} to ${page + npages}`);
      if (this.byPage.subarray(page, page + npages).some((other) => other !== 0)) bad('shares a page with another');
      if (this.count > 0 && page < this.page(this.count - 1)) bad('is out of order');
      const large = isLargeClass(spanClass);
      const fits = nelems > 0 && elemsize >= 8 && nelems * elemsize <= npages * PAGE_SIZE && (!large || nelems === 1);
      if (spanClass < 0 || spanClass > 255 || !fits) bad(`has ${nelems} slots of ${elemsize} bytes`);
      if (large && words[at + SNAP_SPAN_LARGE_SIZE]! >>> 0 > npages * PAGE_SIZE) bad('has a too large object');
      const isTiny = spanClass === this.#tinyClass;
      if (isTiny && elemsize !== TINY_SIZE) bad(`of tiny blocks has slots of ${elemsize} bytes`);
      const bitWords = (nelems + 31) >>> 5;
      const typed = !large && !isTiny && !isNoscan(spanClass);
      const side = isTiny ? nelems : typed ? (nelems + 1) >>> 1 : 0;
      const end = at + SNAP_SPAN_WORDS + bitWords + side;
      if (end > words.length) bad('is cut off');
      const s = this.count++;
      this.byPage.fill(s + 1, page, page + npages);
      this.pages += npages;
      const column = this.#columns.add(COLUMNS);
      this.#columns.array.set(words.subarray(at, at + SNAP_SPAN_WORDS), column);
      const bits = this.#bits.add(bitWords);
      this.#bits.array.set(words.subarray(at + SNAP_SPAN_WORDS, at + SNAP_SPAN_WORDS + bitWords), bits);
      this.#columns.array[column + COLUMN_BITS] = bits;
      this.#addSide(column, words.subarray(end - side, end), isTiny, nelems);
      at = end;
    }
  }

  #addSide(column: number, side: Int32Array, isTiny: boolean, nelems: number): void {
    if (side.length === 0) return;
    if (isTiny) {
      const masks = this.#masks.add(nelems);
      this.#masks.array.set(side, masks);
      this.#columns.array[column + COLUMN_SIDE] = masks;
      return;
    }
    const types = this.#types.add(side.length * 2);
    // Word by word: the section's bytes need not begin at a multiple of two words.
    for (let i = 0; i < side.length; i++) {
      this.#types.array[types + 2 * i] = side[i]! & 0xffff;
      this.#types.array[types + 2 * i + 1] = side[i]! >>> 16;
    }
    this.#columns.array[column + COLUMN_SIDE] = types;
  }

  /** Numbers the objects, after all spans were added. */
  number(): void {
    this.#rank = new Uint32Array(this.#bits.length);
    this.#blockRank = new Uint32Array(this.#masks.length);
    let next = 1;
    for (let s = 0; s < this.count; s++) {
      const bits = this.bitsAt(s);
      const words = (this.nelems(s) + 31) >>> 5;
      const isTiny = this.isTiny(s);
      for (let w = 0; w < words; w++) {
        this.#rank[bits + w] = next;
        const live = this.#bits.array[bits + w]!;
        this.slots += popcount32(live);
        if (!isTiny) next += popcount32(live);
        else next = this.#numberBlocks(s, w, live, next);
      }
    }
    this.objects = next - 1;
  }

  #numberBlocks(s: number, w: number, live: number, from: number): number {
    let next = from;
    const masks = this.sideAt(s);
    for (let i = w << 5; i < Math.min(this.nelems(s), (w + 1) << 5); i++) {
      this.#blockRank[masks + i] = next;
      if ((live & (1 << i)) !== 0) next += popcount32(this.#masks.array[masks + i]! & 0xffff);
    }
    return next;
  }

  page(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_PAGE]!;
  }

  base(s: number): number {
    return this.page(s) * PAGE_SIZE;
  }

  npages(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_NPAGES]!;
  }

  spanClass(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_CLASS]!;
  }

  elemsize(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_ELEMSIZE]! >>> 0;
  }

  nelems(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_NELEMS]!;
  }

  largeSize(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_LARGE_SIZE]! >>> 0;
  }

  largeType(s: number): number {
    return this.#columns.array[s * COLUMNS + SNAP_SPAN_LARGE_TYPE]!;
  }

  bitsAt(s: number): number {
    return this.#columns.array[s * COLUMNS + COLUMN_BITS]!;
  }

  /** Where its type numbers begin in `types`, or its masks in `masks`. */
  sideAt(s: number): number {
    return this.#columns.array[s * COLUMNS + COLUMN_SIDE]!;
  }

  get bits(): Int32Array {
    return this.#bits.array;
  }

  get types(): Uint16Array {
    return this.#types.array;
  }

  get masks(): Int32Array {
    return this.#masks.array;
  }

  isLarge(s: number): boolean {
    return isLargeClass(this.spanClass(s));
  }

  isTiny(s: number): boolean {
    return this.spanClass(s) === this.#tinyClass;
  }

  isScan(s: number): boolean {
    return !isNoscan(this.spanClass(s));
  }

  isLive(s: number, slot: number): boolean {
    return (this.#bits.array[this.bitsAt(s) + (slot >>> 5)]! & (1 << slot)) !== 0;
  }

  /** Type number of a slot; 0: none. */
  typeOf(s: number, slot: number): number {
    if (!this.isScan(s)) return 0;
    return this.isLarge(s) ? this.largeType(s) : this.#types.array[this.sideAt(s) + slot]!;
  }

  /** Number of the first object of a span, or of the next one if it has none. */
  firstNode(s: number): number {
    return this.#rank[this.bitsAt(s)]!;
  }

  /** Number of the object that this address is in; 0: in none. */
  find(addr: number): number {
    const s = (this.byPage[addr >>> PAGE_SHIFT] ?? 0) - 1;
    if (s < 0) return 0;
    const column = s * COLUMNS;
    const columns = this.#columns.array;
    const offset = addr - columns[column + SNAP_SPAN_PAGE]! * PAGE_SIZE;
    const bits = columns[column + COLUMN_BITS]!;
    if (isLargeClass(columns[column + SNAP_SPAN_CLASS]!)) {
      return (this.#bits.array[bits]! & 1) !== 0 && offset < this.largeSize(s) ? this.#rank[bits]! : 0;
    }
    const size = columns[column + SNAP_SPAN_ELEMSIZE]!;
    const slot = (offset / size) | 0;
    const word = this.#bits.array[bits + (slot >>> 5)]!;
    if (slot >= columns[column + SNAP_SPAN_NELEMS]! || (word & (1 << slot)) === 0) return 0;
    if (columns[column + SNAP_SPAN_CLASS] === this.#tinyClass)
      return this.#findPart(s, slot, offset - slot * TINY_SIZE);
    return this.#rank[bits + (slot >>> 5)]! + popcount32(word & ((1 << slot) - 1));
  }

  /** The address after the object that an address is in; there must be one. */
  endOf(addr: number): number {
    const s = this.byPage[addr >>> PAGE_SHIFT]! - 1;
    const base = this.base(s);
    if (this.isLarge(s)) return base + this.largeSize(s);
    const elemsize = this.elemsize(s);
    const slot = Math.floor((addr - base) / elemsize);
    const start = base + slot * elemsize;
    if (!this.isTiny(s)) return start + elemsize;
    const mask = this.#masks.array[this.sideAt(s) + slot]!;
    let first = addr - start;
    while (first > 0 && tinySize(mask, first) === 0) first--;
    return start + first + tinySize(mask, first);
  }

  /** Number of the first object of a tiny block. */
  blockNode(s: number, slot: number): number {
    return this.#blockRank[this.sideAt(s) + slot]!;
  }

  #findPart(s: number, slot: number, byte: number): number {
    const mask = this.#masks.array[this.sideAt(s) + slot]!;
    for (let start = byte; start >= 0; start--) {
      const size = tinySize(mask, start);
      if (size === 0) continue;
      return start + size > byte ? this.blockNode(s, slot) + popcount32(mask & ((1 << start) - 1)) : 0;
    }
    return 0;
  }
}

const COLUMN_BITS = SNAP_SPAN_WORDS;
const COLUMN_SIDE = SNAP_SPAN_WORDS + 1;
const COLUMNS = SNAP_SPAN_WORDS + 2;
