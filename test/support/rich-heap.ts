/**
 * A heap with something in every structure, for tests that break one of them: spans of all kinds on all lists, two
 * threads, spans without owner, frees that wait for their owner.
 */
import type { SpanRef } from '../../src/base/brand.ts';
import { attachHeap, createHeap, type Heap } from '../../src/index.ts';
import { H_EMPTY_SPAN } from '../../src/layout/header.ts';
import { MC_FULL_FIRST, MC_PARTIAL_FIRST, MC_SPAN, MC_WIN } from '../../src/layout/proc.ts';
import { SPAN_CLASS } from '../../src/layout/span.ts';
import { Internals } from './internals.ts';

const MB = 2 ** 20;

export class RichHeap {
  readonly heap: Heap;
  readonly other: Heap;
  /** Has never allocated. */
  readonly idle: Heap;
  readonly x: Internals;
  readonly m: Int32Array<ArrayBufferLike>;
  /** Objects with pointers, in two spans. */
  readonly scan: number;
  readonly lastScan: number;
  readonly tiny: number;
  readonly large: number;
  /** A full span of a thread that is gone, and a partial one. */
  readonly unownedFull: SpanRef;
  readonly unownedPartial: SpanRef;
  /** Span of `other` with a free that it has not taken yet. */
  readonly noted: SpanRef;
  /** Class record of 64-byte objects of `heap`'s thread: it has a window, a reuse stack, partial and full spans. */
  readonly c: number;

  constructor() {
    this.heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 4 });
    const { raw } = this.heap;
    this.x = new Internals(this.heap);
    this.m = this.x.m;
    const type = raw.type({ name: 'node', size: 48, pointers: [0] });
    this.other = attachHeap(this.heap.share());
    const gone = attachHeap(this.heap.share());
    const scans = Array.from({ length: 300 }, () => raw.mallocgc(48, type, true));
    this.scan = scans[3]!;
    this.lastScan = scans[299]!;
    const addrs = Array.from({ length: 700 }, () => raw.mallocgc(64, null, true));
    for (let i = 0; i < 300; i += 2) raw.free(addrs[i]!);
    // The stack was flushed once; used up, it leaves the class with a window again.
    while (this.m[this.x.classOf(this.heap.threadId, this.m[this.x.span(addrs[699]!) + SPAN_CLASS]!) + MC_WIN] === 0) {
      raw.mallocgc(64, null, true);
    }
    for (let i = 0; i < 20; i++) raw.free(addrs[400 + i]!);
    const tinies = [9, 3, 5, 8].map((size) => raw.mallocgc(size, null, true));
    this.tiny = tinies[0]!;
    this.large = raw.mallocgc(100_000, null, true);
    raw.mallocgc(50_000, type, true);
    const goneAddrs = Array.from({ length: 200 }, () => gone.raw.mallocgc(64, null, true));
    gone.detach();
    this.unownedFull = this.x.span(goneAddrs[0]!);
    this.unownedPartial = this.x.span(goneAddrs[199]!);
    const others = Array.from({ length: 100 }, () => this.other.raw.mallocgc(1024, null, true));
    raw.free(others[0]!);
    this.noted = this.x.span(others[0]!);
    this.c = this.x.classOf(this.heap.threadId, this.m[this.x.span(addrs[699]!) + SPAN_CLASS]!);
    this.idle = attachHeap(this.heap.share());
    raw.free(raw.mallocgc(600_000, null, true));
    this.heap.verify();
    for (const list of [MC_WIN, MC_SPAN, MC_PARTIAL_FIRST, MC_FULL_FIRST]) {
      const s = this.m[this.c + list]!;
      if (s === 0 || s === this.m[H_EMPTY_SPAN]) throw new Error(`the heap is poorer than thought: ${list}`);
    }
  }

  get current(): SpanRef {
    return this.m[this.c + MC_SPAN] as SpanRef;
  }

  get partial(): SpanRef {
    return this.m[this.c + MC_PARTIAL_FIRST] as SpanRef;
  }

  get full(): SpanRef {
    return this.m[this.c + MC_FULL_FIRST] as SpanRef;
  }
}
