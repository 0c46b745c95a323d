/**
 * Adding and removing specials, and from a weak pointer to its object (Go: `addfinalizer`, `addCleanup`,
 * `getOrAddWeakHandle`, `internal_weak_runtime_makeStrongFromWeak`).
 *
 * Each first has the span swept: while the collector has it on its list of spans to sweep, an object in it may be dead
 * already. All run inside a region, so the sweep generation does not change before they are done.
 *
 * The span is also given a record for deferred frees, which keeps `free` of its objects out of the fast path: the slow
 * one looks for specials (malloc/free.ts).
 */
import { NIL, type Ref, type SpanRef, type Words } from '../base/brand.ts';
import { makeDeferRecord } from '../cache/defer.ts';
import { ensureSwept } from '../central/sweep.ts';
import { H_SPECIALS_LOCK, H_WEAK_SERIAL, H_WEAK_SERIAL_HIGH } from '../layout/header.ts';
import { PROC_CALLBACKS_EPOCH, PROC_EPOCH } from '../layout/proc.ts';
import { SPAN_CLASS, SPAN_DEFER, SPAN_NELEMS, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import {
  KIND_CLEANUP,
  KIND_FINALIZER,
  KIND_WEAK,
  SERIAL_TAG,
  SPECIAL_ADDR,
  SPECIAL_EPOCH,
  SPECIAL_ID,
  SPECIAL_KIND,
  SPECIAL_NEXT,
  SPECIAL_PROC,
  SPECIAL_SERIAL,
  SPECIAL_SERIAL_HIGH,
} from '../layout/special.ts';
import { bitsWords } from '../spans/bits-arena.ts';
import { takesCallbacks } from '../spans/callback-queue.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanOf } from '../spans/mspan.ts';
import { outOfMetadata } from '../spans/persistent.ts';
import { findSpecial, freeSpecials, linkSpecial, newSpecial, unlinkSpecial } from '../spans/special-list.ts';
import { dropCallback } from '../spans/specials.ts';

/** Who may have a record: a weak pointer names its record and the serial that it had. */
export interface WeakHandle {
  readonly record: Ref;
  readonly serial: number;
  readonly serialHigh: number;
}

/** The swept span of a live object, ready for specials. Throws OutOfMemoryError. */
export function spanForSpecials(heap: MHeap, addr: number): SpanRef {
  const { m } = heap.t.mem;
  const s = spanOf(heap.t.mem, addr);
  ensureSwept(heap, s);
  if (isLargeClass(m[s + SPAN_CLASS]) || m[s + SPAN_DEFER] !== NIL || makeDeferRecord(heap, s)) return s;
  throw outOfMetadata(heap.t.mem, bitsWords(m[s + SPAN_NELEMS]));
}

/** A record with address and kind, in no list yet. Throws OutOfMemoryError. */
export function recordFor(heap: MHeap, addr: number, kind: number): Ref {
  const r = newSpecial(heap.t);
  const { m } = heap.t.mem;
  m[r + SPECIAL_ADDR] = addr;
  m[r + SPECIAL_KIND] = kind;
  return r;
}

function callbackFor(heap: MHeap, addr: number, kind: number, id: number): Ref {
  const { t } = heap;
  const { m } = t.mem;
  const r = recordFor(heap, addr, kind);
  m[t.ref + PROC_CALLBACKS_EPOCH] = m[t.ref + PROC_EPOCH];
  m[r + SPECIAL_PROC] = t.id;
  m[r + SPECIAL_EPOCH] = m[t.ref + PROC_EPOCH];
  m[r + SPECIAL_ID] = id;
  return r;
}

/** Notes a cleanup of this thread: its callback `id` is queued when the object around `addr` is dead. */
export function addCleanup(heap: MHeap, addr: number, id: number): void {
  const { t } = heap;
  const s = spanForSpecials(heap, addr);
  const r = callbackFor(heap, addr, KIND_CLEANUP, id);
  t.lock(H_SPECIALS_LOCK);
  linkSpecial(t.mem, s, r);
  t.unlock(H_SPECIALS_LOCK);
}

/** Takes a cleanup of this thread back. False: it is not noted any more. The object at `addr` may be dead. */
export function removeCleanup(heap: MHeap, addr: number, id: number): boolean {
  const { t } = heap;
  const { m } = t.mem;
  const s = spanOf(t.mem, addr);
  if (s === NIL) return false;
  ensureSwept(heap, s);
  t.lock(H_SPECIALS_LOCK);
  let r = m[s + SPAN_STATE] === SPAN_STATE_IN_USE ? findSpecial(m, s, addr, KIND_CLEANUP) : (NIL as Ref);
  while (r !== NIL && !isCleanup(m, r, addr, t.id, id)) r = m[r + SPECIAL_NEXT] as Ref;
  // Of a thread before this one in the same record there may be one with the same id.
  if (r !== NIL && takesCallbacks(t.mem, r)) unlinkSpecial(t.mem, s, r);
  else r = NIL as Ref;
  t.unlock(H_SPECIALS_LOCK);
  if (r !== NIL) freeSpecials(t, [r]);
  return r !== NIL;
}

function isCleanup(m: Words, r: Ref, addr: number, proc: number, id: number): boolean {
  if (m[r + SPECIAL_KIND] !== KIND_CLEANUP || m[r + SPECIAL_ADDR] >>> 0 !== addr >>> 0) return false;
  return m[r + SPECIAL_PROC] === proc && m[r + SPECIAL_ID] === id;
}

/** Gives the object at `addr` a finalizer of this thread. False: it has one. */
export function addFinalizer(heap: MHeap, addr: number, id: number): boolean {
  const { t } = heap;
  const s = spanForSpecials(heap, addr);
  const r = callbackFor(heap, addr, KIND_FINALIZER, id);
  t.lock(H_SPECIALS_LOCK);
  const old = findSpecial(t.mem.m, s, addr, KIND_FINALIZER);
  const isFree = old === NIL || !takesCallbacks(t.mem, old);
  if (isFree) {
    if (old !== NIL) unlinkSpecial(t.mem, s, old);
    linkSpecial(t.mem, s, r);
  }
  t.unlock(H_SPECIALS_LOCK);
  if (!isFree) freeSpecials(t, [r]);
  else if (old !== NIL) freeSpecials(t, [old]);
  return isFree;
}

/** Removes the finalizer of an object, whoever set it; its thread is told to forget it. */
export function removeFinalizer(heap: MHeap, addr: number): void {
  const { t } = heap;
  const s = spanOf(t.mem, addr);
  ensureSwept(heap, s);
  t.lock(H_SPECIALS_LOCK);
  const r = findSpecial(t.mem.m, s, addr, KIND_FINALIZER);
  const gone = r !== NIL && !takesCallbacks(t.mem, r);
  if (gone) unlinkSpecial(t.mem, s, r);
  else if (r !== NIL) dropCallback(t.mem, s, r);
  t.unlock(H_SPECIALS_LOCK);
  if (gone) freeSpecials(t, [r]);
}

/** Gives a record the next serial. Specials lock. */
export function numberWeak(m: Words, r: Ref): void {
  m[H_WEAK_SERIAL] = m[H_WEAK_SERIAL] + 1;
  if (m[H_WEAK_SERIAL] === 0) m[H_WEAK_SERIAL] = 1;
  if (m[H_WEAK_SERIAL] === 1) m[H_WEAK_SERIAL_HIGH] = m[H_WEAK_SERIAL_HIGH] + 1;
  Atomics.store(m, r + SPECIAL_SERIAL_HIGH, m[H_WEAK_SERIAL_HIGH] | SERIAL_TAG);
  Atomics.store(m, r + SPECIAL_SERIAL, m[H_WEAK_SERIAL]);
}

export function handleOf(m: Words, record: Ref): WeakHandle {
  return { record, serial: m[record + SPECIAL_SERIAL], serialHigh: m[record + SPECIAL_SERIAL_HIGH] };
}

/** The weak handle of an address in a live object: all threads get the same. */
export function weakHandle(heap: MHeap, addr: number): WeakHandle {
  const { t } = heap;
  const { m } = t.mem;
  const s = spanForSpecials(heap, addr);
  t.lock(H_SPECIALS_LOCK);
  let r = findSpecial(m, s, addr, KIND_WEAK);
  // Cleared, but its sweeper died before it took it out, and the object was revived.
  if (r !== NIL && m[r + SPECIAL_SERIAL] === 0) numberWeak(m, r);
  let handle = handleOf(m, r);
  t.unlock(H_SPECIALS_LOCK);
  if (r !== NIL) return handle;
  const made = recordFor(heap, addr, KIND_WEAK);
  t.lock(H_SPECIALS_LOCK);
  r = findSpecial(m, s, addr, KIND_WEAK);
  const isNew = r === NIL;
  if (isNew) {
    r = made;
    numberWeak(m, r);
    linkSpecial(t.mem, s, r);
  }
  handle = handleOf(m, r);
  t.unlock(H_SPECIALS_LOCK);
  if (!isNew) freeSpecials(t, [made]);
  return handle;
}

/** Whether the record is still that of this handle: its object has not been found dead. */
function isCurrent(m: Words, { record, serial, serialHigh }: WeakHandle): boolean {
  return (
    Atomics.load(m, record + SPECIAL_SERIAL) === serial && Atomics.load(m, record + SPECIAL_SERIAL_HIGH) === serialHigh
  );
}

/**
 * The address behind a weak handle, 0 if its object is dead. In a region; the caller shades it while the collector marks,
 * and roots it before its next safepoint.
 *
 * Go has three rules. The span must be swept first: what was not marked is dead, though nobody has cleared the handle yet;
 * if the serial is the same after that, the object has outlived the last cycle. Not while marking ends: that is done in a
 * stop, and here we are in a region. The result is shaded: the marker does not follow weak handles.
 *
 * The record may be freed, and used for another object, at any moment before the sweep; but then it has another serial,
 * and what was read of it is thrown away. Records are never anything but records.
 */
export function strongFromWeak(heap: MHeap, handle: WeakHandle): number {
  const { mem } = heap.t;
  const { m } = mem;
  if (!isCurrent(m, handle)) return 0;
  const addr = Atomics.load(m, handle.record + SPECIAL_ADDR) >>> 0;
  const s = spanOf(mem, addr);
  if (s === NIL) return 0;
  ensureSwept(heap, s);
  return isCurrent(m, handle) ? addr : 0;
}
