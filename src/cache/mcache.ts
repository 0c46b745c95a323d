/**
 * A thread's cache of free slots (Go: `mcache`). See malloc/malloc.ts for the overview; the picture of the record is
 * in layout/proc.ts, that of a span's slots in layout/span.ts.
 *
 * For each span class the thread has one span it allocates from (`alloc`), and its other spans of the class on two
 * lists: `partial` (some slot free) and `full`. It owns them all: it alone sets and clears their allocation bits, with
 * plain stores. Invariants, at every safepoint:
 *
 *   alloc    any freeindex. 0 bits below it are in the window or on the reuse stack, those above are in the span
 *   partial  freeindex = 0 and allocCount < nelems: all 0 bits are in the span
 *   full     freeindex = nelems = allocCount: all 0 bits are on the reuse stack
 *
 *   partial, at its end: those that are empty (empty-spans.ts)
 *
 * A freed slot goes on the reuse stack of its class and is the next to be handed out (Go 1.26's `freegc` lists and
 * mimalloc's local free lists are the models). The stack is short, though in a heap without collector it may grow: when
 * it is full, all of it goes back to the spans (reuse-stacks.ts). Slots freed in a `partial` span, or above freeindex,
 * go back to the span directly.
 *
 * Unlike Go, a full span stays with its thread instead of going to mcentral: `free` then needs no lock. When a cycle of
 * the collector has marked, all spans of all threads go to mcentral, to be swept (cache/marking.ts). While it marks, the
 * slots of every window are marked when it is made, so whatever is allocated is black; the reuse stacks are off, for their
 * slots are in no window; and no span goes back to mheap, for a marker may be about to set a mark in it.
 *
 * All state is in shared memory and consistent at safepoints, so `releaseAll` may be run by another thread while this
 * one is stopped: the class works on whichever proc record it was made for.
 */
import { popcount32 } from '../base/bits.ts';
import { NIL, type ProcRef, type SpanClass, type SpanRef, type Words } from '../base/brand.ts';
import { reclaimPages } from '../central/reclaim.ts';
import { cacheSpan } from '../central/sweep.ts';
import { MAX_SPAN_CLASSES, PAGE_SHIFT } from '../layout/constants.ts';
import { GC_FREED_MARKING } from '../layout/gc.ts';
import { H_EMPTY_SPAN, H_SWEEPGEN, H_WRITE_BARRIER } from '../layout/header.ts';
import {
  MC_DIRECT,
  MC_FULL_COUNT,
  MC_FULL_FIRST,
  MC_LEFT,
  MC_METERS,
  MC_NEEDZERO,
  MC_PARTIAL_COUNT,
  MC_PARTIAL_FIRST,
  MC_SHIFT,
  MC_SIZE,
  MC_SPAN,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WIN_TYPES,
  MC_WIN_WORD,
  MC_WORDS,
  MT_DRAWN,
  MT_TAKEN,
  PROC_ASSIST,
  PROC_CLASSES,
  PROC_EMPTY_PAGES,
  PROC_FLUSH_GEN,
  PROC_ID,
  PROC_TINY,
  PROC_TINY_MASK,
  STACK_MASK,
  TM_REFILLS,
} from '../layout/proc.ts';
import {
  LIST_CACHED,
  LIST_PROC_FULL,
  LIST_PROC_PARTIAL,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_COUNTED,
  SPAN_DEFER,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_LIST,
  SPAN_NEEDZERO,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_SPECIALS,
  SPAN_SWEEPGEN,
  SPAN_TYPES,
} from '../layout/span.ts';
import { sizeClassOf } from '../layout/span-class.ts';
import { beginStats, count, emptyClass, endStats, foldDirect, statsCheckpoint } from '../spans/heap-stats.ts';
import { keepBits } from '../spans/held-bits.ts';
import type { MHeap } from '../spans/mheap.ts';
import { addLive, cacheTag, listPush, listRemove, spanBase, spanOf } from '../spans/mspan.ts';
import { stackStart } from '../spans/reuse-stack.ts';
import { countTiny } from '../spans/tiny-mask.ts';
import { KEEP_PAGES, makeRoom, settle, wantBack } from './empty-spans.ts';
import { blacken, unblacken } from './marking.ts';
import { makeStackRoom, resetStacks, wantSlots } from './reuse-stacks.ts';
import { giveBackSlots, initSampling, untilSample } from './sampling.ts';

