/**
 * Stores of pointers into object memory. Every pointer that becomes reachable from the heap, and every one that is
 * overwritten, goes through here, whoever stores it: fields, slices, arrays, maps, bulk copies.
 *
 * While the collector marks, H_WRITE_BARRIER is not 0 (Go: `writeBarrier.enabled`) and each store first reports the
 * slot's old pointer and the new one to `onWrite` (Go's hybrid barrier shades both). Off, a store costs one more load of
 * a word that hardly ever changes.
 *
 * Called inside a region only: the word changes while the world is stopped, so between the test and the store there is no
 * safepoint at which it could. What the barrier need not see: shadow stacks, which are copied while
 * their thread is stopped (as Go's stacks are), and pointers in memory that no other thread knows yet, overwriting nil.
 */
import { H_WRITE_BARRIER } from '../layout/header.ts';
import type { RType } from '../malloc/rtype.ts';
import { STORES_ARE_ORDERED } from '../sync/fence.ts';
import type { Mem } from '../sys/mem.ts';

/** What the collector gets to know of a store: the address of the slot, what it held, what it will hold. */
export type WriteHook = (slot: number, old: number, value: number) => void;

export interface Barrier {
  /**
   * Stores a pointer, and publishes what it points to: whoever reads it sees the object as it was (Go:
   * `publicationBarrier`). `slot` and `value` are byte addresses; 0 is nil.
   */
  readonly storePointer: (slot: number, value: number) => void;
  /**
   * Stores a pointer if the slot still holds `expected`; what it held before. For slots that threads race for: the
   * store is sequentially consistent. Reported whether it stores or not.
   */
  readonly casPointer: (slot: number, expected: number, value: number) => number;
  /**
   * Before `count` values of a type at `dst` are overwritten with those at `src`, or with zeroes if `src` is 0
   * (Go: `bulkBarrierPreWrite`).
   */
  readonly bulkBarrier: (dst: number, src: number, type: RType, count: number) => void;
  /** Wired by the collector. */
  onWrite: WriteHook;
  /** Before a store with a lock held: what the hook may need the lock for is done now. Wired by the collector. */
  makeRoom: () => void;
}

export function makeBarrier(mem: Mem): Barrier {
  const { m, i32 } = mem;
  const ordered = STORES_ARE_ORDERED;

  function storePointer(slot: number, value: number): void {
    if (m[H_WRITE_BARRIER] !== 0) barrier.onWrite(slot >>> 0, i32[slot >>> 2] >>> 0, value >>> 0);
    if (ordered) i32[slot >>> 2] = value;
    else Atomics.store(i32, slot >>> 2, value | 0);
  }

  function casPointer(slot: number, expected: number, value: number): number {
    // Before it is known whether it stores: who dies after the store has reported it.
    if (m[H_WRITE_BARRIER] !== 0) barrier.onWrite(slot >>> 0, expected >>> 0, value >>> 0);
    return Atomics.compareExchange(i32, slot >>> 2, expected | 0, value | 0) >>> 0;
  }

  function bulkBarrier(dst: number, src: number, type: RType, count: number): void {
    if (m[H_WRITE_BARRIER] === 0 || type.ptrBytes === 0) return;
    for (let i = 0; i < count; i++) {
      for (const p of type.pointers) {
        const at = i * type.size + p;
        barrier.onWrite((dst + at) >>> 0, i32[(dst + at) >>> 2] >>> 0, src === 0 ? 0 : i32[(src + at) >>> 2] >>> 0);
      }
    }
  }

  const barrier: Barrier = { storePointer, casPointer, bulkBarrier, onWrite: () => {}, makeRoom: () => {} };
  return barrier;
}
