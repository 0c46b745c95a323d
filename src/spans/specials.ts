/**
 * What becomes of the specials of a dead object (Go: the special pass of `sweepLocked.sweep`, and `freeSpecial`).
 *
 * An object with a finalizer is revived, once: the finalizer becomes pending, the object and what it leads to live until
 * its thread has called it, and cleanups wait. Weak pointers are cleared in any case, before any finalizer can run, so
 * nobody finds a dead object through one. What a finalizer's object leads to was marked (gc/special-roots.ts), so another
 * object with a finalizer that it leads to is not dead yet: finalizers run in the order of dependency, one a cycle.
 *
 * The objects of a tiny block die with the block: if one of them is revived, all are.
 *
 * A callback whose thread has gone is dropped when it is met, and revives nothing.
 *
 * The record of a sampled object ends with the object, and keeps nothing alive: see profile.ts.
 */
import { NIL, type Ref, type SpanRef, type Words } from '../base/brand.ts';
import { H_SPECIALS_LOCK } from '../layout/header.ts';
import { SPAN_ALLOC_BITS, SPAN_GCMARK_BITS, SPAN_SPECIALS, SPAN_SPECIALS_GEN, SPAN_SWEEPGEN } from '../layout/span.ts';
import {
  KIND_CLEANUP,
  KIND_DROPPED,
  KIND_FINALIZER,
  KIND_INTERNED,
  KIND_PENDING,
  KIND_PROFILE,
  KIND_WEAK,
  SPECIAL_ADDR,
  SPECIAL_KIND,
  SPECIAL_NEXT,
  SPECIAL_PROFILE_BUCKET,
  SPECIAL_SERIAL,
  SPECIAL_SERIAL_HIGH,
} from '../layout/special.ts';
import type { Mem } from '../sys/mem.ts';
import { pushCallback, queueCallback, takesCallbacks } from './callback-queue.ts';
import { unlinkInterned } from './intern-table.ts';
import type { MHeap } from './mheap.ts';
import { countFreed, countSwept } from './profile.ts';
import { freeSpecials, noteSlots, slotOf, unlinkSpecial } from './special-list.ts';

/**
 * Handles the specials of a span's dead objects: those without a mark bit. Sets the mark bit of those that are revived.
 * The caller sweeps the span, and comes here before it looks at the mark bits, or touches what is dead; no lock held.
 */
export function sweepSpecials(heap: MHeap, s: SpanRef): void {
  const { t } = heap;
  const freed: Ref[] = [];
  t.lock(H_SPECIALS_LOCK);
  sweepList(heap, s, freed);
  t.unlock(H_SPECIALS_LOCK);
  freeSpecials(t, freed);
}

/**
 * The same for a span whose sweeper has died, unless it had come that far: its unmarked objects are kept until the next
 * cycle, but what they lead to is swept in this one, so nobody may find them. World stopped; the records are lost.
 */
export function finishSpecials(heap: MHeap, s: SpanRef): void {
  const { m } = heap.t.mem;
  if (m[s + SPAN_SPECIALS] !== NIL && m[s + SPAN_SPECIALS_GEN] !== m[s + SPAN_SWEEPGEN]) sweepList(heap, s, []);
}

/** Specials lock, or world stopped. */
function sweepList(heap: MHeap, s: SpanRef, freed: Ref[]): void {
  const { m } = heap.t.mem;
  const marks = m[s + SPAN_GCMARK_BITS];
  // The link to the first record that has not been looked at.
  let link = s + SPAN_SPECIALS;
  while (m[link] !== NIL) {
    const first = m[link] as Ref;
    const index = slotOf(m, s, m[first + SPECIAL_ADDR]);
    const bit = marks + index;
    if ((m[bit >>> 5] & (1 << bit)) === 0) {
      const group = ofSlot(m, s, first, index);
      if (buryOrRevive(heap, s, group, link, freed)) m[bit >>> 5] |= 1 << bit;
    }
    while (m[link] !== NIL && slotOf(m, s, m[m[link] + SPECIAL_ADDR]) === index) link = m[link] + SPECIAL_NEXT;
  }
  noteSlots(m, s);
  m[s + SPAN_SPECIALS_GEN] = m[s + SPAN_SWEEPGEN];
}

/** The records of a slot: this one and those that follow. */
function ofSlot(m: Words, s: SpanRef, first: Ref, index: number): Ref[] {
  const group: Ref[] = [];
  for (let r = first; r !== NIL && slotOf(m, s, m[r + SPECIAL_ADDR]) === index; r = m[r + SPECIAL_NEXT] as Ref) {
    group.push(r);
  }
  return group;
}