/** Frees straight back into spans after which a refill moves them on: far from what 31 bits hold, and rarely reached. */
const FOLD_DIRECT = 1 << 20;

export class MCache {
  readonly heap: MHeap;
  /** The record this cache is: the thread's own, or that of a stopped thread which this thread flushes. */
  readonly ref: ProcRef;
  /** Class records start here. */
  readonly classes: number;
  /** Id of that thread. */
  readonly id: number;
  /** Mean bytes between two profile samples (Go: `MemProfileRate`); 0: none are taken. See sampling.ts. */
  sampleRate = 0;
  /** That of this thread's own hook, which it goes by instead of the heap's. */
  hookRate: number | undefined = undefined;
  /** Samples are so many times rarer than the heap's rate says: see observe/sample-budget.ts. */
  thinning = 1;
  /** The next object that is taken from a window is to be sampled. */
  sampleDue = false;
  /** Where the gaps between samples come from. */
  random: () => number = () => Math.random();
  /** Pages of empty spans that this thread keeps while it is alone, and how many it gave back: see empty-spans.ts. */
  keepPages = KEEP_PAGES;
  givenPages = 0;
  /** Bytes that the grown reuse stacks may hold back, and those flushed: see reuse-stacks.ts. */
  holdBytes = 0;
  flushedBytes = 0;
  /** Span classes whose stack has grown: all of them, and maybe such as others have made small since. */
  readonly grownClasses = new Set<number>();
  /** By span class: how many times more the stack is not asked to grow. */
  readonly refused = new Uint16Array(MAX_SPAN_CLASSES);
  /** How many times more they are not given up for one that wants to grow. */
  recordRefused = 0;
  /** By span class: how many slots had come from the stack when it was last full, and had all the room in the record. */
  readonly reusedWhenFull = new Float64Array(MAX_SPAN_CLASSES);
  private readonly m: Words;
  private readonly mf: Float64Array<ArrayBufferLike>;

  constructor(heap: MHeap, ref: ProcRef) {
    this.heap = heap;
    this.ref = ref;
    this.id = heap.t.mem.m[ref + PROC_ID];
    this.classes = ref + PROC_CLASSES;
    this.m = heap.t.mem.m;
    this.mf = heap.t.mem.mf;
  }

  /** Puts the record in the state of a thread that has nothing yet. */
  init(): void {
    const m = this.m;
    const { size } = this.heap.classes;
    beginStats(this.heap.t.mem, this.ref);
    for (let spanClass = 2; spanClass < this.heap.spanClasses; spanClass++) {
      const c = this.classRef(spanClass);
      this.mf[(c + MC_METERS + MT_DRAWN) >>> 1] -= m[c + MC_LEFT];
      m.fill(0, c, c + MC_WORDS);
      m[c + MC_SIZE] = size[sizeClassOf(spanClass)];
      m[c + MC_SPAN] = m[H_EMPTY_SPAN];
    }
    resetStacks(this, true);
    initSampling(this);
    endStats(this.heap.t.mem, this.ref);
    m[this.ref + PROC_FLUSH_GEN] = Atomics.load(m, H_SWEEPGEN);
  }

  /** Forgets all slots and spans, without a look at them. For repair, world stopped. */
  forget(): void {
    const m = this.m;
    beginStats(this.heap.t.mem, this.ref);
    for (let spanClass = 2; spanClass < this.heap.spanClasses; spanClass++) {
      const c = this.classRef(spanClass);
      emptyClass(this.heap.t.mem, this.ref, spanClass);
      m[c + MC_WIN] = 0;
      m[c + MC_TOP] = this.stackOf(c);
      m[c + MC_SPAN] = m[H_EMPTY_SPAN];
      m.fill(0, c + MC_PARTIAL_FIRST, c + MC_WORDS);
    }
    endStats(this.heap.t.mem, this.ref);
    m.fill(0, this.ref + PROC_TINY, this.ref + PROC_TINY_MASK + 1);
    m[this.ref + PROC_EMPTY_PAGES] = 0;
    this.setReuse(!this.marking);
  }

