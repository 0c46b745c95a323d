/**
 * Where gctrace lines go: to stderr, from whichever thread ends the cycle; or to a function of the thread that made the
 * heap.
 */
import { type CycleRecord, lastCycles } from '../gc/stats.ts';
import { traceLine } from '../gc/trace.ts';
import { GC_TRACE } from '../layout/gc.ts';
import type { Mem } from '../sys/mem.ts';
import { printError } from './worker-threads.ts';

/**
 * What a thread does with each cycle that it ends. `own` is told of the cycles that other threads have ended since, too: a
 * function can only be called where it is.
 */
export function traceTo(mem: Mem, own?: (line: string) => void): (record: CycleRecord) => void {
  let told = 0;
  return (record) => {
    if (mem.m[GC_TRACE] !== 0) printError(traceLine(record));
    if (own === undefined) return;
    for (const past of lastCycles(mem)) {
      if (past.cycle <= told) continue;
      told = past.cycle;
      own(traceLine(past));
    }
  };
}
