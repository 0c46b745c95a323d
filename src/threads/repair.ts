/**
 * Making the heap whole again after threads died at any point, also inside a lock. World stopped by the reaper. All that are
 * dead are repaired at once: what one of them has half changed may be what the repair of another needs.
 *
 * What is certain then. Every other thread is outside its region, or HALTED: it waited for a lock that a dead one holds. It
 * holds no lock, and what it has in hand carries its id (spans/mheap.ts). So only these can be half changed: what the
 * dead threads owned, what their locks guard, and notes they were leaving for others. What is true of the rest stands in the
 * spans table and the span records:
 *
 *   - a page is used iff the spans table names a span that covers it, or a living thread has it in its page cache;
 *   - a slot holds an object iff its allocation bit is set (the dead threads' windows and reuse stacks are forgotten: their
 *     bits are 0);
 *   - a span without owner belongs in the set of mcentral that its counts ask for.
 *
 * If one of them died while it was reclaiming what all threads' caches hold, then every cache may be half changed: all of
 * them are forgotten, as the dead threads' are, and every span loses its owner. The others have been stopped since. And if
 * a reaper dies in here, H_REPAIRER keeps them stopped until another has done it all again, from the start.
 *
 * Of the collector: the mark bits are the truth while it marks. The dead thread's barrier buffer is emptied into them, and
 * since the grey objects it had on its stack, and perhaps roots that it had in its hand, are lost, all marked objects will
 * be scanned once more, and the roots be taken again (GC_RESCAN). If it died as the
 * coordinator of one of the two transitions of a cycle, then either the collector marks, and goes on, or it does not, and
 * what marks there are mean nothing (gc/cycle.ts has the order of stores). Spans that are still to be swept stay so; the
 * one that the dead thread was sweeping is one of them again, unless its bits are renewed already.
 *
 * Everything else is made again from that. At worst something is kept that nobody will use: an object that was just
 * being allocated stays allocated; records on a half-written free list are lost.
 */
import { NIL, type ProcRef, type Ref, type SpanRef, type Words } from '../base/brand.ts';
import { fatal } from '../base/fatal.ts';
import { completeTinyNotes, forgetQueues, hasDeferred, requeue, takeSpan, waitsForSweep } from '../cache/defer.ts';
import { MCache } from '../cache/mcache.ts';
import { isLive } from '../cache/owner-free.ts';
import { centralPush } from '../central/mcentral.ts';
import { isHalfSwept, isUnswept } from '../central/sweep.ts';
import { CENTRAL_SETS, CENTRAL_WORDS, SET_WORDS } from '../layout/central.ts';
import { MAX_SPAN_CLASSES, PAGE_SHIFT } from '../layout/constants.ts';
import { FIXALLOCS } from '../layout/fixalloc.ts';
import {
  GC_BYTES_MARKED,
  GC_ENABLED,
  GC_FREED_MARKING,
  GC_IDLE,
  GC_MARKED,
  GC_PACER,
  GC_PAUSED,
  GC_RESCAN,
  GC_STARTED,
  GC_SWEEP_CLASS,
  GC_TRIGGER,
  GC_WORK_LOCK,
  GC_WORKER,
  GC_WORKING,
} from '../layout/gc.ts';
import {
  H_BITS_EPOCH,
  H_CACHES_CHANGER,
  H_GROWN_PAGES,
  H_HEAP_LOCK,
  H_PAGES_IN_USE,
  H_SPECIALS_LOCK,
  H_SWEEPGEN,
  H_WRITE_BARRIER,
} from '../layout/header.ts';
import { LIMITER_TRANSITIONING } from '../layout/pacer.ts';
import {
  PAGE_CACHE_WORDS,
  PROC_AWAITING,
  PROC_ID,
  PROC_MARKING,
  PROC_PAGE_CACHE,
  PROC_PAUSES,
  PROC_SPAN_CACHE_LEN,
  PROC_WB,
  PROC_WB_COUNT,
} from '../layout/proc.ts';
import { isHeld } from '../layout/snapshot.ts';
import {
  LIST_CENTRAL,
  LIST_NONE,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BITS_EPOCH,
  SPAN_BITS_WORDS,
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
  SPAN_NEXT,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_STATE,
  SPAN_STATE_DEAD,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_SWEEPGEN,
  SPAN_TYPES,
} from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import { cacheHas } from '../pages/page-cache.ts';
import { rebuildPages } from '../pages/rebuild.ts';
import { allocBits, bitsWords, repairBitArenas } from '../spans/bits-arena.ts';
import { fixForget } from '../spans/fixalloc.ts';
import { repairStats } from '../spans/heap-stats.ts';
import { keepBits } from '../spans/held-bits.ts';
import { hasMarks, setMarked } from '../spans/mark.ts';
import type { MHeap } from '../spans/mheap.ts';
import { addLive, countLive, eachSpan, setAllocBits, setPageMark, spanBase } from '../spans/mspan.ts';
import { dropUnborn, finishSpecials } from '../spans/specials.ts';
import { tinyMaskWord, tinyWithoutAll } from '../spans/tiny-mask.ts';
import { forgetFull } from '../spans/workbuf.ts';
import { LOCK_OWNER } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
import type { Mem } from '../sys/mem.ts';
import { repairSnapshot } from './repair-snapshot.ts';
import { repairSpecials } from './repair-specials.ts';
import { recount } from './repair-stats.ts';
import { attachedProcs } from './stop-the-world.ts';

