/**
 * Numbers of the whole heap, from the span records: O(spans). Does not stop the world: while other threads allocate,
 * the parts belong to slightly different moments.
 */
import type { SpanRef, Words } from '../base/brand.ts';
import { PAGE_SIZE, TINY_SIZE } from '../layout/constants.ts';
import { H_GROWN_PAGES, H_PAGES_IN_USE, H_PEAK_PAGES, H_PROCS, H_RELEASED_PAGES } from '../layout/header.ts';
import { TM_BAD_DEFERRED, TM_LARGE_ALLOCS, TM_LARGE_FREES, TM_REFILLS, TM_REMOTE_FREES } from '../layout/proc.ts';
import {
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
} from '../layout/span.ts';
import { isLargeClass, isNoscan, makeSpanClass, sizeClassOf } from '../layout/span-class.ts';
import type { MHeap } from '../spans/mheap.ts';
import { countLive, eachSpan } from '../spans/mspan.ts';
import { tinyMaskWord } from '../spans/tiny-mask.ts';
import { sumMeter } from '../threads/stop-the-world.ts';
import { type GCStats, readGCStats } from './gc-stats.ts';
import { metadataBytes } from './sys-memory.ts';

/** One span class; size class 0 stands for all large objects. All sizes in bytes. */
export interface ClassStats {
  readonly sizeClass: number;
  /** Bytes of a slot; 0 for large objects. */
  readonly size: number;
  readonly noscan: boolean;
  readonly spans: number;
  readonly spanBytes: number;
  /** Live slots. A tiny block counts once. */
  readonly objects: number;
  readonly liveBytes: number;
  readonly freeSlots: number;
  readonly freeSlotBytes: number;
  /** Ends of spans that are too short for another slot; of large objects, the rest of their last page. */
  readonly tailBytes: number;
}

/** What `heap.stats()` returns: sizes in bytes, counts since the heap was made, all threads together. */
export interface HeapStats {
  /** The reservation. */
  readonly maxBytes: number;
  /** Bytes in spans in use (Go: HeapInuse), and the most there ever were. */
  readonly heapInUseBytes: number;
  readonly peakHeapBytes: number;
  /** Bytes of the reservation that the page allocator knows (Go: HeapSys). */
  readonly heapSysBytes: number;
  /** Bytes of heapSysBytes that are free pages (Go: HeapIdle), page caches included. */
  readonly freePageBytes: number;
  /** Bytes of free pages whose memory is not there: never touched, or given back to the OS (Go: HeapReleased). */
  readonly heapReleasedBytes: number;
  /** Bytes of allocator memory in use: header, thread records, page maps, bits, records. */
  readonly metadataBytes: number;
  /**
   * heapInUseBytes = liveBytes + freeSlotBytes + tailBytes + manualBytes. What the collector has not swept yet counts as
   * live.
   */
  readonly liveBytes: number;
  readonly freeSlotBytes: number;
  readonly tailBytes: number;
  readonly manualBytes: number;
  readonly liveObjects: number;
  /** Attached threads. */
  readonly threads: number;
  /** Counts since the heap was made. */
  readonly largeAllocs: number;
  readonly largeFrees: number;
  /** Spans taken by mcaches. */
  readonly refills: number;
  /** Frees noted for another thread, and such notes that turned out to be second frees of one object. */
  readonly remoteFrees: number;
  readonly badRemoteFrees: number;
  /** What the collector does and has done. */
  readonly gc: GCStats;
  /** Classes that have spans, by size class. */
  readonly classes: readonly ClassStats[];
}

interface Sum {
  spans: number;
  spanBytes: number;
  objects: number;
  slots: number;
  liveBytes: number;
  tailBytes: number;
  size: number;
}

