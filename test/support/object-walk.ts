/**
 * Walks the objects of a heap by what its spans say, as the collector will: for tests that must see all of memory. Nothing
 * else may run meanwhile.
 */
import type { SpanRef } from '../../src/base/brand.ts';
import type { Heap, RType } from '../../src/index.ts';
import { H_GROWN_PAGES } from '../../src/layout/header.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../../src/layout/span.ts';
import { eachSpan, spanBase, spanBytes } from '../../src/spans/mspan.ts';
import { Internals } from './internals.ts';

export interface ScanObject {
  readonly addr: number;
  /** Bytes of its slot, or as asked for if it is large. */
  readonly size: number;
  readonly type: RType;
}

export class ObjectWalk {
  readonly #heap: Heap;
  readonly #x: Internals;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#x = new Internals(heap);
  }

  #spans(visit: (s: SpanRef) => void): void {
    const { mem, m } = this.#x;
    eachSpan(mem, m[H_GROWN_PAGES]!, (s) => {
      if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) visit(s);
    });
  }

  /** All live objects with pointers. */
  objects(): ScanObject[] {
    const { m, mem } = this.#x;
    const types = this.#heap.raw.types();
    const found: ScanObject[] = [];
    this.#spans((s) => {
      if ((m[s + SPAN_CLASS]! & 1) !== 0) return;
      const large = m[s + SPAN_CLASS] === 0;
      for (let i = 0; i < m[s + SPAN_NELEMS]!; i++) {
        const bit = m[s + SPAN_ALLOC_BITS]! + i;
        if (((m[bit >>> 5]! >>> (bit & 31)) & 1) === 0) continue;
        const number = large ? m[s + SPAN_LARGE_TYPE]! : mem.m16[m[s + SPAN_TYPES]! + i]!;
        const size = large ? m[s + SPAN_LARGE_SIZE]! >>> 0 : m[s + SPAN_ELEMSIZE]!;
        const type = types[number - 1];
        if (type === undefined) throw new Error(`object without type ${number} in ${s}`);
        found.push({ addr: spanBase(m, s) + i * m[s + SPAN_ELEMSIZE]!, size, type });
      }
    });
    return found;
  }

  /** The value of every pointer slot of every live object, by the slot's address. */
  pointerSlots(): Map<number, number> {
    const { i32 } = this.#heap.memory;
    const slots = new Map<number, number>();
    for (const { addr, size, type } of this.objects()) {
      for (let at = addr; at + type.size <= addr + size; at += type.size) {
        for (const p of type.pointers) slots.set(at + p, i32[(at + p) >>> 2]! >>> 0);
      }
    }
    return slots;
  }

  /** The bytes of all spans of objects, by their base: also of free slots. */
  bytes(): Map<number, Uint8Array> {
    const { m } = this.#x;
    const bytes = new Map<number, Uint8Array>();
    this.#spans((s) =>
      bytes.set(spanBase(m, s), this.#heap.memory.u8.slice(spanBase(m, s), spanBase(m, s) + spanBytes(m, s))),
    );
    return bytes;
  }

  /** The first address whose byte is another now; −1 if all spans of then are as they were. */
  firstChange(before: ReadonlyMap<number, Uint8Array>): number {
    const { u8 } = this.#heap.memory;
    for (const [base, bytes] of before) {
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== u8[base + i]) return base + i;
    }
    return -1;
  }
}
