/**
 * The page heap (Go: `mheap`): turns pages into spans and back. See malloc/malloc.ts for the overview.
 *
 * Who owns what:
 * - a span record and the pages of its span belong to the thread that allocates it until SPAN_STATE is stored; that
 *   store publishes the span. Other threads reach it only through an address they were given afterwards.
 * - going back, the thread stores SPAN_STATE_FREEING with its id in SPAN_OWNER before it lets go of the span's list,
 *   and keeps it until the pages are free. So at every moment a span is on a list, in somebody's hand with his id on
 *   it, or free, and whoever reaps a dead thread can tell which.
 * - records and pages that a thread holds in advance (span cache, page cache) are in its proc record.
 *
 * The heap lock is taken only when those run out, when pages are freed, or when the heap grows. Nothing here polls.
 */
import { roundUp } from '../base/bits.ts';
import { NIL, type ProcRef, type Ref, type SpanClass, type SpanRef, type Words } from '../base/brand.ts';
import { fatal } from '../base/fatal.ts';
import {
  ARENA_PAGES,
  CHUNK_PAGES,
  PAGE_CACHE_MAX_REQUEST,
  PAGE_CACHE_PAGES,
  PAGE_SHIFT,
  PAGE_SIZE,
} from '../layout/constants.ts';
import { FIX_DEFERS, FIX_SPANS, FIX_TABLES, FIX_TINY_TABLES } from '../layout/fixalloc.ts';
import { GC_HEAP_LIVE } from '../layout/gc.ts';
import {
  H_BITS_EPOCH,
  H_GROWN_PAGES,
  H_HEAP_LOCK,
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_SWEEPGEN,
  H_TINY,
  H_TRACE,
} from '../layout/header.ts';
import {
  PC_BASE,
  PC_FREE_HI,
  PC_FREE_LO,
  PC_LAST_SCAV,
  PROC_PAGE_CACHE,
  PROC_SPAN_CACHE,
  PROC_SPAN_CACHE_LEN,
  SPAN_CACHE_MAX,
  TM_IN_HEAP,
  TM_IN_STACKS,
  TM_MAPPED,
  TM_RELEASED,
} from '../layout/proc.ts';
import {
  LIST_NONE,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_BITS_EPOCH,
  SPAN_BITS_WORDS,
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_COUNTED,
  SPAN_DEFER,
  SPAN_DIV,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_INVERSE,
  SPAN_LARGE_SIZE,
  SPAN_LIST,
  SPAN_NEEDZERO,
  SPAN_NELEMS,
  SPAN_NEXT,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_DEAD,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_SWEEPGEN,
  SPAN_TABLE,
  SPAN_TABLE_CLASS,
  SPAN_TINY_COUNTED,
  SPAN_TYPES,
  SPAN_TYPES_LESS_BITS,
} from '../layout/span.ts';
import { isLargeClass, isNoscan, makeSpanClass, sizeClassOf } from '../layout/span-class.ts';
import { EV_GROW, EV_SPAN_ALLOC, EV_SPAN_FREE, FLAG_MANUAL, SPAN_CLASS_SHIFT } from '../layout/trace.ts';
import { PageAlloc } from '../pages/page-alloc.ts';
import { allocToCache, cacheAlloc, cacheFree, flushCache, mayFillCache } from '../pages/page-cache.ts';
import { storeRelease } from '../sync/fence.ts';
import type { Proc } from '../sync/proc.ts';
import { allocBits, bitsWords, tryAllocBits } from './bits-arena.ts';
import { fixAlloc, fixFree } from './fixalloc.ts';
import { beginStats, count, endStats } from './heap-stats.ts';
import type { SpanHooks } from './hooks.ts';
import { addLive, spanBase } from './mspan.ts';
import type { SizeClassTable } from './size-classes.ts';

/** Records taken at once when the thread has none left. */
const SPAN_CACHE_REFILL = SPAN_CACHE_MAX >>> 1;

export class MHeap {
  readonly t: Proc;
  readonly classes: SizeClassTable;
  readonly pages: PageAlloc;
  /** Span class of tiny blocks, which no size maps to; −1 when they are off. */
  readonly tinySpanClass: number;
  /** Span classes are below this. */
  readonly spanClasses: number;
  hooks: SpanHooks = {};
  /** Wired by `runtime`: collects when memory is out. False: nothing was freed. In a region, at a safepoint. */
  collect: () => boolean = () => false;
  private readonly m: Words;
  private readonly cache: number;
  /** Pages without memory among those that `#allocPages` has found last. */
  private fresh = 0;

