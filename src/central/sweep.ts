/**
 * Sweeping (Go: `sweepone`, `sweepLocked.sweep`, `mcentral.cacheSpan`): what the last cycle did not mark is free, the mark
 * bits become the allocation bits, and a span that is empty goes back to mheap. Objects themselves are not touched.
 *
 * Who may sweep a span: whoever takes it off its unswept set, under the lock of its mcentral. He stores G−1 and his id
 * under that lock; the span is his until he publishes it as swept (G; if he takes it into his cache, it is G+3 then) or as
 * free. Everybody else who needs the span as it is after the sweep calls `ensureSwept`, which sweeps it, or waits for the
 * one who does.
 *
 * Not while the collector marks: the next cycle begins when every span is swept, and a sweeper reaches no safepoint
 * between taking a span and publishing it. Nor does it let the world stop while it waits for a lock, unless a dead thread
 * has that: then a reaper may find the span in its hand. Its bits and the sweeper's counts of it agree then, since no
 * lock is waited for between the first change of the one and the last of the other. A sweeper that has died itself leaves
 * its span to be swept again, or, if its bits are renewed, as a live one with all that these name (threads/repair.ts).
 */
import { ctz32, popcount32 } from '../base/bits.ts';
import { NIL, type Ref, type SpanClass, type SpanRef, type Words } from '../base/brand.ts';
import { fatal } from '../base/fatal.ts';
import { CENTRAL_FULL, CENTRAL_PARTIAL, SET_FIRST } from '../layout/central.ts';
import {
  GC_DEBUG,
  GC_DEBUG_CLOBBER,
  GC_DEBUG_ZOMBIES,
  GC_FREED_MARKING,
  GC_MARKED,
  GC_PAGES_SWEPT,
  GC_SWEEP_CLASS,
} from '../layout/gc.ts';
import { H_BITS_EPOCH, H_HEAP_LOCK, H_SIZE_CLASSES, H_SWEEPGEN, H_TRACE } from '../layout/header.ts';
import { PROC_SWEEPING, TM_LARGE_FREE, TM_SWEPT_BYTES, TM_SWEPT_OBJECTS } from '../layout/proc.ts';
import {
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
  SPAN_NEEDZERO,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_SWEEPGEN,
  SPAN_TINY_COUNTED,
} from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import { allocBits, bitsWords, tryAllocBits } from '../spans/bits-arena.ts';
import { count, countFreed, countLarge } from '../spans/heap-stats.ts';
import type { MHeap } from '../spans/mheap.ts';
import { setAllocBits, spanBase } from '../spans/mspan.ts';
import { sweepSpecials } from '../spans/specials.ts';
import { countTiny, noteTinyFree, tinyMaskWord, tinyWithout } from '../spans/tiny-mask.ts';
import { loadAcquire } from '../sync/fence.ts';
import { centralLock, centralPush, centralRemove, centralSet, popOwned } from './mcentral.ts';
import { traceSweep } from './sweep-trace.ts';

/** Unswept spans that one request looks at before it takes a new span (Go: 100, 1 % of space against time). */
const SPAN_BUDGET = 100;
/** Looks at a span that another thread sweeps, before sleeping. */
const SPIN = 6000;
/** What dead objects are filled with in the debug mode `clobberFree` (Go: the same). */
const CLOBBER = 0xdeadbeef | 0;

/** Whether a span in use is still to be swept. */
export function isUnswept(m: Words, s: SpanRef): boolean {
  const ahead = (m[s + SPAN_SWEEPGEN] - m[H_SWEEPGEN]) | 0;
  return ahead === -2 || ahead === 1;
}

/** Whether what the span's record says of its slots can be relied on. */
export function isSwept(m: Words, s: SpanRef): boolean {
  const ahead = (Atomics.load(m, s + SPAN_SWEEPGEN) - m[H_SWEEPGEN]) | 0;
  return ahead === 0 || ahead === 3;
}