export function readStats(heap: MHeap): HeapStats {
  const { mem } = heap.t;
  const { m, plan } = mem;
  const grown = m[H_GROWN_PAGES];
  const sums = new Map<number, Sum>();
  let manualBytes = 0;
  eachSpan(mem, grown, (s) => {
    if (m[s + SPAN_STATE] === SPAN_STATE_MANUAL) manualBytes += m[s + SPAN_NPAGES] * PAGE_SIZE;
    else if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) addSpan(heap, s, sums);
  });
  const classes = [...sums].sort(([a], [b]) => a - b).map(([spanClass, sum]) => classStats(spanClass, sum));
  const total = (pick: (c: ClassStats) => number): number => classes.reduce((n, c) => n + pick(c), 0);
  return {
    maxBytes: plan.pages * PAGE_SIZE,
    heapInUseBytes: total((c) => c.spanBytes) + manualBytes,
    peakHeapBytes: Atomics.load(m, H_PEAK_PAGES) * PAGE_SIZE,
    heapSysBytes: grown * PAGE_SIZE,
    freePageBytes: Math.max(0, grown - Atomics.load(m, H_PAGES_IN_USE)) * PAGE_SIZE,
    heapReleasedBytes: m[H_RELEASED_PAGES] * PAGE_SIZE,
    metadataBytes: metadataBytes(mem),
    liveBytes: total((c) => c.liveBytes),
    freeSlotBytes: total((c) => c.freeSlotBytes),
    tailBytes: total((c) => c.tailBytes),
    manualBytes,
    liveObjects: total((c) => c.objects),
    threads: m[H_PROCS],
    largeAllocs: sumMeter(mem, TM_LARGE_ALLOCS),
    largeFrees: sumMeter(mem, TM_LARGE_FREES),
    refills: sumMeter(mem, TM_REFILLS),
    remoteFrees: sumMeter(mem, TM_REMOTE_FREES),
    badRemoteFrees: sumMeter(mem, TM_BAD_DEFERRED),
    gc: readGCStats(heap),
    classes,
  };
}

function addSpan(heap: MHeap, s: SpanRef, sums: Map<number, Sum>): void {
  const { m } = heap.t.mem;
  const isTiny = m[s + SPAN_CLASS] === heap.tinySpanClass;
  // Tiny blocks count as what they are, pointer-free slots of 16 bytes.
  const spanClass = isTiny ? makeSpanClass(heap.classes.classOf(TINY_SIZE), true) : m[s + SPAN_CLASS];
  let sum = sums.get(spanClass);
  if (sum === undefined) {
    const size = isLargeClass(spanClass) ? 0 : m[s + SPAN_ELEMSIZE];
    sum = { spans: 0, spanBytes: 0, objects: 0, slots: 0, liveBytes: 0, tailBytes: 0, size };
    sums.set(spanClass, sum);
  }
  const bytes = m[s + SPAN_NPAGES] * PAGE_SIZE;
  const live = isTiny ? countTinyBlocks(m, s) : countLive(m, s);
  const nelems = m[s + SPAN_NELEMS];
  const slotBytes = isLargeClass(spanClass) ? m[s + SPAN_LARGE_SIZE] >>> 0 : m[s + SPAN_ELEMSIZE];
  sum.spans++;
  sum.spanBytes += bytes;
  sum.objects += live;
  sum.slots += nelems;
  sum.liveBytes += live * slotBytes;
  sum.tailBytes += bytes - nelems * slotBytes;
}

/** Blocks with objects in them: not the one that a thread fills, while it is empty. */
function countTinyBlocks(m: Words, s: SpanRef): number {
  let n = 0;
  for (let i = 0; i < m[s + SPAN_NELEMS]; i++) if (m[tinyMaskWord(m, s, i)] !== 0) n++;
  return n;
}

function classStats(spanClass: number, sum: Sum): ClassStats {
  return {
    sizeClass: sizeClassOf(spanClass),
    size: sum.size,
    noscan: isNoscan(spanClass),
    spans: sum.spans,
    spanBytes: sum.spanBytes,
    objects: sum.objects,
    liveBytes: sum.liveBytes,
    freeSlots: sum.slots - sum.objects,
    freeSlotBytes: sum.spanBytes - sum.liveBytes - sum.tailBytes,
    tailBytes: sum.tailBytes,
  };
}