/** Repairs what the threads with these ids were changing, and takes their spans and pages back. They are DEAD, no others. */
export function repair(heap: MHeap, ids: readonly number[]): void {
  const { mem } = heap.t;
  const { m } = mem;
  const gone: Gone = { ids: new Set(ids), procs: ids.map((id) => procRef(mem, id)) };
  const living = attachedProcs(mem).filter((p) => !gone.procs.includes(p));
  const heldHeap = holds(m, H_HEAP_LOCK, gone);
  const transition = Atomics.load(m, H_CACHES_CHANGER) !== 0;
  const lost = transition ? [...living, ...gone.procs] : gone.procs;
  const owners = new Set([...lost.map((p) => m[p + PROC_ID]), ...ids]);
  for (const p of lost) repairStats(mem, p);
  for (const id of ids) repairSnapshot(mem, procRef(mem, id), id);
  repairSpansTable(heap, gone);
  forgetQueues(mem, [...living, ...gone.procs]);
  for (const p of lost) forgetCache(heap, p);
  for (const p of gone.procs) m[p + PROC_SPAN_CACHE_LEN] = 0;
  emptyCentrals(heap);
  if (heldHeap) {
    for (let i = 0; i < FIXALLOCS; i++) fixForget(mem, i);
    repairBitArenas(mem);
  }
  repairMarking(heap, gone, living);
  if (holds(m, H_SPECIALS_LOCK, gone)) repairSpecials(mem);
  eachSpan(mem, m[H_GROWN_PAGES], (s) => {
    if (transition && m[H_WRITE_BARRIER] === 0 && !isUnswept(m, s)) clearMarks(m, s);
    repairSpan(heap, s, owners, heldHeap);
  });
  rebuildMaps(heap, living);
  recount(mem, gone.procs[0]!);
  Atomics.store(m, H_CACHES_CHANGER, 0);
}

/** The dead threads: their ids, and their records. */
interface Gone {
  readonly ids: ReadonlySet<number>;
  readonly procs: readonly ProcRef[];
}

/** Whether a dead thread died with this lock. */
function holds(m: Words, lock: number, { ids }: Gone): boolean {
  return ids.has(Atomics.load(m, lock) & LOCK_OWNER);
}

