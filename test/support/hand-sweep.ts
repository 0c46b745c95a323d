/**
 * A collection played by hand, for tests of special records: everything is dead but what the test says. It is a thread of
 * the heap of its own, which sweeps the specials of all spans and nothing else: the objects stay where they are.
 */
import type { SpanRef } from '../../src/base/brand.ts';
import type { Heap } from '../../src/index.ts';
import { H_GROWN_PAGES } from '../../src/layout/header.ts';
import {
  SPAN_ELEMSIZE,
  SPAN_GCMARK_BITS,
  SPAN_NELEMS,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../../src/layout/span.ts';
import { KIND_NAMES, SPECIAL_ADDR, SPECIAL_KIND, SPECIAL_NEXT } from '../../src/layout/special.ts';
import { readClasses } from '../../src/runtime/init.ts';
import type { MHeap } from '../../src/spans/mheap.ts';
import { eachSpan, spanBase, spanOf } from '../../src/spans/mspan.ts';
import { slotOf } from '../../src/spans/special-list.ts';
import { sweepSpecials } from '../../src/spans/specials.ts';
import type { Mem } from '../../src/sys/mem.ts';
import { attachProc } from '../../src/threads/attach.ts';
import { Internals } from './internals.ts';

export class HandSweep {
  readonly mem: Mem;
  readonly heap: MHeap;

  constructor(of: Heap) {
    this.mem = new Internals(of).mem;
    this.heap = attachProc(this.mem, readClasses(this.mem), { thread: 0, osThread: 0 }).heap;
  }

  #spans(): SpanRef[] {
    const { m } = this.mem;
    const spans: SpanRef[] = [];
    eachSpan(this.mem, m[H_GROWN_PAGES]!, (s) => {
      if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) spans.push(s);
    });
    return spans;
  }

  /** Sweeps; `alive` are addresses in the objects that were marked. Returns the addresses of slots that were revived. */
  collect(...alive: number[]): number[] {
    const { m } = this.mem;
    const revived: number[] = [];
    this.heap.t.enter();
    for (const s of this.#spans()) {
      const marks = m[s + SPAN_GCMARK_BITS]!;
      const here = new Set(alive.filter((a) => spanOf(this.mem, a) === s).map((a) => slotOf(m, s, a)));
      for (const i of here) m[(marks + i) >>> 5]! |= 1 << (marks + i);
      sweepSpecials(this.heap, s);
      for (let i = 0; i < m[s + SPAN_NELEMS]!; i++) {
        const bit = marks + i;
        if ((m[bit >>> 5]! & (1 << bit)) === 0) continue;
        if (!here.has(i)) revived.push(spanBase(m, s) + i * m[s + SPAN_ELEMSIZE]!);
        m[bit >>> 5]! &= ~(1 << bit);
      }
    }
    this.heap.t.leave();
    return revived;
  }

  /** The specials of the span around an address: offset from that address and kind. */
  list(addr: number): [number, string][] {
    const { m } = this.mem;
    const found: [number, string][] = [];
    for (let r = m[spanOf(this.mem, addr) + SPAN_SPECIALS]!; r !== 0; r = m[r + SPECIAL_NEXT]!) {
      found.push([(m[r + SPECIAL_ADDR]! >>> 0) - addr, KIND_NAMES[m[r + SPECIAL_KIND]!]!]);
    }
    return found;
  }
}