/** Whether no span is left to begin with. */
export function isAllSwept(m: Words): boolean {
  // Span classes are those of the size classes, and two for tiny blocks.
  return loadAcquire(m, GC_SWEEP_CLASS) >= m[H_SIZE_CLASSES] * 2 + 2;
}

/** The thread that owns the span now; 0 for nobody, which is so for all spans that are still to be swept. */
export function ownerOf(m: Words, s: SpanRef): number {
  return isUnswept(m, s) ? 0 : Atomics.load(m, s + SPAN_OWNER);
}

/** Takes the first span of an unswept set, to be swept by the caller; nil if there is none. */
function takeUnswept(heap: MHeap, spanClass: number, kind: number): SpanRef {
  const { t } = heap;
  const { m } = t.mem;
  const gen = m[H_SWEEPGEN];
  const set = centralSet(t.mem, spanClass, kind, false, gen);
  // Racy look: most sets are empty, and none grows within a generation.
  if (m[set + SET_FIRST] === NIL) return NIL as SpanRef;
  const lock = centralLock(t.mem, spanClass);
  t.lock(lock);
  const s = m[set + SET_FIRST] as SpanRef;
  if (s !== NIL) claim(heap, s, gen);
  t.pause('mcentral.claim');
  t.unlock(lock);
  return s;
}

/** Off its set and ours. Lock: its mcentral. */
function claim(heap: MHeap, s: SpanRef, gen: number): void {
  const { m } = heap.t.mem;
  Atomics.store(m, heap.t.ref + PROC_SWEEPING, 1);
  centralRemove(heap.t.mem, s);
  Atomics.store(m, s + SPAN_OWNER, heap.t.id);
  m[s + SPAN_CACHE] = 0;
  Atomics.store(m, s + SPAN_SWEEPGEN, gen - 1);
}

/**
 * Sweeps a span that the caller claimed. Afterwards its counts, bits and `needzero` are those of a swept span, and it is
 * still the caller's. Returns the number of live objects.
 */
function sweepBits(heap: MHeap, s: SpanRef): number {
  const { t } = heap;
  const { m } = t.mem;
  const nelems = m[s + SPAN_NELEMS];
  // All words, also those beyond the last slot: an address in the tail of the span may have left a mark there.
  const words = bitsWords(nelems);
  const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
  const mark = m[s + SPAN_GCMARK_BITS] >>> 5;
  // First of all: it may revive objects that are not marked.
  if (m[s + SPAN_SPECIALS] !== NIL) sweepSpecials(heap, s);
  if (m[GC_DEBUG] !== 0) debugSweep(heap, s);
  // The last lock: see above.
  const fresh = freshBits(heap, words);
  // Freed by hand, or blocks that are empty: not what is swept, but freed all the same.
  let freed = m[s + SPAN_DEFER] !== NIL ? takeNotes(heap, s) : 0;
  if (m[H_TRACE] !== 0) traceSweep(heap, s);
  if (m[s + SPAN_CLASS] === heap.tinySpanClass) freed += sweepTiny(heap, s);
  let live = 0;
  let before = 0;
  for (let w = 0; w < words; w++) {
    const old = m[alloc + w];
    const marked = m[mark + w];
    const kept = marked & old;
    if (kept !== marked) m[mark + w] = kept;
    before += popcount32(old);
    live += popcount32(kept);
  }
  const small = !isLargeClass(m[s + SPAN_CLASS]);
  if (freed > 0 || live < before) m[s + SPAN_NEEDZERO] = 1;
  if (live < before) {
    const size = small ? m[s + SPAN_ELEMSIZE] : m[s + SPAN_ELEMSIZE] >>> 0;
    count(t.mem, t.ref, TM_SWEPT_BYTES, (before - live) * size);
    count(t.mem, t.ref, TM_SWEPT_OBJECTS, before - live);
    if (small) freed += before - live;
    else countLarge(t.mem, t.ref, size, TM_LARGE_FREE);
  }
  if (freed > 0) countFreed(t.mem, t.ref, m[s + SPAN_CLASS], freed);
  t.pause('sweep');
  renewBits(m, s, fresh, words);
  m[s + SPAN_FREEINDEX] = small ? 0 : 1;
  m[s + SPAN_ALLOC_COUNT] = live;
  m[s + SPAN_COUNTED] = live;
  t.pause('sweep.renewed');
  return live;
}

