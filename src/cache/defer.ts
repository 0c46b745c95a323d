/**
 * Freeing an object of another thread's span, without a lock and without waiting for that thread.
 *
 * The freeing thread only notes the slot; the owner takes the notes in its next slow path and puts the slots back into
 * circulation. So a slot is handed out again by one thread only, and a second free of it is caught either here or
 * there.
 *
 *   span.defer      one bit a slot, set by `Atomics.or`: the one who finds it 0 has freed the object, every later one
 *                   gets an error. In spans of tiny blocks a word a slot as well: bit k = the object that starts at
 *                   byte k.
 *   proc.remoteHead stack of spans with such bits. `remoteQueued` says that the span is on it.
 *
 * Order. Freeing: set the bit; if remoteQueued goes 0 → 1 by compare-and-exchange, push the span. Taking: take the
 * whole stack by one exchange; for each span read its link and clear remoteQueued; then exchange its bits for 0. A bit set
 * after that exchange finds remoteQueued 0 and pushes again; a bit set before is taken. No bit is lost, and none is
 * seen twice. Pushes compare only the head and takes are whole, so the stack has no ABA problem.
 *
 * A span with a defer record has no fast path of `free` for its owner, who must ask for notes before he frees a slot:
 * `span.cache` is 0. The thread that makes the record stores it, and then the 0. The owner reads `cache` plainly: a free
 * that happened before his, in the program's own order, has made both visible.
 *
 * A span record can still be on a stack when its span was freed: the owner may take a note between the noter's two steps
 * (bit, push) and free the span. Only a span's owner may take its notes, or who sweeps it. So whoever takes a stack asks what
 * the span is by then. That of another thread goes on to that thread's stack. One without owner is left alone: who gave it up
 * has taken its notes, but for those of tiny blocks that wait for the sweep; and whoever frees its last object gives the
 * bits' memory back.
 */
