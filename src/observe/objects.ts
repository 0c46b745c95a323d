/**
 * From an address to the object that it lies in, for those who look at the heap from outside: any address is asked for,
 * interior ones too. Reads only, and believes nothing it reads: unless the world is stopped, spans and objects may be
 * freed under it, and then the answer is wrong, but there is one.
 */
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { deferBit, isNoted } from '../cache/defer.ts';
import { isLive } from '../cache/owner-free.ts';
import { PAGE_SHIFT, TINY_SIZE } from '../layout/constants.ts';
import { H_ZEROBASE } from '../layout/header.ts';
import {
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_TYPES,
} from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import type { HeapReader } from '../spans/heap-reader.ts';
import { slotsOf, spanBase, spanOf } from '../spans/mspan.ts';
import { tinyMaskWord, tinySize } from '../spans/tiny-mask.ts';

export interface LiveObject {
  /** Address of its first byte. */
  readonly start: number;
  /** Bytes: what was asked for of a large object, else those of the slot, or of the part of a tiny block. */
  readonly size: number;
  /** Type number; 0 for pointer-free objects, and for a large one that is still being cleared. */
  readonly type: number;
  /** Whether it may hold pointers. */
  readonly scan: boolean;
}

/** Size of a span's slots in use: an object's bytes, from its first one on. */
function slotSize(m: Words, s: SpanRef): number {
  return isLargeClass(m[s + SPAN_CLASS]) ? m[s + SPAN_LARGE_SIZE] >>> 0 : m[s + SPAN_ELEMSIZE] >>> 0;
}

/** The live object that holds the byte at this address; null if none does. */
export function objectAt(heap: HeapReader, addr: number): LiveObject | null {
  const { mem } = heap.t;
  const { m } = mem;
  const s = spanOf(mem, addr);
  if (s === NIL) return addr === m[H_ZEROBASE] ? { start: addr, size: 0, type: 0, scan: false } : null;
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return null;
  const elemsize = m[s + SPAN_ELEMSIZE] >>> 0;
  const index = Math.floor((addr - spanBase(m, s)) / elemsize);
  if (!(index >= 0 && index < m[s + SPAN_NELEMS]) || !isLive(m, s, index)) return null;
  const start = spanBase(m, s) + index * elemsize;
  if (m[s + SPAN_CLASS] === heap.tinySpanClass) return partAt(heap, s, index, start, addr);
  if (isNoted(heap, s, index, 0)) return null;
  const size = slotSize(m, s);
  return addr - start < size ? { start, size, ...typeOf(heap, s, index) } : null;
}

function typeOf(heap: HeapReader, s: SpanRef, index: number): Pick<LiveObject, 'type' | 'scan'> {
  const { m, m16 } = heap.t.mem;
  const spanClass = m[s + SPAN_CLASS];
  const scan = !isNoscan(spanClass);
  if (!scan) return { type: 0, scan };
  return { type: (isLargeClass(spanClass) ? m[s + SPAN_LARGE_TYPE] : m16[m[s + SPAN_TYPES] + index]) ?? 0, scan };
}

/** The object in a tiny block that has the byte at `addr`. */
function partAt(heap: HeapReader, s: SpanRef, index: number, block: number, addr: number): LiveObject | null {
  const { m } = heap.t.mem;
  const mask = m[tinyMaskWord(m, s, index)]!;
  for (let from = Math.min(addr - block, TINY_SIZE - 1); from >= 0; from--) {
    const size = tinySize(mask, from);
    if (size === 0) continue;
    const covers = block + from + size > addr && !isNoted(heap, s, index, deferBit(from));
    return covers ? { start: block + from, size, type: 0, scan: false } : null;
  }
  return null;
}

/** Calls `visit` for each live object with pointers in a span. */
export function eachScanObject(heap: HeapReader, s: SpanRef, visit: (object: LiveObject) => void): void {
  const { m } = heap.t.mem;
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || isNoscan(m[s + SPAN_CLASS])) return;
  const elemsize = m[s + SPAN_ELEMSIZE] >>> 0;
  const size = slotSize(m, s);
  const slots = slotsOf(m, s);
  for (let i = 0; i < slots; i++) {
    if (!isLive(m, s, i) || isNoted(heap, s, i, 0)) continue;
    visit({ start: spanBase(m, s) + i * elemsize, size, ...typeOf(heap, s, i) });
  }
}

/** What is at an address where there is no live object, for messages. */
export function whatIsAt(heap: HeapReader, addr: number): string {
  const { mem } = heap.t;
  const { m, plan } = mem;
  const hex = (n: number): string => `0x${n.toString(16)}`;
  const page = addr >>> PAGE_SHIFT;
  if (page >= plan.pages) return `is outside of the heap, which ends at ${hex(plan.pages * 2 ** PAGE_SHIFT)}`;
  if (page === 0) return 'is in the page of the nil address, which holds no objects';
  const s = spanOf(mem, addr);
  if (s === NIL) return 'is in a free page';
  const state = m[s + SPAN_STATE];
  if (state === SPAN_STATE_MANUAL) {
    return `is in allocator memory: a shadow stack or handle table of thread ${m[s + SPAN_OWNER]}`;
  }
  if (state !== SPAN_STATE_IN_USE) return 'is in a page that is just being freed';
  const base = spanBase(m, s);
  const elemsize = m[s + SPAN_ELEMSIZE] >>> 0;
  const index = Math.floor((addr - base) / elemsize);
  if (isLargeClass(m[s + SPAN_CLASS])) {
    return isLive(m, s, 0)
      ? `is in the unused end of the last page of the large object at ${hex(base)}`
      : `is in a large object that was freed, at ${hex(base)}`;
  }
  if (!(index < m[s + SPAN_NELEMS])) {
    return `is in the unused end of the span of ${m[s + SPAN_NPAGES]} pages at ${hex(base)}`;
  }
  const slot = `${elemsize} bytes at ${hex(base + index * elemsize)}`;
  if (!isLive(m, s, index)) return `is in a free slot of ${slot}`;
  if (m[s + SPAN_CLASS] === heap.tinySpanClass) return `is in a free part of the tiny block of ${slot}`;
  return `is in a slot of ${slot} that was freed, and that its thread has yet to take back`;
}