/**
 * Whether its sweeper died before it renewed the bits: then the marks still say what is alive, and it can be swept again.
 * From the renewal on, which a claimed span notes as a link to itself, the allocation bits alone do; in its middle both
 * are the same bitmap.
 */
export function isHalfSwept(m: Words, s: SpanRef): boolean {
  const renewed = m[s + SPAN_PREV] === s && m[s + SPAN_ALLOC_BITS] !== m[s + SPAN_GCMARK_BITS];
  return ((m[s + SPAN_SWEEPGEN] - m[H_SWEEPGEN]) | 0) === -1 && !renewed;
}

/** A bitmap of zeroes. */
function freshBits({ t }: MHeap, words: number): Ref {
  const fresh = tryAllocBits(t, words);
  if (fresh !== NIL) return fresh;
  t.lock(H_HEAP_LOCK);
  const found = allocBits(t, words);
  t.unlock(H_HEAP_LOCK);
  // The region has room for three bitmaps of every slot there can be, and that is how many are in use at a time; and for
  // what threads leave of their pieces.
  if (found === NIL) fatal('no room for mark bits');
  return found;
}

/** The mark bits become the allocation bits, and others, all 0, the mark bits. */
function renewBits(m: Words, s: SpanRef, fresh: Ref, words: number): void {
  setAllocBits(m, s, m[s + SPAN_GCMARK_BITS]);
  m[s + SPAN_PREV] = s;
  m[s + SPAN_GCMARK_BITS] = fresh << 5;
  m[s + SPAN_BITS_WORDS] = words;
  m[s + SPAN_BITS_EPOCH] = Atomics.load(m, H_BITS_EPOCH);
}

/** Frees that other threads noted since: what they name is dead, whatever the marker saw. Returns the slots freed. */
function takeNotes(heap: MHeap, s: SpanRef): number {
  const { m } = heap.t.mem;
  const defer = m[s + SPAN_DEFER];
  const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
  const words = (m[s + SPAN_NELEMS] + 31) >>> 5;
  const isTiny = m[s + SPAN_CLASS] === heap.tinySpanClass;
  let freed = 0;
  for (let w = 0; w < words; w++) {
    const noted = Atomics.exchange(m, defer + w, 0);
    if (!isTiny) {
      freed += popcount32(m[alloc + w] & noted);
      m[alloc + w] &= ~noted;
      continue;
    }
    for (let bits = noted; bits !== 0; bits &= bits - 1) {
      const index = (w << 5) + ctz32(bits);
      const starts = Atomics.exchange(m, defer + words + index, 0);
      const word = tinyMaskWord(m, s, index);
      for (let i = 0; i < 16; i++) {
        if ((starts & m[word] & (1 << i)) === 0) continue;
        m[word] = tinyWithout(m[word], i);
        noteTinyFree(heap.t.mem, heap.t.ref, s);
      }
    }
  }
  return freed;
}

/** Dead blocks hold no objects; and a block that holds none is dead. Returns the slots freed because of the latter. */
function sweepTiny(heap: MHeap, s: SpanRef): number {
  const { mem, ref } = heap.t;
  const { m } = mem;
  countTiny(mem, ref, s);
  let freed = 0;
  const alloc = m[s + SPAN_ALLOC_BITS];
  const mark = m[s + SPAN_GCMARK_BITS];
  for (let i = 0; i < m[s + SPAN_NELEMS]; i++) {
    const bit = 1 << i;
    const word = tinyMaskWord(m, s, i);
    const live = (m[(alloc + i) >>> 5] & m[(mark + i) >>> 5] & bit) !== 0;
    if (!live) {
      m[s + SPAN_TINY_COUNTED] -= popcount32(m[word] & 0xffff);
      m[word] = 0;
    } else if (m[word] === 0) {
      m[(alloc + i) >>> 5] &= ~bit;
      freed++;
    }
  }
  return freed;
}

