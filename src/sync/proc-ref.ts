/** Where a thread's record is: beneath both who holds it (proc.ts) and who writes its trace (trace.ts). */
import type { ProcRef } from '../base/brand.ts';
import { PROC_WORDS } from '../layout/proc.ts';
import type { Mem } from '../sys/mem.ts';

/** Record of the thread with this id. */
export function procRef(mem: Mem, id: number): ProcRef {
  return (mem.plan.procs + (id - 1) * PROC_WORDS) as ProcRef;
}
