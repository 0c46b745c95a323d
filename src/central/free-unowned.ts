/**
 * Freeing an object of a span that no thread owns: under the lock of its mcentral, which then guards the span's bits
 * and counts as well. Rare: spans are without owner only after their thread detached, died, or had to give them up.
 */
import type { SpanRef } from '../base/brand.ts';
import { GC_FREED_MARKING } from '../layout/gc.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CLASS,
  SPAN_NEEDZERO,
  SPAN_OWNER,
  SPAN_STATE,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { countFreed } from '../spans/heap-stats.ts';
import { keepBits } from '../spans/held-bits.ts';
import type { MHeap } from '../spans/mheap.ts';
import { noteTinyFree, tinyMaskWord, tinyWithout } from '../spans/tiny-mask.ts';
import { centralLock, centralPush, centralRemove } from './mcentral.ts';

/** 'owned': another thread took the span in the meantime, look at it again. */
export type UnownedResult = 'freed' | 'owned' | 'dead';

/** Frees slot `index`, or of a tiny block the object at byte `start` (−1: the slot is one object). */
export function freeUnowned(heap: MHeap, s: SpanRef, index: number, start: number): UnownedResult {
  const { t } = heap;
  const { m } = t.mem;
  const lock = centralLock(t.mem, m[s + SPAN_CLASS]);
  t.lock(lock);
  if (m[s + SPAN_OWNER] !== 0 || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) {
    t.unlock(lock);
    return 'owned';
  }
  const bit = m[s + SPAN_ALLOC_BITS] + index;
  const word = start < 0 ? 0 : tinyMaskWord(m, s, index);
  if ((m[bit >>> 5] & (1 << bit)) === 0 || (start >= 0 && (m[word] & (1 << start)) === 0)) {
    t.unlock(lock);
    return 'dead';
  }
  if (start >= 0) {
    m[word] = tinyWithout(m[word], start);
    noteTinyFree(t.mem, t.ref, s);
    if (m[word] !== 0) {
      t.unlock(lock);
      return 'freed';
    }
  }
  keepBits(t.mem, bit >>> 5);
  m[bit >>> 5] &= ~(1 << bit);
  countFreed(t.mem, t.ref, m[s + SPAN_CLASS], 1);
  if (m[H_WRITE_BARRIER] !== 0) Atomics.store(m, GC_FREED_MARKING, 1);
  m[s + SPAN_NEEDZERO] = 1;
  centralRemove(t.mem, s);
  m[s + SPAN_ALLOC_COUNT]--;
  // While the collector marks no span goes back to mheap: a marker may be about to set a mark in it.
  const empty = m[s + SPAN_ALLOC_COUNT] === 0 && m[H_WRITE_BARRIER] === 0;
  if (empty) {
    m[s + SPAN_OWNER] = t.id;
    Atomics.store(m, s + SPAN_STATE, SPAN_STATE_FREEING);
  } else {
    centralPush(t.mem, s);
  }
  t.unlock(lock);
  if (empty) heap.free(s);
  return 'freed';
}