/** Zombies (Go: `reportZombies`): a free slot that is marked was reached by a pointer. And `clobberFree`. */
function debugSweep(heap: MHeap, s: SpanRef): void {
  const { mem } = heap.t;
  const { m, i32 } = mem;
  const alloc = m[s + SPAN_ALLOC_BITS];
  const mark = m[s + SPAN_GCMARK_BITS];
  const size = m[s + SPAN_ELEMSIZE] >>> 0;
  for (let i = 0; i < m[s + SPAN_NELEMS]; i++) {
    const live = (m[(alloc + i) >>> 5] & (1 << (alloc + i))) !== 0;
    const marked = (m[(mark + i) >>> 5] & (1 << (mark + i))) !== 0;
    const addr = spanBase(m, s) + i * size;
    // What was freed by hand while it was being marked is none.
    if (marked && !live && (m[GC_DEBUG] & GC_DEBUG_ZOMBIES) !== 0 && m[GC_FREED_MARKING] === 0) {
      fatal(
        `found pointer to free object 0x${addr.toString(16)} (slot ${i} of span 0x${spanBase(m, s).toString(16)}, class ${m[s + SPAN_CLASS]})`,
      );
    }
    if (live && !marked && (m[GC_DEBUG] & GC_DEBUG_CLOBBER) !== 0) i32.fill(CLOBBER, addr >>> 2, (addr + size) >>> 2);
  }
}

/** A swept span goes where all can have it: to mheap if it is empty, to mcentral otherwise. */
function publish(heap: MHeap, s: SpanRef, live: number): void {
  const { t } = heap;
  const { m } = t.mem;
  const gen = Atomics.load(m, H_SWEEPGEN);
  if (live === 0) {
    Atomics.store(m, s + SPAN_STATE, SPAN_STATE_FREEING);
    Atomics.store(m, s + SPAN_SWEEPGEN, gen);
    m[s + SPAN_PREV] = NIL;
    heap.free(s);
    Atomics.store(m, t.ref + PROC_SWEEPING, 0);
    return;
  }
  const lock = centralLock(t.mem, m[s + SPAN_CLASS]);
  t.lock(lock);
  m[s + SPAN_SWEEPGEN] = gen;
  Atomics.store(m, s + SPAN_OWNER, 0);
  centralPush(t.mem, s);
  t.pause('mcentral.push');
  t.unlock(lock);
  Atomics.store(m, t.ref + PROC_SWEEPING, 0);
}

/** Sweeps a claimed span and publishes it. Returns its pages. */
function sweepClaimed(heap: MHeap, s: SpanRef): number {
  const { m } = heap.t.mem;
  const npages = m[s + SPAN_NPAGES];
  publish(heap, s, sweepBits(heap, s));
  Atomics.add(m, GC_PAGES_SWEPT, npages);
  return npages;
}

/** Sweeps some span that is not swept yet (Go: `sweepone`). Returns its pages; −1: there is none left to begin. */
export function sweepOne(heap: MHeap): number {
  const { m } = heap.t.mem;
  for (let c = Atomics.load(m, GC_SWEEP_CLASS); c < heap.spanClasses; c++) {
    const s = takeUnswept(heap, c, CENTRAL_FULL) || takeUnswept(heap, c, CENTRAL_PARTIAL);
    if (s !== NIL) return sweepClaimed(heap, s as SpanRef);
    Atomics.compareExchange(m, GC_SWEEP_CLASS, c, c + 1);
  }
  if (m[H_TRACE] !== 0) heap.t.trace.sweepDone(m[GC_MARKED]);
  return -1;
}

