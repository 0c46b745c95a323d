// The collector's own words, read where they are: asking heap.stats() costs too much to be done between two operations.
import type { Heap } from '../../src/index.ts';
import { GC_GOAL, GC_HEAP_LIVE, GC_HEAP1, GC_MARKED, GC_PACER, GC_STARTED } from '../../src/layout/gc.ts';
import { PACER_HEAP_GOAL } from '../../src/layout/pacer.ts';

export interface Gauge {
  /** Cycles begun, and cycles whose marking is over. */
  readonly started: () => number;
  readonly marked: () => number;
  readonly marking: () => boolean;
  /** Bytes, now. */
  readonly heapLive: () => number;
  /** Bytes that were there when the last marking ended. */
  readonly peak: () => number;
  /** Bytes that the cycle which began last is to keep to. */
  readonly goal: () => number;
  /** Bytes that the heap is to keep to from now on. */
  readonly nextGoal: () => number;
}

const UNIT = 8;

export function gaugeOf(heap: Heap): Gauge {
  const { meta } = heap.share();
  const words = new Int32Array(meta);
  const doubles = new Float64Array(meta);
  return {
    started: () => words[GC_STARTED]!,
    marked: () => words[GC_MARKED]!,
    marking: () => words[GC_STARTED] !== words[GC_MARKED],
    heapLive: () => words[GC_HEAP_LIVE]! * UNIT,
    peak: () => doubles[GC_HEAP1 >>> 1]!,
    goal: () => doubles[GC_GOAL >>> 1]!,
    nextGoal: () => doubles[(GC_PACER >>> 1) + PACER_HEAP_GOAL]!,
  };
}