/** What the dead threads owed the collector. */
function repairMarking(heap: MHeap, gone: Gone, living: readonly ProcRef[]): void {
  const { t } = heap;
  const { mem } = t;
  const { m } = mem;
  if (holds(m, GC_WORK_LOCK, gone)) forgetFull(t);
  // The transition that the limiter was told of, if any, was a dead thread's: the world is stopped.
  mem.mf[(GC_PACER >>> 1) + LIMITER_TRANSITIONING] = 0;
  // The others are at safepoints, where the word of each says whether it is counted.
  Atomics.store(m, GC_WORKING, living.filter((p) => m[p + PROC_MARKING] !== 0).length);
  Atomics.store(m, GC_IDLE, living.filter((p) => m[p + PROC_AWAITING] !== 0).length);
  for (const id of gone.ids) Atomics.compareExchange(m, GC_WORKER, id, 0);
  for (const p of gone.procs) m[p + PROC_PAUSES] = 0;
  recountPauses(mem, living);
  if (m[H_WRITE_BARRIER] === 0) {
    // Roots of a cycle that it did not come to begin.
    forgetFull(t);
    Atomics.store(m, GC_MARKED, m[GC_STARTED]);
    Atomics.store(m, GC_SWEEP_CLASS, 0);
    return;
  }
  for (const p of gone.procs) {
    for (let i = 0; i < m[p + PROC_WB_COUNT]; i++) setMarked(mem, m[p + PROC_WB + i] >>> 0);
    m[p + PROC_WB_COUNT] = 0;
    m[p + PROC_MARKING] = 0;
  }
  Atomics.store(m, GC_RESCAN, 1);
  // Somebody may have the address of the block in hand that a dead thread was filling, and mark it when it is free.
  Atomics.store(m, GC_FREED_MARKING, 1);
}

/** What the living hold back with `pauseGC`. If nobody does any more, the next span taken begins a cycle, which repaces. */
function recountPauses({ m }: Mem, living: readonly ProcRef[]): void {
  const pauses = living.reduce((n, p) => n + m[p + PROC_PAUSES], 0);
  const before = Atomics.exchange(m, GC_PAUSED, pauses);
  if (before !== 0 && pauses === 0 && m[GC_ENABLED] !== 0) Atomics.store(m, GC_TRIGGER, 0);
}

function clearMarks(m: Words, s: SpanRef): void {
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
  const from = m[s + SPAN_GCMARK_BITS] >>> 5;
  m.fill(0, from, from + ((m[s + SPAN_NELEMS] + 31) >>> 5));
}

/** A cache that may be half changed. Its slots are free in the spans' bits, its pages in no span. */
function forgetCache(heap: MHeap, p: ProcRef): void {
  new MCache(heap, p).forget();
  heap.t.mem.m.fill(0, p + PROC_PAGE_CACHE, p + PROC_PAGE_CACHE + PAGE_CACHE_WORDS);
}

/** Removes entries of spans that are not, or no more: half made, or half freed. */
function repairSpansTable(heap: MHeap, gone: Gone): void {
  const { m, plan } = heap.t.mem;
  const grown = m[H_GROWN_PAGES];
  for (let page = 0; page < grown; page++) {
    const s = m[plan.spans + page] as SpanRef;
    if (s === NIL) continue;
    const first = spanBase(m, s) >>> PAGE_SHIFT;
    const inside = page >= first && page < first + m[s + SPAN_NPAGES];
    const state = m[s + SPAN_STATE];
    // On its way back to mheap, or a segment of a shadow stack or handle table.
    const ofDead = (state === SPAN_STATE_FREEING || state === SPAN_STATE_MANUAL) && gone.ids.has(m[s + SPAN_OWNER]);
    if (!inside || state === SPAN_STATE_DEAD || ofDead) m[plan.spans + page] = NIL;
  }
}

function emptyCentrals(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  for (let c = 0; c < MAX_SPAN_CLASSES; c++) {
    const sets = plan.centrals + c * CENTRAL_WORDS + CENTRAL_SETS;
    m.fill(0, sets, sets + 4 * SET_WORDS);
  }
}