/** Waits until this span is swept, or sweeps it (Go: `mspan.ensureSwept`). In a region, no lock held. */
export function ensureSwept(heap: MHeap, s: SpanRef): void {
  const { t } = heap;
  const { m } = t.mem;
  for (;;) {
    const gen = Atomics.load(m, H_SWEEPGEN);
    const own = Atomics.load(m, s + SPAN_SWEEPGEN);
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || own === gen || own === ((gen + 3) | 0)) return;
    if (own === ((gen - 1) | 0)) {
      // A sweep is over in microseconds, and whoever does it wakes nobody.
      let spin = SPIN;
      while (spin > 0 && Atomics.load(m, s + SPAN_SWEEPGEN) === own) spin--;
      if (spin === 0) t.parkFor(s + SPAN_SWEEPGEN, own, Atomics.load(m, s + SPAN_OWNER));
      continue;
    }
    const lock = centralLock(t.mem, m[s + SPAN_CLASS]);
    t.lock(lock);
    const mine = m[s + SPAN_STATE] === SPAN_STATE_IN_USE && isUnswept(m, s);
    if (mine) claim(heap, s, gen);
    t.unlock(lock);
    if (mine) sweepClaimed(heap, s);
  }
}

/**
 * Claims and sweeps this span if it still is to be swept. Returns its pages if it became free, 0 otherwise. For the page
 * reclaimer, which found it by its page.
 */
export function trySweep(heap: MHeap, s: SpanRef): number {
  const { t } = heap;
  const { m } = t.mem;
  const lock = centralLock(t.mem, m[s + SPAN_CLASS]);
  t.lock(lock);
  const mine = m[s + SPAN_STATE] === SPAN_STATE_IN_USE && isUnswept(m, s);
  if (mine) claim(heap, s, Atomics.load(m, H_SWEEPGEN));
  t.unlock(lock);
  if (!mine) return 0;
  const live = sweepBits(heap, s);
  const npages = m[s + SPAN_NPAGES];
  publish(heap, s, live);
  Atomics.add(m, GC_PAGES_SWEPT, npages);
  return live === 0 ? npages : 0;
}

/**
 * A span with at least one free slot, now owned by the calling thread and on no list; nil if there is none (Go:
 * `cacheSpan`): a swept one, else an unswept one that turns out to have free slots.
 */
export function cacheSpan(heap: MHeap, spanClass: SpanClass): SpanRef {
  const { t } = heap;
  const { mem } = t;
  const { m } = mem;
  // Plainly, here and below: it changes only while this thread stands at a safepoint.
  const gen = m[H_SWEEPGEN];
  const partial = centralSet(mem, spanClass, CENTRAL_PARTIAL, true, gen);
  // Racy look: most requests find nothing here and should not pay for the lock.
  if (m[partial + SET_FIRST] !== NIL) {
    const s = popOwned(heap, centralLock(mem, spanClass), partial);
    if (s !== NIL) return s;
  }
  for (let budget = SPAN_BUDGET; budget > 0; budget--) {
    const s = (takeUnswept(heap, spanClass, CENTRAL_PARTIAL) || takeUnswept(heap, spanClass, CENTRAL_FULL)) as SpanRef;
    if (s === NIL) break;
    const live = sweepBits(heap, s);
    Atomics.add(m, GC_PAGES_SWEPT, m[s + SPAN_NPAGES]);
    if (live < m[s + SPAN_NELEMS]) {
      Atomics.store(m, s + SPAN_SWEEPGEN, gen);
      m[s + SPAN_PREV] = NIL;
      Atomics.store(m, t.ref + PROC_SWEEPING, 0);
      return s;
    }
    publish(heap, s, live);
  }
  return NIL as SpanRef;
}