  spanOf(addr: number): SpanRef {
    return spanOf(this.heap.t.mem, addr);
  }

  /** First word of the reuse stack of the class with this record. */
  stackOf(c: number): number {
    return stackStart(this.m, this.ref, this.classOf(c));
  }

  /** Nothing is on the reuse stack of the class: the word below its first entry is 0. */
  isStackEmpty(c: number): boolean {
    return this.m[this.m[c + MC_TOP] - 2] === 0;
  }

  classRef(spanClass: number): number {
    return this.classes + spanClass * MC_WORDS;
  }

  /** Span class of a record. */
  classOf(c: number): SpanClass {
    return ((c - this.classes) >>> MC_SHIFT) as SpanClass;
  }

  /** For a thread that attaches while the collector marks. World lock held, nothing allocated yet. */
  joinCycle(): void {
    if (this.marking) this.setReuse(false);
    this.m[this.ref + PROC_FLUSH_GEN] = Atomics.load(this.m, H_SWEEPGEN);
  }

  /** Turns the reuse stacks on or off. Off, every freed slot goes back to its span at once; they must be empty. */
  setReuse(on: boolean): void {
    beginStats(this.heap.t.mem, this.ref);
    resetStacks(this, on);
    endStats(this.heap.t.mem, this.ref);
  }

  /**
   * Makes the window of this class hold at least one slot (Go: `nextFree` and `refill`): the next word of the span
   * that has free slots, then the next span. False when memory is out. Takes locks, does not poll. The reuse stack of the
   * class must be empty: it may be flushed on the way, and its slots of the old span would be on no list.
   */
  refill(spanClass: SpanClass): boolean {
    const m = this.m;
    const c = this.classRef(spanClass);
    while (!this.nextWindow(c)) {
      const old = m[c + MC_SPAN] as SpanRef;
      const s = this.#nextSpan(c, spanClass);
      if (s === NIL) return false;
      this.heap.t.pause('mcache.refill');
      if (old !== m[H_EMPTY_SPAN]) {
        listPush(m, c + MC_FULL_FIRST, old, LIST_PROC_FULL);
        m[c + MC_FULL_COUNT]++;
        if (spanClass === this.heap.tinySpanClass) countTiny(this.heap.t.mem, this.ref, old);
      }
      m[s + SPAN_LIST] = LIST_CACHED;
      m[c + MC_SPAN] = s;
      statsCheckpoint(this.heap.t.mem, this.ref);
      if (m[c + MC_DIRECT] > FOLD_DIRECT) this.#foldDirect(c, 0);
      count(this.heap.t.mem, this.ref, TM_REFILLS, 1);
    }
    this.heap.t.pause('mcache.window');
    return true;
  }

  /** Moves the window on to the next word with free slots. False when the span has none left. */
  nextWindow(c: number): boolean {
    const m = this.m;
    const s = m[c + MC_SPAN] as SpanRef;
    const nelems = m[s + SPAN_NELEMS];
    let from = m[s + SPAN_FREEINDEX];
    const bits = m[s + SPAN_ALLOC_BITS] >>> 5;
    const marks = this.marking ? m[s + SPAN_GCMARK_BITS] >>> 5 : 0;
    for (let w = from >>> 5; w << 5 < nelems; w++) {
      const rest = nelems - (w << 5);
      let free = ~m[bits + w] & (-1 << from);
      // What was freed while the collector marks is marked, and not handed out before it has marked all.
      if (marks !== 0) free &= ~m[marks + w];
      if (rest < 32) free &= (1 << rest) - 1;
      from = 0;
      if (free === 0) continue;
      let next = rest < 32 ? nelems : (w + 1) << 5;
      let taken = popcount32(free);
      const left = m[c + MC_LEFT];
      if (taken <= left) {
        m[c + MC_LEFT] = left - taken;
      } else {
        free = untilSample(this, c, free);
        taken = popcount32(free);
        next = (w << 5) + 32 - Math.clz32(free);
      }
      m[c + MC_WIN_WORD] = bits + w;
      m[c + MC_WIN_ADDR] = m[s + SPAN_BASE] + (w << 5) * m[c + MC_SIZE];
      m[c + MC_WIN_TYPES] = m[s + SPAN_TYPES] + (w << 5);
      m[c + MC_NEEDZERO] = m[s + SPAN_NEEDZERO];
      m[s + SPAN_FREEINDEX] = next;
      m[s + SPAN_ALLOC_COUNT] += taken;
      // Before the window: a reader that sees the one without the other takes free slots for used ones, and not the reverse.
      this.mf[(c + MC_METERS + MT_TAKEN) >>> 1] += taken;
      if (marks !== 0) {
        keepBits(this.heap.t.mem, bits + w);
        blacken(this.heap.t.mem, s, w, free);
      }
      m[c + MC_WIN] = free;
      return true;
    }
    m[s + SPAN_FREEINDEX] = nelems;
    return false;
  }