import { ctz32 } from '../base/bits.ts';
import { NIL, type ProcRef, type SpanRef, type Words } from '../base/brand.ts';
import { isUnswept } from '../central/sweep.ts';
import { FIX_DEFERS, FIX_SIZE, FIX_WORDS } from '../layout/fixalloc.ts';
import { H_HEAP_LOCK, H_WRITE_BARRIER } from '../layout/header.ts';
import { PROC_ID, PROC_REMOTE_HEAD } from '../layout/proc.ts';
import {
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_NELEMS,
  SPAN_OWNER,
  SPAN_REMOTE_NEXT,
  SPAN_REMOTE_QUEUED,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { sizeClassOf } from '../layout/span-class.ts';
import { fixAlloc } from '../spans/fixalloc.ts';
import type { HeapReader } from '../spans/heap-reader.ts';
import type { MHeap } from '../spans/mheap.ts';
import { procRef } from '../sync/proc-ref.ts';
import type { Mem } from '../sys/mem.ts';

/** Gives the span a record for deferred frees. May wait for the heap lock; the span may have changed hands then. */
export function makeDeferRecord(heap: MHeap, s: SpanRef): boolean {
  const { t } = heap;
  const { m, plan } = t.mem;
  const index = FIX_DEFERS + sizeClassOf(m[s + SPAN_CLASS]);
  t.lock(H_HEAP_LOCK);
  let ok = m[s + SPAN_DEFER] !== NIL;
  if (!ok) {
    const record = fixAlloc(t, index);
    if (record !== NIL) {
      m.fill(0, record, record + m[plan.fixallocs + index * FIX_WORDS + FIX_SIZE]);
      Atomics.store(m, s + SPAN_DEFER, record);
      Atomics.store(m, s + SPAN_CACHE, 0);
      ok = true;
    }
  }
  t.unlock(H_HEAP_LOCK);
  return ok;
}

/** The note for `deferFree`: which object of a tiny block is meant. `start` −1, and note 0: the slot is one object. */
export function deferBit(start: number): number {
  return start < 0 ? 0 : 1 << start;
}

/**
 * Notes the free of slot `index` of a span that proc `owner` owns and that has a defer record. `tinyBit`: which part,
 * for spans of tiny blocks; 0 otherwise. False: it was noted before, the object is freed twice.
 */
export function deferFree(heap: MHeap, s: SpanRef, owner: number, index: number, tinyBit: number): boolean {
  if (!noteFree(heap, s, index, tinyBit)) return false;
  heap.t.pause('defer.noted');
  queue(heap.t.mem.m, s, procRef(heap.t.mem, owner));
  return true;
}

/** The note alone: whoever sweeps the span next takes it. */
export function noteFree(heap: MHeap, s: SpanRef, index: number, tinyBit: number): boolean {
  const { m } = heap.t.mem;
  const defer = Atomics.load(m, s + SPAN_DEFER);
  const bit = 1 << index;
  if (tinyBit !== 0) {
    const word = defer + tinyWord(m, s, index);
    if ((Atomics.or(m, word, tinyBit) & tinyBit) !== 0) return false;
    Atomics.or(m, defer + (index >>> 5), bit);
  } else if ((Atomics.or(m, defer + (index >>> 5), bit) & bit) !== 0) {
    return false;
  }
  return true;
}

/**
 * Whether another thread has noted the free of this object, and the owner has not taken the note yet. Plain loads, which
 * those who only look may do with records that mean nothing any more: an atomic one throws at an index that is none. Who
 * frees is not decided here, but by `deferFree`.
 */
export function isNoted({ t }: HeapReader, s: SpanRef, index: number, tinyBit: number): boolean {
  const { m } = t.mem;
  const defer = m[s + SPAN_DEFER];
  if (defer === NIL) return false;
  if (tinyBit !== 0) return (m[defer + tinyWord(m, s, index)] & tinyBit) !== 0;
  return (m[defer + (index >>> 5)] & (1 << index)) !== 0;
}

function tinyWord(m: Words, s: SpanRef, index: number): number {
  return ((m[s + SPAN_NELEMS] + 31) >>> 5) + index;
}

function queue(m: Words, s: SpanRef, owner: ProcRef): void {
  if (Atomics.compareExchange(m, s + SPAN_REMOTE_QUEUED, 0, 1) !== 0) return;
  const word = owner + PROC_REMOTE_HEAD;
  for (let head = Atomics.load(m, word); ; ) {
    Atomics.store(m, s + SPAN_REMOTE_NEXT, head);
    const seen = Atomics.compareExchange(m, word, head, s);
    if (seen === head) return;
    head = seen;
  }
}

/**
 * For repair, world stopped: empties the stacks of all these threads, so that they can be filled again by `requeue`.
 * Also records that are no spans any more come off them.
 */
export function forgetQueues(mem: Mem, procs: readonly ProcRef[]): void {
  const { m } = mem;
  for (const p of procs) {
    for (let s = Atomics.exchange(m, p + PROC_REMOTE_HEAD, NIL); s !== NIL; s = Atomics.load(m, s + SPAN_REMOTE_NEXT)) {
      Atomics.store(m, s + SPAN_REMOTE_QUEUED, 0);
    }
  }
}

/** For repair, world stopped: puts a span that has notes on its owner's stack, and only then. */
export function requeue(mem: Mem, s: SpanRef, owner: number): void {
  const { m } = mem;
  Atomics.store(m, s + SPAN_REMOTE_QUEUED, 0);
  if (owner !== 0 && hasDeferred(m, s)) queue(m, s, procRef(mem, owner));
}

/** For repair: a thread may have died between noting a part of a tiny block and noting the block. */
export function completeTinyNotes(m: Words, s: SpanRef): void {
  const defer = m[s + SPAN_DEFER];
  if (defer === NIL) return;
  for (let i = 0; i < m[s + SPAN_NELEMS]; i++) {
    if (m[defer + tinyWord(m, s, i)] !== 0) Atomics.or(m, defer + (i >>> 5), 1 << i);
  }
}

/** Whether notes wait for the owner. */
export function hasDeferred(m: Words, s: SpanRef): boolean {
  const defer = m[s + SPAN_DEFER];
  if (defer === NIL) return false;
  const words = (m[s + SPAN_NELEMS] + 31) >>> 5;
  for (let i = 0; i < words; i++) if (Atomics.load(m, defer + i) !== 0) return true;
  return false;
}

/** What to do with one noted slot; `tiny` is its word of the tiny notes, 0 in other spans. */
export type TakeSlot = (s: SpanRef, index: number, tiny: number) => void;

/**
 * Takes all notes of the spans on this record's stack and hands each to `take`. First the whole stack is read and every
 * span is off it; only then are notes taken, which may wait for a lock, and so for the repair of a dead thread, which
 * puts spans on stacks again.
 */
export function takeDeferred(heap: MHeap, ref: ProcRef, take: TakeSlot): void {
  const { m } = heap.t.mem;
  const spans: SpanRef[] = [];
  for (let s = Atomics.exchange(m, ref + PROC_REMOTE_HEAD, NIL) as SpanRef; s !== NIL; ) {
    const next = Atomics.load(m, s + SPAN_REMOTE_NEXT) as SpanRef;
    Atomics.store(m, s + SPAN_REMOTE_QUEUED, 0);
    spans.push(s);
    s = next;
  }
  const id = m[ref + PROC_ID];
  for (const s of spans) {
    // Its notes are taken when it is swept.
    if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE && (isUnswept(m, s) || waitsForSweep(heap, s))) continue;
    const owner = Atomics.load(m, s + SPAN_OWNER);
    if (owner === id) takeSpan(heap, s, take);
    else if (owner !== 0 && m[s + SPAN_STATE] === SPAN_STATE_IN_USE) queue(m, s, procRef(heap.t.mem, owner));
  }
}

/** While the collector marks, tiny blocks are not changed by notes: a snapshot may be reading their masks. */
export function waitsForSweep(heap: MHeap, s: SpanRef): boolean {
  const { m } = heap.t.mem;
  return m[H_WRITE_BARRIER] !== 0 && m[s + SPAN_CLASS] === heap.tinySpanClass;
}

/** Takes the notes of one span, for its owner, or with the world stopped. */
export function takeSpan(heap: MHeap, s: SpanRef, take: TakeSlot): void {
  const { m } = heap.t.mem;
  const nelems = m[s + SPAN_NELEMS];
  const isTiny = m[s + SPAN_CLASS] === heap.tinySpanClass;
  const words = (nelems + 31) >>> 5;
  const owner = m[s + SPAN_OWNER];
  for (let w = 0; w < words; w++) {
    // Asked again for each word: what was taken may have emptied the span, and it may be gone, or another's.
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || Atomics.load(m, s + SPAN_OWNER) !== owner) return;
    const defer = m[s + SPAN_DEFER];
    if (defer === NIL) return;
    let bits = Atomics.exchange(m, defer + w, 0);
    if (bits !== 0) heap.t.pause('defer.taken');
    for (; bits !== 0; bits &= bits - 1) {
      const index = (w << 5) + ctz32(bits);
      const tiny = isTiny ? Atomics.exchange(m, defer + tinyWord(m, s, index), 0) : 0;
      if (!isTiny || tiny !== 0) take(s, index, tiny);
    }
  }
}
