/**
 * Allocation bits as they were when the cycle of a snapshot began (threads/hold.ts), though threads go on allocating and
 * freeing. Copying all of them in the stop would take milliseconds a GiB; instead, whoever is about to change a word of
 * them for the first time copies it, as the first store to a slot of pointers is noted (gc/snapshot-log.ts).
 *
 *   bitsCopies   a word for each word of the gcBits region: what it was
 *   bitsCopied   a bit for each of these: the copy counts
 *
 * Who writes. A word of allocation bits belongs to one span, and is changed by its owner alone, or with the lock of its
 * mcentral held, or, that of a large object, by any thread that frees it. Before the change it is copied, then its bit is
 * set, both by that thread; two that free the same large object copy the 1 that both have seen, for who finds a 0 frees
 * nothing. A window (cache/mcache.ts) is copied when it is made, before any slot of it is handed out; those that are there
 * when the cycle begins, in the stop.
 *
 * Who reads: the thread that takes the snapshot. It reads the word before it looks at the bit. If the bit is not set, no
 * change had begun: `copyBits` ends with an atomic operation on the word itself, so whatever is stored there afterwards is
 * seen no earlier than the bit.
 *
 * All bits are 0 when a cycle is held: they are cleared when the snapshot is claimed, at which time no thread is between
 * seeing the last one held and its next safepoint.
 */
import type { Words } from '../base/brand.ts';
import { H_BITS_REGION_NEXT } from '../layout/header.ts';
import { MC_WIN, MC_WIN_WORD, MC_WORDS, PROC_CLASSES } from '../layout/proc.ts';
import { isHeld } from '../layout/snapshot.ts';
import type { Mem } from '../sys/mem.ts';

/**
 * Before word `w` of allocation bits is changed, which is `bits`: a snapshot may want it as it is. No safepoint between
 * this and the change.
 */
export function keepBits(mem: Mem, w: number, bits: number = mem.m[w]): void {
  if (isHeld(mem.m)) copyBits(mem, w, bits);
}

function copyBits({ m, plan }: Mem, w: number, bits: number): void {
  const n = w - plan.gcBits;
  if (wasCopied(m, plan.bitsCopied, n)) return;
  m[plan.bitsCopies + n] = bits;
  Atomics.or(m, plan.bitsCopied + (n >>> 5), 1 << n);
  Atomics.or(m, w, 0);
}

function wasCopied(m: Words, copied: number, n: number): boolean {
  return (Atomics.load(m, copied + (n >>> 5)) & (1 << n)) !== 0;
}

/** Copies the words of a thread's windows, from which slots are handed out without further ado. World stopped. */
export function keepWindows(mem: Mem, p: number, spanClasses: number): void {
  const { m } = mem;
  for (let spanClass = 2; spanClass < spanClasses; spanClass++) {
    const c = p + PROC_CLASSES + spanClass * MC_WORDS;
    if (m[c + MC_WIN] !== 0) copyBits(mem, m[c + MC_WIN_WORD], m[m[c + MC_WIN_WORD]]);
  }
}

/** Word `w` of allocation bits, as it was. True only if the cycle is still held afterwards. By the snapshot's thread. */
export function heldBits({ m, plan }: Mem, w: number): number {
  const n = w - plan.gcBits;
  const bits = Atomics.load(m, w);
  return wasCopied(m, plan.bitsCopied, n) ? m[plan.bitsCopies + n] : bits;
}

/** Forgets all copies. While nothing is held. */
export function dropHeldBits({ m, plan }: Mem): void {
  m.fill(0, plan.bitsCopied, plan.bitsCopied + ((m[H_BITS_REGION_NEXT] - plan.gcBits + 31) >>> 5));
}