  constructor(t: Proc, classes: SizeClassTable) {
    this.t = t;
    this.classes = classes;
    this.pages = new PageAlloc(t.mem);
    this.m = t.mem.m;
    this.cache = t.ref + PROC_PAGE_CACHE;
    this.tinySpanClass = t.mem.m[H_TINY] === 0 ? -1 : makeSpanClass(classes.tinyClass, true);
    this.spanClasses = classes.tinyClass * 2 + 2;
  }

  /**
   * A span of `npages` pages for objects of `spanClass` (class 0: one large object), in use and published, on no list
   * and without owner. Nil when memory is out: the reservation's, or that of the metadata.
   */
  alloc(npages: number, spanClass: SpanClass): SpanRef {
    this.t.callOuts.refuseInHook('mallocgc');
    const s = this.#takeRecord();
    if (s === NIL) return s;
    this.t.pause('span.record');
    const nelems = isLargeClass(spanClass) ? 1 : this.classes.nelems[sizeClassOf(spanClass)];
    if (!this.#prepareBits(s, nelems) || !this.#prepareTable(s, spanClass)) {
      this.#putRecord(s);
      return NIL as SpanRef;
    }
    this.t.pause('span.bits');
    const page = this.#allocPages(npages);
    if (page < 0) {
      this.#putRecord(s);
      return NIL as SpanRef;
    }
    const m = this.m;
    const size = isLargeClass(spanClass) ? npages * PAGE_SIZE : this.classes.size[sizeClassOf(spanClass)];
    m[s + SPAN_CLASS] = spanClass;
    m[s + SPAN_NELEMS] = nelems;
    m[s + SPAN_ELEMSIZE] = size;
    m[s + SPAN_DIV] = this.classes.div[sizeClassOf(spanClass)];
    // Of a large object: no type yet.
    m[s + SPAN_INVERSE] = this.classes.inverse[sizeClassOf(spanClass)];
    this.#initSpan(s, page, npages, SPAN_STATE_IN_USE);
    if (m[H_TRACE] !== 0) this.#traceSpan(EV_SPAN_ALLOC, 0, s);
    if (this.hooks.onSpanAlloc !== undefined) this.hooks.onSpanAlloc(s);
    return s;
  }

  /**
   * Pages that this thread manages by hand (Go: `allocManual`): never swept. They carry its id, and are freed with it
   * when it dies.
   */
  allocManual(npages: number): SpanRef {
    if (this.t.callOuts.isInHand) this.t.callOuts.refuseInHook('room for references');
    const s = this.#takeRecord();
    if (s === NIL) return s;
    const page = this.#allocPages(npages);
    if (page < 0) {
      this.#putRecord(s);
      return NIL as SpanRef;
    }
    const m = this.m;
    m[s + SPAN_CLASS] = 0;
    m[s + SPAN_NELEMS] = 0;
    m[s + SPAN_ELEMSIZE] = npages * PAGE_SIZE;
    this.#initSpan(s, page, npages, SPAN_STATE_MANUAL);
    if (m[H_TRACE] !== 0) this.#traceSpan(EV_SPAN_ALLOC, FLAG_MANUAL, s);
    return s;
  }

  freeManual(s: SpanRef): void {
    if (Atomics.compareExchange(this.m, s + SPAN_STATE, SPAN_STATE_MANUAL, SPAN_STATE_FREEING) !== SPAN_STATE_MANUAL) {
      fatal('freeManual of a span that is not manual');
    }
    this.free(s, FLAG_MANUAL);
  }

