/**
 * The lists of special records (Go: `addspecial`, `removespecial`, `specialFindSplicePoint`, `spanHasSpecials`), and
 * their memory.
 *
 * All lists are guarded by one leaf lock, H_SPECIALS_LOCK (Go has one a span). What makes a dead owner harmless: a record
 * is whole before one store links it, and one store takes it out, so the lists are right at each moment. What is also
 * stored elsewhere, the bits of pageSpecials and the buckets of interned text, is made again from them
 * (threads/repair-specials.ts). A record in the hand of the dead is lost.
 *
 * A span that is to be swept may have records of dead objects. So whoever adds or removes one has the span swept first,
 * and reaches no safepoint in between: then the object is alive until he does.
 */
import { NIL, type Ref, type SpanRef, type Words } from '../base/brand.ts';
import { OutOfMemoryError } from '../base/errors.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../layout/constants.ts';
import { FIX_SPECIALS } from '../layout/fixalloc.ts';
import { H_HEAP_LOCK, H_PAGES_IN_USE } from '../layout/header.ts';
import { SPAN_CLASS, SPAN_SPECIAL_SLOTS, SPAN_SPECIALS } from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import { KIND_NONE, SPECIAL_ADDR, SPECIAL_KIND, SPECIAL_NEXT, SPECIAL_WORDS } from '../layout/special.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { fixAlloc, fixFree } from './fixalloc.ts';
import { slotIndex, spanBase } from './mspan.ts';

/** A record of nothing yet. Throws OutOfMemoryError. No lock held. */
export function newSpecial(t: Proc): Ref {
  t.lock(H_HEAP_LOCK);
  const r = fixAlloc(t, FIX_SPECIALS);
  t.unlock(H_HEAP_LOCK);
  if (r !== NIL) return r;
  const { m, plan } = t.mem;
  throw new OutOfMemoryError(SPECIAL_WORDS * 4, Atomics.load(m, H_PAGES_IN_USE) * PAGE_SIZE, plan.pages * PAGE_SIZE);
}

/** Frees records that are in no list any more. No lock held. */
export function freeSpecials(t: Proc, records: readonly Ref[]): void {
  if (records.length === 0) return;
  t.lock(H_HEAP_LOCK);
  for (const r of records) {
    t.mem.m[r + SPECIAL_KIND] = KIND_NONE;
    fixFree(t, FIX_SPECIALS, r);
  }
  t.unlock(H_HEAP_LOCK);
}

/** Slot of a span that an address lies in; 0 for a large object. */
export function slotOf(m: Words, s: SpanRef, addr: number): number {
  return isLargeClass(m[s + SPAN_CLASS]) ? 0 : slotIndex(m, s, addr);
}

/** Whether record `r` comes before what would be of this address and kind. */
function isBefore(m: Words, r: number, addr: number, kind: number): boolean {
  const at = m[r + SPECIAL_ADDR] >>> 0;
  return at < addr || (at === addr && m[r + SPECIAL_KIND] < kind);
}

/** The first record of an address and kind, nil if there is none. Specials lock. */
export function findSpecial(m: Words, s: SpanRef, addr: number, kind: number): Ref {
  let r = m[s + SPAN_SPECIALS];
  while (r !== NIL && isBefore(m, r, addr >>> 0, kind)) r = m[r + SPECIAL_NEXT];
  if (r === NIL || m[r + SPECIAL_ADDR] >>> 0 !== addr >>> 0 || m[r + SPECIAL_KIND] !== kind) return NIL as Ref;
  return r as Ref;
}

/** Puts a record that has its address and kind where it belongs, after those of the same. Specials lock. */
export function linkSpecial(mem: Mem, s: SpanRef, r: Ref): void {
  const { m } = mem;
  const addr = m[r + SPECIAL_ADDR] >>> 0;
  const after = m[r + SPECIAL_KIND] + 1;
  let word = s + SPAN_SPECIALS;
  while (m[word] !== NIL && isBefore(m, m[word], addr, after)) word = m[word] + SPECIAL_NEXT;
  m[r + SPECIAL_NEXT] = m[word];
  // Before the record: whoever owns the span looks at this word alone.
  if (!isLargeClass(m[s + SPAN_CLASS])) Atomics.or(m, s + SPAN_SPECIAL_SLOTS, 1 << slotIndex(m, s, addr));
  Atomics.store(m, word, r);
  noteSpecials(mem, s);
}

/**
 * Takes a record out of its span's list. False: it is not in it. `from`: a link of the list, at or before the one to the
 * record; the list's head by default. Specials lock.
 */
export function unlinkSpecial(mem: Mem, s: SpanRef, r: Ref, from: number = s + SPAN_SPECIALS): boolean {
  const { m } = mem;
  let word = from;
  while (m[word] !== NIL && m[word] !== r) word = m[word] + SPECIAL_NEXT;
  if (m[word] === NIL) return false;
  Atomics.store(m, word, m[r + SPECIAL_NEXT]);
  if (m[s + SPAN_SPECIALS] === NIL) noteSpecials(mem, s);
  return true;
}

/** Makes the span's bit of pageSpecials say whether it has specials (Go: `spanHasSpecials`, `spanHasNoSpecials`). */
export function noteSpecials(mem: Mem, s: SpanRef): void {
  const { m, plan } = mem;
  const page = spanBase(m, s) >>> PAGE_SHIFT;
  const word = plan.pageSpecials + (page >>> 5);
  if (m[s + SPAN_SPECIALS] !== NIL) Atomics.or(m, word, 1 << page);
  else {
    Atomics.and(m, word, ~(1 << page));
    if (!isLargeClass(m[s + SPAN_CLASS])) Atomics.store(m, s + SPAN_SPECIAL_SLOTS, 0);
  }
}

/** Makes SPAN_SPECIAL_SLOTS name only slots that have specials, of a span that nobody uses. Specials lock. */
export function noteSlots(m: Words, s: SpanRef): void {
  if (isLargeClass(m[s + SPAN_CLASS])) return;
  let slots = 0;
  for (let r = m[s + SPAN_SPECIALS]; r !== NIL; r = m[r + SPECIAL_NEXT])
    slots |= 1 << slotIndex(m, s, m[r + SPECIAL_ADDR]);
  Atomics.store(m, s + SPAN_SPECIAL_SLOTS, slots);
}

/** Whether slot `index` of an own span of small objects may have specials. */
export function maySpecial(m: Words, s: SpanRef, index: number): boolean {
  return (m[s + SPAN_SPECIAL_SLOTS] & (1 << index)) !== 0;
}
