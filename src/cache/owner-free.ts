/**
 * Freeing what one's own spans hold, and taking the frees that other threads noted (see defer.ts). The owner of a span
 * is the only one who puts its slots back into circulation.
 */
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { freeUnowned } from '../central/free-unowned.ts';
import { ensureSwept, isUnswept } from '../central/sweep.ts';
import { TINY_SIZE } from '../layout/constants.ts';
import { PROC_REMOTE_HEAD, PROC_TINY, PROC_TINY_MASK, PROC_TINY_OFFSET, TM_BAD_DEFERRED } from '../layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_BASE,
  SPAN_DEFER,
  SPAN_ELEMSIZE,
  SPAN_OWNER,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { count } from '../spans/heap-stats.ts';
import { noteTinyFree, tinyMaskWord, tinyWithout } from '../spans/tiny-mask.ts';
import { zeroSmall } from '../spans/zero.ts';
import { deferBit, deferFree, takeDeferred } from './defer.ts';
import type { MCache } from './mcache.ts';

/** Whether the slot's allocation bit is set. */
export function isLive(m: Words, s: SpanRef, index: number): boolean {
  const bit = m[s + SPAN_ALLOC_BITS] + index;
  return (m[bit >>> 5] & (1 << bit)) !== 0;
}

/** Frees the object at byte `start` of tiny block `index`; with the last one goes the block. */
export function freeTiny(cache: MCache, s: SpanRef, index: number, start: number): void {
  const { mem } = cache.heap.t;
  const { m } = mem;
  const word = tinyMaskWord(m, s, index);
  m[word] = tinyWithout(m[word], start);
  noteTinyFree(mem, cache.ref, s);
  if (m[word] !== 0) return;
  const p = cache.ref;
  if (m[p + PROC_TINY] !== 0 && m[p + PROC_TINY_MASK] === word) {
    // The block that is being filled: begin it again.
    m[p + PROC_TINY_OFFSET] = 0;
    zeroSmall(mem.f64, m[p + PROC_TINY] >>> 0, TINY_SIZE);
  } else {
    cache.freeSlot(s, index);
  }
}

/** Stops filling the current tiny block; an empty one is freed. */
export function dropTiny(cache: MCache): void {
  const { m } = cache.heap.t.mem;
  const p = cache.ref;
  const block = m[p + PROC_TINY] >>> 0;
  if (block === 0) return;
  const word = m[p + PROC_TINY_MASK];
  m[p + PROC_TINY] = 0;
  m[p + PROC_TINY_OFFSET] = 0;
  m[p + PROC_TINY_MASK] = NIL;
  if (m[word] !== 0) return;
  const s = cache.spanOf(block);
  cache.freeSlot(s, (block - (m[s + SPAN_BASE] >>> 0)) / m[s + SPAN_ELEMSIZE]);
}

/** Takes all frees that other threads noted for this thread. */
export function drainDeferred(cache: MCache): void {
  if (cache.heap.t.mem.m[cache.ref + PROC_REMOTE_HEAD] === NIL) return;
  takeDeferred(cache.heap, cache.ref, (s, index, tiny) => takeNoted(cache, s, index, tiny));
}

function takeNoted(cache: MCache, s: SpanRef, index: number, tiny: number): void {
  if (tiny === 0) freeNoted(cache, s, index, -1);
  for (let start = 0; start < TINY_SIZE; start++) {
    if ((tiny & (1 << start)) !== 0) freeNoted(cache, s, index, start);
  }
}

/** `start` −1: the slot is one object. */
function freeNoted(cache: MCache, s: SpanRef, index: number, start: number): void {
  const { mem } = cache.heap.t;
  const { m } = mem;
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
  // Notes of a span that is still to be swept are taken by the one who sweeps it; this one was taken before.
  if (isUnswept(m, s)) ensureSwept(cache.heap, s);
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
  const owner = m[s + SPAN_OWNER];
  if (owner === 0) {
    freeUnowned(cache.heap, s, index, start);
  } else if (owner !== cache.id && m[s + SPAN_DEFER] !== NIL) {
    deferFree(cache.heap, s, owner, index, deferBit(start));
  } else if (owner !== cache.id || !isObject(cache, s, index, start)) {
    count(mem, cache.ref, TM_BAD_DEFERRED, 1);
  } else {
    if (start < 0) cache.freeSlot(s, index);
    else freeTiny(cache, s, index, start);
  }
}

/** Asked again when a note is taken: between note and now the program may have freed the object a second time. */
function isObject(cache: MCache, s: SpanRef, index: number, start: number): boolean {
  const { m } = cache.heap.t.mem;
  return isLive(m, s, index) && (start < 0 || (m[tinyMaskWord(m, s, index)] & (1 << start)) !== 0);
}
