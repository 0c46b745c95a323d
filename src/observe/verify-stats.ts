/**
 * The part of `heap.verify()` that compares the two books: what the threads have counted, and what a walk of the spans
 * finds. The world is stopped and everything is swept, so they agree to the byte.
 */
import { PAGE_SIZE } from '../layout/constants.ts';
import { H_GROWN_PAGES } from '../layout/header.ts';
import {
  TM_IN_HEAP,
  TM_IN_STACKS,
  TM_LARGE_ALLOC,
  TM_LARGE_ALLOCS,
  TM_LARGE_FREE,
  TM_LARGE_FREES,
  TM_MAPPED,
  TM_RELEASED,
} from '../layout/proc.ts';
import { slotsAllocated, slotsFreed } from '../spans/heap-stats.ts';
import type { Mem } from '../sys/mem.ts';
import { releasedBytes, walkSpans } from '../threads/repair-stats.ts';
import { sumMeter, usedProcs } from '../threads/stop-the-world.ts';
import { fail } from './verify.ts';

export function verifyStats(mem: Mem): void {
  const walk = walkSpans(mem);
  const procs = usedProcs(mem);
  const same = (name: string, counted: number, found: number): void => {
    if (counted !== found) fail(name, `threads have counted ${counted}, there are ${found}`);
  };
  for (let spanClass = 2; spanClass < walk.live.length; spanClass++) {
    const counted = procs.reduce((n, p) => n + slotsAllocated(mem, p, spanClass) - slotsFreed(mem, p, spanClass), 0);
    same(`stats.class${spanClass}`, counted, walk.live[spanClass]!);
  }
  const large = walk.live[0]! + walk.live[1]!;
  same('stats.largeObjects', sumMeter(mem, TM_LARGE_ALLOCS) - sumMeter(mem, TM_LARGE_FREES), large);
  same('stats.largeBytes', sumMeter(mem, TM_LARGE_ALLOC) - sumMeter(mem, TM_LARGE_FREE), walk.largeBytes);
  same('stats.inHeap', sumMeter(mem, TM_IN_HEAP), walk.inHeap);
  same('stats.inStacks', sumMeter(mem, TM_IN_STACKS), walk.inStacks);
  same('stats.mapped', sumMeter(mem, TM_MAPPED), mem.m[H_GROWN_PAGES] * PAGE_SIZE);
  same('stats.released', sumMeter(mem, TM_RELEASED), releasedBytes(mem));
}