/**
 * All specials of one dead object; those that end are added to `freed`. `link` leads to the first of them. True: the object
 * is revived.
 */
function buryOrRevive(heap: MHeap, s: SpanRef, group: readonly Ref[], link: number, freed: Ref[]): boolean {
  const { mem } = heap.t;
  const { m } = mem;
  for (const r of group) if (killWeak(m, r)) end(mem, s, r, freed, link);
  const revives = (r: Ref): boolean => m[r + SPECIAL_KIND] <= KIND_PENDING && takesCallbacks(mem, r);
  const revived = group.some(revives);
  for (const r of group) {
    const kind = m[r + SPECIAL_KIND];
    if (kind === KIND_WEAK || kind === KIND_INTERNED) continue;
    if (kind === KIND_PROFILE) {
      if (revived) continue;
      end(mem, s, r, freed, link);
      countSwept(m, m[r + SPECIAL_PROFILE_BUCKET] as Ref);
      continue;
    }
    if (!takesCallbacks(mem, r)) end(mem, s, r, freed, link);
    else if (kind === KIND_FINALIZER || (kind === KIND_CLEANUP && !revived)) queueCallback(heap.t, s, r, link);
  }
  return revived;
}

/** Clears a weak pointer: who holds it finds another serial. False for records of other kinds. Specials lock. */
function killWeak(m: Words, r: Ref): boolean {
  const kind = m[r + SPECIAL_KIND];
  if (kind !== KIND_WEAK && kind !== KIND_INTERNED) return false;
  Atomics.store(m, r + SPECIAL_SERIAL, 0);
  Atomics.store(m, r + SPECIAL_SERIAL_HIGH, 0);
  if (kind === KIND_INTERNED) unlinkInterned(m, r);
  return true;
}

function end(mem: Mem, s: SpanRef, r: Ref, freed: Ref[], link?: number): void {
  unlinkSpecial(mem, s, r, link);
  freed.push(r);
}

/**
 * Handles the specials of `size` bytes at `addr`, which are about to be freed by hand: weak pointers are cleared,
 * cleanups are queued, finalizers are dropped, a sampled object is counted. In a region, the span is swept, no lock held.
 */
export function dropSpecials(heap: MHeap, s: SpanRef, addr: number, size: number): void {
  const { t } = heap;
  const { mem } = t;
  const { m } = mem;
  const freed: Ref[] = [];
  t.lock(H_SPECIALS_LOCK);
  for (let r = m[s + SPAN_SPECIALS] as Ref; r !== NIL; ) {
    const next = m[r + SPECIAL_NEXT] as Ref;
    const at = m[r + SPECIAL_ADDR] >>> 0;
    if (at >= addr + size) break;
    if (at >= addr) {
      if (m[r + SPECIAL_KIND] === KIND_PROFILE) {
        end(mem, s, r, freed);
        t.pause('special.freed');
        countFreed(m, m[r + SPECIAL_PROFILE_BUCKET] as Ref);
      } else if (killWeak(m, r) || !takesCallbacks(mem, r)) end(mem, s, r, freed);
      else if (m[r + SPECIAL_KIND] === KIND_CLEANUP) queueCallback(t, s, r);
      else dropCallback(mem, s, r);
    }
    r = next;
  }
  t.unlock(H_SPECIALS_LOCK);
  freeSpecials(t, freed);
}

/** Takes a finalizer back: its thread is told to forget it. Specials lock. */
export function dropCallback(mem: Mem, s: SpanRef, r: Ref): void {
  const { m } = mem;
  const queued = m[r + SPECIAL_KIND] === KIND_PENDING;
  unlinkSpecial(mem, s, r);
  m[r + SPECIAL_KIND] = KIND_DROPPED;
  if (!queued) pushCallback(mem, r);
}

/**
 * Records of sampled objects in slots that hold none: a thread died between allocating a slot and giving it away. World
 * stopped; the records are lost.
 */
export function dropUnborn(mem: Mem, s: SpanRef): void {
  const { m } = mem;
  for (let r = m[s + SPAN_SPECIALS] as Ref; r !== NIL; r = m[r + SPECIAL_NEXT] as Ref) {
    const bit = m[s + SPAN_ALLOC_BITS] + slotOf(m, s, m[r + SPECIAL_ADDR]);
    if (m[r + SPECIAL_KIND] !== KIND_PROFILE || (m[bit >>> 5] & (1 << bit)) !== 0) continue;
    unlinkSpecial(mem, s, r);
    countFreed(m, m[r + SPECIAL_PROFILE_BUCKET] as Ref);
  }
}