  /**
   * Gives the pages of an empty span back. The caller made it FREEING in its own name and took it off its list. Pages of
   * the block that the thread's page cache holds go there, without a lock. `flags`: of the event in a trace.
   */
  free(s: SpanRef, flags = 0): void {
    const { t } = this;
    const m = this.m;
    if (m[H_TRACE] !== 0) this.#traceSpan(EV_SPAN_FREE, flags, s);
    if (this.hooks.onSpanFree !== undefined) this.hooks.onSpanFree(s);
    t.pause('span.free');
    addLive(m, s, -m[s + SPAN_COUNTED]);
    m[s + SPAN_COUNTED] = 0;
    const page = spanBase(m, s) >>> PAGE_SHIFT;
    const npages = m[s + SPAN_NPAGES];
    const room = m[t.ref + PROC_SPAN_CACHE_LEN] < SPAN_CACHE_MAX;
    if (m[s + SPAN_DEFER] === NIL && room && this.#inPageCache(page, npages)) {
      this.#forgetSpan(s, page, npages);
      cacheFree(t.mem, this.cache, page, npages);
      t.pause('pageCache.free');
      this.#keepRecord(s);
      return;
    }
    t.lock(H_HEAP_LOCK);
    const defer = m[s + SPAN_DEFER];
    if (defer !== NIL) {
      m[s + SPAN_DEFER] = NIL;
      fixFree(t, FIX_DEFERS + sizeClassOf(m[s + SPAN_CLASS]), defer as Ref);
    }
    this.#forgetSpan(s, page, npages);
    this.pages.free(page, npages);
    t.pause('pageAlloc.free');
    if (!this.#keepRecord(s)) fixFree(t, FIX_SPANS, s);
    t.unlock(H_HEAP_LOCK);
  }

  #traceSpan(kind: number, flags: number, s: SpanRef): void {
    const m = this.m;
    const pages = m[s + SPAN_NPAGES] | (m[s + SPAN_CLASS] << SPAN_CLASS_SHIFT);
    this.t.trace.event(kind, flags, m[s + SPAN_BASE], pages, m[GC_HEAP_LIVE], m[H_PAGES_IN_USE]);
  }