/** `lost`: the threads whose caches are forgotten. */
function repairSpan(heap: MHeap, s: SpanRef, lost: ReadonlySet<number>, heldHeap: boolean): void {
  const { mem } = heap.t;
  const { m } = mem;
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
  const isTiny = m[s + SPAN_CLASS] === heap.tinySpanClass;
  if (isTiny) completeTinyNotes(m, s);
  const owner = m[s + SPAN_OWNER];
  // A living thread that waits in a sweep, HALTED, goes on with its span.
  if (isUnswept(m, s) || (isHalfSwept(m, s) && lost.has(owner))) {
    // Whose it was means nothing any more; where it was listed, neither.
    Atomics.store(m, s + SPAN_SWEEPGEN, m[H_SWEEPGEN] - 2);
    requeue(mem, s, 0);
    toCentral(mem, s);
    return;
  }
  if (owner !== 0 && !lost.has(owner)) {
    requeue(mem, s, owner);
    // Died between its two stores; see cache/defer.ts.
    if (m[s + SPAN_DEFER] !== NIL) m[s + SPAN_CACHE] = 0;
    // In a living thread's hand, but still on its mcentral's list.
    if (m[s + SPAN_LIST] >= LIST_CENTRAL) centralPush(mem, s);
    return;
  }
  requeue(mem, s, 0);
  if (hasDeferred(m, s) && !waitsForSweep(heap, s))
    takeSpan(heap, s, (_, index, tiny) => applyNote(heap, s, index, tiny));
  const gen = m[H_SWEEPGEN];
  if (owner !== 0) dropHalfMade(heap, s);
  dropUnborn(mem, s);
  const halfSwept = m[s + SPAN_SWEEPGEN] === ((gen - 1) | 0);
  if (halfSwept) {
    finishSpecials(heap, s);
    renewHalfSwept(heap, s, heldHeap);
  }
  const marking = m[H_WRITE_BARRIER] !== 0;
  // The slots of a lost window were marked when it was made. Those of objects freed since are marked too, and must stay so
  // while a snapshot reads them.
  if (marking && !isHeld(m)) dropMarks(m, s);
  const live = countLive(m, s);
  // What is counted of a span that was to be swept is what was marked of it, which nobody knows any more.
  if (!halfSwept) addLive(m, s, live - m[s + SPAN_COUNTED]);
  m[s + SPAN_COUNTED] = live;
  m[s + SPAN_ALLOC_COUNT] = live;
  m[s + SPAN_FREEINDEX] = isLargeClass(m[s + SPAN_CLASS]) ? 1 : 0;
  m[s + SPAN_NEEDZERO] = 1;
  if (owner !== 0) m[s + SPAN_SWEEPGEN] = gen;
  if (live === 0 && !marking) {
    // Not through mheap.free: the page maps are made again as a whole, from the spans that are left.
    Atomics.store(m, s + SPAN_STATE, SPAN_STATE_DEAD);
  } else {
    toCentral(mem, s);
  }
}

/**
 * Its sweeper died: all that its allocation bits name stays alive. Both bitmaps are made new: those it has may be of an
 * older epoch than those of swept spans are, or the marks of the last cycle.
 */
function renewHalfSwept(heap: MHeap, s: SpanRef, heldHeap: boolean): void {
  const { t } = heap;
  const { m } = t.mem;
  const words = bitsWords(m[s + SPAN_NELEMS]);
  const cut = (): Ref => allocBits(t, words * 2);
  const fresh = heldHeap ? t.inPlaceOf(H_HEAP_LOCK, cut) : t.locked(H_HEAP_LOCK, cut);
  if (fresh === NIL) fatal('no room for mark bits');
  const old = m[s + SPAN_ALLOC_BITS] >>> 5;
  for (let w = 0; w < words; w++) m[fresh + w] = m[old + w];
  setAllocBits(m, s, fresh << 5);
  m[s + SPAN_GCMARK_BITS] = (fresh + words) << 5;
  m[s + SPAN_BITS_WORDS] = words;
  m[s + SPAN_BITS_EPOCH] = Atomics.load(m, H_BITS_EPOCH);
}

/** Into the set of mcentral that its counts and its sweep generation ask for, as a span without owner. */
function toCentral(mem: Mem, s: SpanRef): void {
  const { m } = mem;
  m[s + SPAN_OWNER] = 0;
  m[s + SPAN_CACHE] = 0;
  m[s + SPAN_NEXT] = NIL;
  m[s + SPAN_PREV] = NIL;
  m[s + SPAN_LIST] = LIST_NONE;
  centralPush(mem, s);
}

