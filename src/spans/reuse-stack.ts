/** Where the slots lie that a thread holds back for the next requests of their class. See cache/reuse-stacks.ts. */
import type { Words } from '../base/brand.ts';
import { PROC_AREAS, PROC_ROOM_NEXT, PROC_WORDS } from '../layout/proc.ts';
import type { Mem } from '../sys/mem.ts';

/** First word of the reuse stack of a span class of thread `p`. Its entries have two words each. */
export function stackStart(m: Words, p: number, spanClass: number): number {
  return m[p + PROC_AREAS + 2 * spanClass];
}

/** The word behind its last one. The same while the stacks are off. */
export function stackEnd(m: Words, p: number, spanClass: number): number {
  return m[p + PROC_AREAS + 2 * spanClass + 1];
}

/** The word behind those of the reuse room that are in use. */
export function roomEnd({ m, plan }: Mem): number {
  let end = plan.reuseRoom;
  for (let i = 0; i < plan.maxProcs; i++) {
    end = Math.max(end, m[plan.procs + i * PROC_WORDS + PROC_ROOM_NEXT]);
  }
  return end;
}
