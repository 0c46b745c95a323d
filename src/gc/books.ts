/** What the pacer, the limiter and the sweep pacing ask of a heap: the shared counters, in bytes. */
import type { Words } from '../base/brand.ts';
import { isAllSwept } from '../central/sweep.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import { GC_HEAP_LIVE, GC_HEAP_SCAN, GC_MARKED, GC_PAGES_SWEPT, GC_SCAN_WORK, GC_STACK_SCAN } from '../layout/gc.ts';
import { H_BITS_REGION_NEXT, H_PAGES_IN_USE, H_PERSISTENT_NEXT } from '../layout/header.ts';
import { TM_ASSIST_NS, TM_MARK_NS, TM_SWEEP_NS } from '../layout/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { sumMeter } from '../threads/stop-the-world.ts';
import type { LimiterBooks } from './limiter.ts';
import type { PacerBooks } from './pacer.ts';

/** Counters are in units of 8 bytes. A sum that threads are changing may be below 0 for a moment. */
function bytes(m: Words, word: number): number {
  return Math.max(0, Atomics.load(m, word)) * 8;
}

export interface CpuTimes {
  /** Nanoseconds of marking in the background and on request, of assists, and of sweeping. */
  readonly mark: number;
  readonly assist: number;
  readonly sweep: number;
}

export function cpuTimes(mem: Mem): CpuTimes {
  return {
    mark: sumMeter(mem, TM_MARK_NS),
    assist: sumMeter(mem, TM_ASSIST_NS),
    sweep: sumMeter(mem, TM_SWEEP_NS),
  };
}

export class Books implements PacerBooks, LimiterBooks {
  readonly #mem: Mem;
  /** Assist time that the limiter has been told. */
  #assistTold = 0;

  constructor(mem: Mem) {
    this.#mem = mem;
  }

  heapLive(): number {
    return bytes(this.#mem.m, GC_HEAP_LIVE);
  }

  heapScan(): number {
    return bytes(this.#mem.m, GC_HEAP_SCAN);
  }

  heapScanWork(): number {
    return bytes(this.#mem.m, GC_SCAN_WORK);
  }

  stackScanWork(): number {
    return bytes(this.#mem.m, GC_STACK_SCAN);
  }

  globalsScanWork(): number {
    return 0;
  }

  maxStackScan(): number {
    return bytes(this.#mem.m, GC_STACK_SCAN);
  }

  globalsScan(): number {
    return 0;
  }

  /**
   * None: JavaScript cannot give memory back, so free pages are as good as released ones. If they counted as memory that
   * is used up, a heap that was once above its limit would be above it for ever.
   */
  heapFree(): number {
    return 0;
  }

  /**
   * Only the difference of the two matters to the pacer: bytes in objects. Until all is swept, what is dead is among them,
   * and takes up the pages in use.
   */
  totalAlloc(): number {
    const { m } = this.#mem;
    const live = this.heapLive();
    return isAllSwept(m) ? live : Math.max(live, Atomics.load(m, H_PAGES_IN_USE) * PAGE_SIZE);
  }

  totalFree(): number {
    return 0;
  }

  mappedReady(): number {
    const { m, plan } = this.#mem;
    const metadata = m[H_PERSISTENT_NEXT] - plan.persistent + m[H_BITS_REGION_NEXT] - plan.gcBits;
    return m[H_PAGES_IN_USE] * PAGE_SIZE + metadata * 4;
  }

  pagesSwept(): number {
    return Atomics.load(this.#mem.m, GC_PAGES_SWEPT);
  }

  takeAssistTime(): number {
    const all = sumMeter(this.#mem, TM_ASSIST_NS);
    const fresh = Math.max(0, all - this.#assistTold);
    this.#assistTold = all;
    return fresh;
  }

  /** What threads do in their event loops is not known here; it counts as the program's. */
  takeIdleTime(): number {
    return 0;
  }

  cycles(): number {
    return Atomics.load(this.#mem.m, GC_MARKED);
  }
}