/** Marks of slots that hold no object. */
function dropMarks(m: Words, s: SpanRef): void {
  const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
  const mark = m[s + SPAN_GCMARK_BITS] >>> 5;
  for (let w = 0; w << 5 < m[s + SPAN_NELEMS]; w++) m[mark + w] &= m[alloc + w];
}

/**
 * Tiny blocks whose bit was set and no more. A scan object has its type before its bit (malloc/fast.ts); should one be
 * without, nobody was given its address.
 */
function dropHalfMade(heap: MHeap, s: SpanRef): void {
  const { m, m16 } = heap.t.mem;
  const spanClass = m[s + SPAN_CLASS];
  const isTiny = spanClass === heap.tinySpanClass;
  if (!isTiny && (isNoscan(spanClass) || isLargeClass(spanClass))) return;
  for (let i = 0; i < m[s + SPAN_NELEMS]; i++) {
    const whole = isTiny ? m[tinyMaskWord(m, s, i)] !== 0 : m16[m[s + SPAN_TYPES] + i] !== 0;
    const bit = m[s + SPAN_ALLOC_BITS] + i;
    if (whole || (m[bit >>> 5] & (1 << bit)) === 0) continue;
    // A tiny block may be empty, and as old as a snapshot that is taken: nobody is to get it meanwhile.
    if (isHeld(m)) markEmpty(heap.t.mem, s, i);
    m[bit >>> 5] &= ~(1 << bit);
  }
}

/** Marked, and not one of the bytes that are alive. */
function markEmpty(mem: Mem, s: SpanRef, index: number): void {
  const { m } = mem;
  const size = m[s + SPAN_ELEMSIZE];
  if (setMarked(mem, spanBase(m, s) + index * size)) Atomics.sub(m, GC_BYTES_MARKED, size >>> 3);
}

/** Frees what another thread noted, of a span that has no owner any more. */
function applyNote(heap: MHeap, s: SpanRef, index: number, tiny: number): void {
  const { m } = heap.t.mem;
  if (!isLive(m, s, index)) return;
  if (tiny !== 0) {
    const word = tinyMaskWord(m, s, index);
    m[word] = tinyWithoutAll(m[word], tiny);
    if (m[word] !== 0) return;
  }
  const bit = m[s + SPAN_ALLOC_BITS] + index;
  keepBits(heap.t.mem, bit >>> 5);
  m[bit >>> 5] &= ~(1 << bit);
}

/**
 * Spans table, pageInUse, page bitmaps and the page count, from the spans that are left; and what the page reclaimer knows of
 * marks: a thread that dies may have marked the first object of a span and not come to say so.
 */
function rebuildMaps(heap: MHeap, living: readonly ProcRef[]): void {
  const { mem } = heap.t;
  const { m, plan } = mem;
  const grown = m[H_GROWN_PAGES];
  m.fill(0, plan.pageInUse, plan.pageInUse + ((plan.pages + 31) >>> 5));
  let inUse = 0;
  eachSpan(mem, grown, (s, page) => {
    const npages = m[s + SPAN_NPAGES];
    if (m[s + SPAN_STATE] === SPAN_STATE_DEAD) {
      m.fill(NIL, plan.spans + page, plan.spans + page + npages);
      return;
    }
    if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) {
      m[plan.pageInUse + (page >>> 5)] |= 1 << page;
      if (m[H_WRITE_BARRIER] !== 0 && hasMarks(m, s)) setPageMark(mem, s);
    }
    inUse += npages;
  });
  Atomics.store(m, H_PAGES_IN_USE, inUse);
  const caches = living.map((p) => p + PROC_PAGE_CACHE);
  const isUsed = (page: number): boolean =>
    page === 0 || m[plan.spans + page] !== NIL || caches.some((cache) => cacheHas(mem, cache, page));
  rebuildPages(heap.pages, isUsed, grown);
}
