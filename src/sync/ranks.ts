/**
 * The locks, in the order in which they may be taken (Go: `lockrank.go`).
 *
 *   1  world     the right to stop the world; held across a stop. A thread that waits for it is outside its region.
 *   2  mcentral  one a span class: the four span sets, and all spans in them
 *      gcWork    the collector's list of full work buffers
 *      mheap     page allocator, fixallocs, persistent memory, mark-bit arenas, type table
 *      specials  all lists of special records, queues of callbacks, the table of interned text
 *
 * Rank 2 locks are leaves: a thread holds at most one of them. That is a stronger rule than an order, and it is what
 * makes a dead thread repairable: whoever else waits for a lock holds nothing that is half changed. And nobody waits for
 * one with the world lock while the world runs: its owner may have died, and only who has the world lock can repair what it
 * left. (Once the world is stopped no living thread holds one.) `Proc.lock` asserts both, always.
 */
import { GC_WORK_LOCK } from '../layout/gc.ts';
import { H_HEAP_LOCK, H_SPECIALS_LOCK, H_WORLD_LOCK } from '../layout/header.ts';

/** Name of a lock for messages. */
export function lockName(word: number): string {
  if (word === H_WORLD_LOCK) return 'world';
  if (word === H_HEAP_LOCK) return 'mheap';
  if (word === H_SPECIALS_LOCK) return 'specials';
  if (word === GC_WORK_LOCK) return 'gcWork';
  return 'mcentral';
}