  /** No span may go back to mheap now: see above. */
  get marking(): boolean {
    return this.m[H_WRITE_BARRIER] !== 0;
  }

  /** A span with free slots: an own one, one of mcentral, a new one. Owned, on no list. */
  #nextSpan(c: number, spanClass: SpanClass): SpanRef {
    const m = this.m;
    const { heap } = this;
    const own = m[c + MC_PARTIAL_FIRST] as SpanRef;
    if (own !== NIL) {
      listRemove(m, c + MC_PARTIAL_FIRST, own);
      m[c + MC_PARTIAL_COUNT]--;
      wantSlots(this, (m[own + SPAN_NELEMS] - m[own + SPAN_ALLOC_COUNT]) * m[c + MC_SIZE]);
      if (m[own + SPAN_ALLOC_COUNT] === 0) m[this.ref + PROC_EMPTY_PAGES] -= m[own + SPAN_NPAGES];
      return own;
    }
    let s = cacheSpan(heap, spanClass);
    const isNew = s === NIL;
    if (isNew) {
      const npages = heap.classes.npages[sizeClassOf(spanClass)];
      reclaimPages(heap, npages);
      makeRoom(this, npages);
      wantBack(this, npages);
      s = heap.alloc(npages, spanClass);
    }
    if (s !== NIL) {
      m[s + SPAN_OWNER] = this.id;
      if (spanClass !== heap.tinySpanClass) {
        // Nobody else knows an address of a new one.
        if (isNew) m[s + SPAN_CACHE] = c | cacheTag(m);
        else this.#openFast(c, s);
      }
      const fresh = m[s + SPAN_NELEMS] - m[s + SPAN_COUNTED];
      addLive(m, s, fresh);
      // What the thread allocates while the collector marks, it owes marking for.
      if (this.marking) heap.t.mem.mf[(this.ref + PROC_ASSIST) >>> 1] -= fresh * m[s + SPAN_ELEMSIZE];
      m[s + SPAN_COUNTED] = m[s + SPAN_NELEMS];
      // Cached after it was swept: G+3 of the generation that it was swept in (see Go's mspan.sweepgen).
      m[s + SPAN_SWEEPGEN] = m[H_SWEEPGEN] + 3;
    }
    return s;
  }

  /**
   * Lets the fast path of `free` at a span, unless it has specials, or other threads free in it. One that begins to stores
   * `defer` first and 0 here afterwards; so whoever of the two comes second sees the other, and 0 is what stays.
   */
  #openFast(c: number, s: SpanRef): void {
    const m = this.m;
    if (m[s + SPAN_SPECIALS] !== NIL) return;
    Atomics.store(m, s + SPAN_CACHE, c | cacheTag(m));
    if (Atomics.load(m, s + SPAN_DEFER) !== NIL) m[s + SPAN_CACHE] = 0;
  }

  /** An own span has lost specials: if they were all, the fast path of `free` may come again. */
  reopen(s: SpanRef): void {
    const m = this.m;
    if (m[s + SPAN_CACHE] === 0 && m[s + SPAN_DEFER] === NIL && m[s + SPAN_CLASS] !== this.heap.tinySpanClass) {
      this.#openFast(this.classRef(m[s + SPAN_CLASS]), s);
    }
  }

  /**
   * Takes back a live slot of an own span: clears its bit and puts it on the reuse stack, or back into the span. What may
   * wait for a lock comes first: between the bit and the stack a reaper would count the slot as neither live nor freed.
   */
  freeSlot(s: SpanRef, index: number): void {
    const m = this.m;
    const c = this.classRef(m[s + SPAN_CLASS]);
    const bitIndex = m[s + SPAN_ALLOC_BITS] + index;
    if (index < m[s + SPAN_FREEINDEX] && (m[c + MC_TOP] & STACK_MASK) === 0 && !makeStackRoom(this, c)) {
      this.flushClass(c);
      this.#beginReturn(c, s);
    }
    if (this.marking) {
      keepBits(this.heap.t.mem, bitIndex >>> 5);
      // It may be marked from here on by who has its address in hand, as a root that has gone meanwhile: no zombie.
      Atomics.store(m, GC_FREED_MARKING, 1);
    }
    m[bitIndex >>> 5] &= ~(1 << bitIndex);
    if (index < m[s + SPAN_FREEINDEX]) {
      const top = m[c + MC_TOP];
      m[top] = spanBase(m, s) + index * m[s + SPAN_ELEMSIZE];
      m[top + 1] = bitIndex;
      m[c + MC_TOP] = top + 2;
    } else {
      m[s + SPAN_NEEDZERO] = 1;
      m[s + SPAN_ALLOC_COUNT]--;
      m[c + MC_DIRECT]++;
      settle(this, c, s);
    }
  }

  /**
   * Returns every slot of a class that the thread holds outside of its spans: the reuse stack's, and the window's if
   * the stack has slots of the span allocated from (or if `all`). It takes neighbours on the stack that are of one span
   * together.
   */
  flushClass(c: number, all = false): void {
    const { m } = this;
    const { spans } = this.heap.t.mem.plan;
    const top = m[c + MC_TOP];
    const stack = this.stackOf(c);
    if (all) this.#dropWindow(c);
    // Before anything else: an empty span must not be freed while the stack names its slots.
    this.#foldDirect(c, (top - stack) >>> 1);
    let i = stack;
    while (i < top) {
      const s = m[spans + (m[i] >>> PAGE_SHIFT)] as SpanRef;
      const base = m[s + SPAN_BASE];
      const bytes = m[s + SPAN_NPAGES] << PAGE_SHIFT;
      const from = i;
      do i += 2;
      while (i < top && (m[i] - base) >>> 0 < bytes);
      this.#beginReturn(c, s);
      m[s + SPAN_ALLOC_COUNT] -= (i - from) >>> 1;
      settle(this, c, s);
    }
  }

  /** Counts what `free` has put straight back, and `slots` that are taken off the reuse stack: all of them. */
  #foldDirect(c: number, slots: number): void {
    beginStats(this.heap.t.mem, this.ref);
    foldDirect(this.heap.t.mem, this.ref, this.classOf(c), slots);
    if (slots > 0) this.m[c + MC_TOP] = this.stackOf(c);
    endStats(this.heap.t.mem, this.ref);
  }

  /** The window's slots are the span's again, and it is looked through from its start. */
  #dropWindow(c: number): void {
    const { m } = this;
    const s = m[c + MC_SPAN];
    if (m[s + SPAN_FREEINDEX] === 0) return;
    const free = popcount32(m[c + MC_WIN]);
    if (this.marking) unblacken(this.heap.t.mem, c);
    beginStats(this.heap.t.mem, this.ref);
    m[c + MC_WIN] = 0;
    this.mf[(c + MC_METERS + MT_TAKEN) >>> 1] -= free;
    endStats(this.heap.t.mem, this.ref);
    m[s + SPAN_ALLOC_COUNT] -= free;
    giveBackSlots(m, c, free);
    m[s + SPAN_FREEINDEX] = 0;
  }

  /** Makes a span ready to take slots back that its owner held. */
  #beginReturn(c: number, s: SpanRef): void {
    const { m } = this;
    m[s + SPAN_NEEDZERO] = 1;
    if (m[s + SPAN_LIST] === LIST_PROC_FULL) {
      m[s + SPAN_FREEINDEX] = 0;
      listRemove(m, c + MC_FULL_FIRST, s);
      m[c + MC_FULL_COUNT]--;
      listPush(m, c + MC_PARTIAL_FIRST, s, LIST_PROC_PARTIAL);
      m[c + MC_PARTIAL_COUNT]++;
    } else if (m[s + SPAN_LIST] === LIST_CACHED) {
      this.#dropWindow(c);
    }
  }
}
