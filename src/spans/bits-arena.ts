/**
 * Mark and allocation bits (Go: `newMarkBits`, `nextMarkBitArenaEpoch`).
 *
 * Bits are cut from 64 KiB blocks. A block has one of four roles: `next` gives out bits for the coming cycle;
 * `current` holds bits cut before the last epoch, now being marked or allocated from; `previous` those of the
 * epoch before, still read as allocation bits until their spans are swept; `free`. Each epoch moves every role on by
 * one, so bits need no free of their own.
 *
 * The bump inside the first `next` block is atomic, and by pieces, each one thread's and a page of the processor's; everything
 * else is under the heap lock.
 */
import { roundUp } from '../base/bits.ts';
import { NIL, type Ref } from '../base/brand.ts';
import { ARENA_BITS, ARENA_EPOCH, ARENA_NEXT, ARENA_USED, ARENA_WORDS, PIECE_WORDS } from '../layout/bits-arena.ts';
import {
  H_BITS_CURRENT,
  H_BITS_EPOCH,
  H_BITS_FREE,
  H_BITS_NEXT,
  H_BITS_PREVIOUS,
  H_BITS_REGION_NEXT,
  H_HEAP_LOCK,
} from '../layout/header.ts';
import { PROC_BITS_END, PROC_BITS_EPOCH, PROC_BITS_NEXT } from '../layout/proc.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';

/**
 * Words of a bitmap for `nelems` slots: whole 64-bit units, as Go, and at least one bit more than slots. An address in the
 * tail of a span can be where one slot more would begin; its bit is 0, and not the first of the next bitmap.
 */
export function bitsWords(nelems: number): number {
  return ((nelems + 64) >>> 6) << 1;
}

/** Cuts `words` zeroed words without a lock; nil when the first `next` block has no room left. */
export function tryAllocBits(t: Proc, words: number): Ref {
  const { m } = t.mem;
  const p = t.ref;
  const next = m[p + PROC_BITS_NEXT];
  if (next + words <= m[p + PROC_BITS_END] && m[p + PROC_BITS_EPOCH] === m[H_BITS_EPOCH]) {
    m[p + PROC_BITS_NEXT] = next + words;
    return next as Ref;
  }
  const arena = Atomics.load(m, H_BITS_NEXT);
  const piece = roundUp(words, PIECE_WORDS);
  if (arena === NIL || m[arena + ARENA_USED] + piece > ARENA_WORDS) return NIL as Ref;
  const used = Atomics.add(m, arena + ARENA_USED, piece);
  return used + piece > ARENA_WORDS ? (NIL as Ref) : takePiece(t, arena + used, words);
}

/** The thread's piece is now the one from here to the end of a page; the first `words` of it are handed out. */
function takePiece(t: Proc, start: number, words: number): Ref {
  const { m } = t.mem;
  // It is 0, but read before it is written, which costs two page faults.
  m[start] = 0;
  // Whoever dies in here leaves no piece or the whole: the record's next thread cuts on from it.
  m[t.ref + PROC_BITS_END] = 0;
  m[t.ref + PROC_BITS_NEXT] = start + words;
  m[t.ref + PROC_BITS_EPOCH] = m[H_BITS_EPOCH];
  m[t.ref + PROC_BITS_END] = roundUp(start + words, PIECE_WORDS);
  return start as Ref;
}

/** Cuts `words` zeroed words, less than a block has. Lock: mheap. Nil when the gcBits region is used up. */
export function allocBits(t: Proc, words: number): Ref {
  t.assertHeld(H_HEAP_LOCK);
  const m = t.mem.m;
  const bits = tryAllocBits(t, words);
  if (bits !== NIL) return bits;
  let arena = m[H_BITS_FREE];
  if (arena !== NIL) {
    m[H_BITS_FREE] = m[arena + ARENA_NEXT];
    m.fill(0, arena, arena + ARENA_WORDS);
  } else {
    arena = m[H_BITS_REGION_NEXT];
    if (arena + ARENA_WORDS > t.mem.plan.gcBitsEnd) return NIL as Ref;
    m[H_BITS_REGION_NEXT] = arena + ARENA_WORDS;
  }
  m[arena + ARENA_EPOCH] = m[H_BITS_EPOCH];
  m[arena + ARENA_NEXT] = m[H_BITS_NEXT];
  m[arena + ARENA_USED] = roundUp(ARENA_BITS + words, PIECE_WORDS);
  Atomics.store(m, H_BITS_NEXT, arena);
  return takePiece(t, arena + ARENA_BITS, words);
}

/**
 * Starts a new epoch: previous → free, current → previous, next → current. Once a cycle, when every span holds bits of
 * `current` or later. Lock: mheap.
 */
export function nextMarkBitArenaEpoch(t: Proc): void {
  t.assertHeld(H_HEAP_LOCK);
  const m = t.mem.m;
  let last = m[H_BITS_PREVIOUS];
  if (last !== NIL) {
    while (m[last + ARENA_NEXT] !== NIL) last = m[last + ARENA_NEXT];
    m[last + ARENA_NEXT] = m[H_BITS_FREE];
    m[H_BITS_FREE] = m[H_BITS_PREVIOUS];
  }
  m[H_BITS_PREVIOUS] = m[H_BITS_CURRENT];
  m[H_BITS_CURRENT] = m[H_BITS_NEXT];
  m[H_BITS_EPOCH] = m[H_BITS_EPOCH] + 1;
  Atomics.store(m, H_BITS_NEXT, NIL);
}

/**
 * After a thread died in the heap lock. What was free is lost, and a change of epoch that was begun is completed: two of
 * the roles name the same blocks then. World stopped.
 */
export function repairBitArenas({ m }: Mem): void {
  m[H_BITS_FREE] = NIL;
  const half = m[H_BITS_PREVIOUS] !== NIL && m[H_BITS_PREVIOUS] === m[H_BITS_CURRENT];
  if (half) m[H_BITS_CURRENT] = m[H_BITS_NEXT];
  if (half || (m[H_BITS_CURRENT] !== NIL && m[H_BITS_CURRENT] === m[H_BITS_NEXT])) {
    m[H_BITS_EPOCH] = m[H_BITS_EPOCH] + 1;
    Atomics.store(m, H_BITS_NEXT, NIL);
  }
}