  #inPageCache(page: number, npages: number): boolean {
    const m = this.m;
    const first = page - m[this.cache + PC_BASE];
    if (npages >= PAGE_CACHE_MAX_REQUEST || first < 0 || first + npages > PAGE_CACHE_PAGES) return false;
    return (m[this.cache + PC_FREE_LO] | m[this.cache + PC_FREE_HI]) !== 0;
  }

  /** Takes a span out of the page maps; its pages are still in use. */
  #forgetSpan(s: SpanRef, page: number, npages: number): void {
    const m = this.m;
    const { plan } = this.t.mem;
    Atomics.and(m, plan.pageInUse + (page >>> 5), ~(1 << page));
    Atomics.and(m, plan.pageMarks + (page >>> 5), ~(1 << page));
    for (let p = plan.spans + page, end = p + npages; p < end; p++) {
      m[p] = NIL;
      this.t.pause('span.forget');
    }
    Atomics.sub(m, H_PAGES_IN_USE, npages);
    this.#countSpan(s, -npages, 0);
    m[s + SPAN_OWNER] = 0;
    Atomics.store(m, s + SPAN_STATE, SPAN_STATE_DEAD);
  }

  /** Gives back the page cache and the spare records of a thread: this one, or one that is stopped. */
  flush(ref: ProcRef): void {
    const m = this.m;
    const { t } = this;
    t.lock(H_HEAP_LOCK);
    flushCache(this.pages, ref + PROC_PAGE_CACHE);
    while (m[ref + PROC_SPAN_CACHE_LEN] > 0) {
      const n = --m[ref + PROC_SPAN_CACHE_LEN];
      fixFree(t, FIX_SPANS, m[ref + PROC_SPAN_CACHE + n] as Ref);
    }
    t.unlock(H_HEAP_LOCK);
  }

  #initSpan(s: SpanRef, page: number, npages: number, state: number): void {
    const m = this.m;
    const { plan } = this.t.mem;
    m[s + SPAN_BASE] = page << PAGE_SHIFT;
    m[s + SPAN_NPAGES] = npages;
    m[s + SPAN_OWNER] = state === SPAN_STATE_MANUAL ? this.t.id : 0;
    m[s + SPAN_CACHE] = 0;
    m[s + SPAN_FREEINDEX] = 0;
    m[s + SPAN_ALLOC_COUNT] = 0;
    m[s + SPAN_NEEDZERO] = this.#allocNeedsZero(page, npages) ? 1 : 0;
    m[s + SPAN_NEXT] = NIL;
    m[s + SPAN_PREV] = NIL;
    m[s + SPAN_LIST] = LIST_NONE;
    // SPAN_REMOTE_* stay as they are: the record may still be on a stack of deferred frees (see cache/defer.ts).
    m[s + SPAN_DEFER] = NIL;
    m[s + SPAN_SPECIALS] = NIL;
    m[s + SPAN_LARGE_SIZE] = 0;
    m[s + SPAN_COUNTED] = 0;
    m[s + SPAN_SWEEPGEN] = m[H_SWEEPGEN];
    for (let p = plan.spans + page, end = p + npages; p < end; p++) m[p] = s;
    if (state === SPAN_STATE_IN_USE) Atomics.or(m, plan.pageInUse + (page >>> 5), 1 << page);
    this.#countPages(npages);
    this.#countSpan(s, npages, -this.fresh);
    this.t.pause('span.publish');
    storeRelease(m, s + SPAN_STATE, state);
  }

  /** In the books: `npages` more in spans of this kind, `fresh` more without memory. */
  #countSpan(s: SpanRef, npages: number, fresh: number): void {
    const { mem, ref } = this.t;
    const isManual = mem.m[s + SPAN_NELEMS] === 0;
    beginStats(mem, ref);
    this.t.pause('stats');
    count(mem, ref, isManual ? TM_IN_STACKS : TM_IN_HEAP, npages * PAGE_SIZE);
    count(mem, ref, TM_RELEASED, fresh * PAGE_SIZE);
    endStats(mem, ref);
  }

  #countPages(npages: number): void {
    const m = this.m;
    const now = Atomics.add(m, H_PAGES_IN_USE, npages) + npages;
    for (let peak = m[H_PEAK_PAGES]; now > peak; ) {
      const seen = Atomics.compareExchange(m, H_PEAK_PAGES, peak, now);
      if (seen === peak) break;
      peak = seen;
    }
  }

  /** Pages for a span; -1 when the reservation is used up. */
  #allocPages(npages: number): number {
    const m = this.m;
    const { t, pages } = this;
    if (npages < PAGE_CACHE_MAX_REQUEST) {
      let page = this.#allocCached(npages);
      if (page >= 0) return page;
      if ((m[this.cache + PC_FREE_LO] | m[this.cache + PC_FREE_HI]) === 0 && mayFillCache(t.mem)) {
        t.lock(H_HEAP_LOCK);
        const filled = allocToCache(pages, this.cache);
        t.pause('pageCache.fill');
        t.unlock(H_HEAP_LOCK);
        if (filled) page = this.#allocCached(npages);
        if (page >= 0) return page;
      }
    }
    t.lock(H_HEAP_LOCK);
    let page = pages.alloc(npages);
    let grown = 0;
    while (page < 0) {
      const n = this.#grow(npages);
      if (n === 0) break;
      grown += n;
      t.pause('mheap.grow');
      page = pages.alloc(npages);
    }
    t.pause('pageAlloc.alloc');
    this.fresh = pages.scavengedPages;
    t.unlock(H_HEAP_LOCK);
    if (grown === 0) return page;
    if (m[H_TRACE] !== 0) t.trace.event(EV_GROW, 0, m[H_GROWN_PAGES] - grown, grown, 0, 0);
    if (this.hooks.onGrow !== undefined) this.hooks.onGrow(m[H_GROWN_PAGES] - grown, grown);
    return page;
  }

  #allocCached(npages: number): number {
    const page = cacheAlloc(this.t.mem, this.cache, npages);
    this.t.pause('pageCache.alloc');
    this.fresh = this.m[this.cache + PC_LAST_SCAV];
    return page;
  }

  /** Makes more of the reservation known, in whole chunks (Go: `mheap.grow`). Returns the pages added. Lock: mheap. */
  #grow(npages: number): number {
    const m = this.m;
    const { plan } = this.t.mem;
    const from = m[H_GROWN_PAGES];
    const to = Math.min(from + roundUp(npages, CHUNK_PAGES), plan.pages);
    if (to <= from) return 0;
    this.pages.grow(from, to - from);
    m[H_GROWN_PAGES] = to;
    // Page 0 is never handed out, so that address 0 is nil.
    if (from === 0) this.pages.allocRange(0, 1);
    const { mem, ref } = this.t;
    beginStats(mem, ref);
    count(mem, ref, TM_MAPPED, (to - from) * PAGE_SIZE);
    count(mem, ref, TM_RELEASED, (to - Math.max(from, 1)) * PAGE_SIZE);
    endStats(mem, ref);
    return to - from;
  }

  /**
   * Whether the memory may hold old data (Go: `allocNeedsZero`). Each arena has a mark below which pages were used;
   * first fit by address keeps it dense. Compare-and-exchange, because threads with page caches race here.
   */
  #allocNeedsZero(page: number, npages: number): boolean {
    const m = this.m;
    const { plan } = this.t.mem;
    let needzero = false;
    while (npages > 0) {
      const word = plan.zeroedBase + Math.floor(page / ARENA_PAGES);
      const first = page % ARENA_PAGES;
      const end = Math.min(first + npages, ARENA_PAGES);
      // Only grows: an old value is found out by the exchange.
      let zeroed = m[word];
      if (first < zeroed) needzero = true;
      while (end > zeroed) {
        const seen = Atomics.compareExchange(m, word, zeroed, end);
        if (seen === zeroed) break;
        zeroed = seen;
        if (first < zeroed) needzero = true;
      }
      npages -= end - first;
      page += end - first;
    }
    return needzero;
  }

  /** A record to make a span of: the thread's own, or several new ones under the lock. */
  #takeRecord(): SpanRef {
    const m = this.m;
    const { t } = this;
    const len = t.ref + PROC_SPAN_CACHE_LEN;
    const cache = t.ref + PROC_SPAN_CACHE;
    if (m[len] === 0) {
      t.lock(H_HEAP_LOCK);
      for (let i = 0; i < SPAN_CACHE_REFILL; i++) {
        const s = fixAlloc(t, FIX_SPANS);
        if (s === NIL) break;
        m[cache + m[len]] = s;
        m[len] = m[len] + 1;
      }
      t.unlock(H_HEAP_LOCK);
      if (m[len] === 0) return NIL as SpanRef;
    }
    const n = m[len] - 1;
    m[len] = n;
    return m[cache + n] as SpanRef;
  }

  #keepRecord(s: SpanRef): boolean {
    const m = this.m;
    const len = this.t.ref + PROC_SPAN_CACHE_LEN;
    const n = m[len];
    if (n === SPAN_CACHE_MAX) return false;
    m[this.t.ref + PROC_SPAN_CACHE + n] = s;
    m[len] = n + 1;
    return true;
  }

  #putRecord(s: SpanRef): void {
    if (this.#keepRecord(s)) return;
    this.t.lock(H_HEAP_LOCK);
    fixFree(this.t, FIX_SPANS, s);
    this.t.unlock(H_HEAP_LOCK);
  }

  /** Zeroed bitmaps for `nelems` slots: the record's old ones if they are large enough and of this epoch. */
  #prepareBits(s: SpanRef, nelems: number): boolean {
    const m = this.m;
    const { t } = this;
    const words = bitsWords(nelems);
    const epoch = m[H_BITS_EPOCH];
    if (m[s + SPAN_BITS_WORDS] >= words && m[s + SPAN_BITS_EPOCH] === epoch) {
      const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
      const mark = m[s + SPAN_GCMARK_BITS] >>> 5;
      for (let i = 0; i < words; i++) {
        m[alloc + i] = 0;
        m[mark + i] = 0;
      }
      return true;
    }
    let bits = tryAllocBits(t, words * 2);
    if (bits === NIL) {
      t.lock(H_HEAP_LOCK);
      bits = allocBits(t, words * 2);
      t.unlock(H_HEAP_LOCK);
      if (bits === NIL) return false;
    }
    m[s + SPAN_BITS_WORDS] = words;
    m[s + SPAN_BITS_EPOCH] = epoch;
    m[s + SPAN_ALLOC_BITS] = bits << 5;
    m[s + SPAN_GCMARK_BITS] = (bits + words) << 5;
    return true;
  }

  /** The side table that spans of this class need: type numbers of scan classes, tiny masks of tiny blocks. */
  #prepareTable(s: SpanRef, spanClass: SpanClass): boolean {
    const m = this.m;
    const { t } = this;
    const tiny = spanClass === this.tinySpanClass;
    const scan = !isNoscan(spanClass) && !isLargeClass(spanClass);
    m[s + SPAN_TYPES] = 0;
    if (!tiny && !scan) return true;
    const kind = tiny ? FIX_TINY_TABLES : FIX_TABLES + sizeClassOf(spanClass);
    if (m[s + SPAN_TABLE] === NIL || m[s + SPAN_TABLE_CLASS] !== kind) {
      t.lock(H_HEAP_LOCK);
      if (m[s + SPAN_TABLE] !== NIL) fixFree(t, m[s + SPAN_TABLE_CLASS], m[s + SPAN_TABLE] as Ref);
      m[s + SPAN_TABLE] = fixAlloc(t, kind);
      m[s + SPAN_TABLE_CLASS] = kind;
      t.unlock(H_HEAP_LOCK);
      if (m[s + SPAN_TABLE] === NIL) return false;
    }
    const table = m[s + SPAN_TABLE];
    // Nothing to clear: a slot's type number is written when the slot is allocated, and the tiny masks of a span that was
    // given back are all 0, since it had no objects left. Only the link of the free list may be in the first word.
    m[table] = 0;
    m[s + SPAN_TYPES] = tiny ? table : table * 2;
    if (tiny) m[s + SPAN_TINY_COUNTED] = 0;
    else m[s + SPAN_TYPES_LESS_BITS] = m[s + SPAN_TYPES] - m[s + SPAN_ALLOC_BITS];
    return true;
  }
}
