/** What one thread's part of the collector is built on. */
import type { TypeTable } from '../malloc/rtype.ts';
import type { MHeap } from '../spans/mheap.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';
import type { Books } from './books.ts';
import type { GCCPULimiter } from './limiter.ts';
import type { Marker } from './marker.ts';
import type { GCController } from './pacer.ts';
import type { CycleRecord } from './stats.ts';

export interface GcContext {
  readonly t: Proc;
  readonly heap: MHeap;
  readonly mem: Mem;
  readonly table: TypeTable;
  readonly marker: Marker;
  readonly books: Books;
  readonly pacer: GCController;
  readonly limiter: GCCPULimiter;
  readonly stop: StopOptions;
  /** Told of each cycle that this thread ended. */
  readonly onCycle: (record: CycleRecord) => void;
  /** CPUs that the collector counts with: the attached threads. */
  procs(): number;
  /** Those of them that run the program: all but the background worker. */
  mutators(): number;
  /** The share of them, 0 to 1, that the background worker takes while the collector marks. */
  backgroundShare(): number;
  /** Goal, trigger and the sweepers' line, from the last cycle's outcome and the settings. World stopped, or heap lock. */
  repace(isSweepDone: boolean): void;
}
