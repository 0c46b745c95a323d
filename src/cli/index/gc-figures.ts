/** The collector's figures as the report and `--json` have them: times in seconds, sizes in bytes. */
import type { CycleRecord, GCStats, Heap } from '../../index.ts';

/** All that the collector did. */
export interface GcFigures {
  readonly enabled: boolean;
  /** −1: off. */
  readonly percent: number;
  /** null: none. */
  readonly memoryLimit: number | null;
  readonly cycles: number;
  readonly forcedCycles: number;
  /** Stops of the world, two a cycle; the longest and the median of the last 256; all together. */
  readonly stops: number;
  readonly longestStop: number;
  readonly medianStop: number;
  readonly stopSeconds: number;
  /** Time of threads: marking in the background and on request, marking while they allocated, sweeping. */
  readonly markSeconds: number;
  readonly assistSeconds: number;
  readonly sweepSeconds: number;
  readonly freedBytes: number;
  readonly freedObjects: number;
}

export interface Cycle {
  readonly cycle: number;
  /** Live heap when it ended, which is the most since the one before, and the goal. null: none. */
  readonly liveBytes: number;
  readonly goalBytes: number | null;
}

export function gcFigures(gc: GCStats): GcFigures {
  const stops = [...gc.lastPausesNs].sort((a, b) => a - b);
  return {
    enabled: gc.enabled,
    percent: gc.gcPercent,
    memoryLimit: orNull(gc.memoryLimit),
    cycles: gc.cycles,
    forcedCycles: gc.forcedCycles,
    stops: gc.pauses,
    longestStop: (stops[stops.length - 1] ?? 0) / 1e9,
    medianStop: (stops[stops.length >>> 1] ?? 0) / 1e9,
    stopSeconds: gc.pauseTotalNs / 1e9,
    markSeconds: gc.markNs / 1e9,
    assistSeconds: gc.assistNs / 1e9,
    sweepSeconds: gc.sweepNs / 1e9,
    freedBytes: gc.freedBytes,
    freedObjects: gc.freedObjects,
  };
}

/**
 * The cycles from its making on, and the heap's size meanwhile. Live bytes grow from the end of one cycle to the end of the
 * next, and no goal is passed between: so those moments are all there is to look at, and the last one.
 */
export class CycleLog {
  private readonly heap: Heap;
  private readonly first: number;
  private readonly cycles = new Map<number, Cycle>();
  private heapPeak = 0;

  constructor(heap: Heap) {
    this.heap = heap;
    this.first = heap.stats().gc.cycles + 1;
    this.look();
  }

  /** To be called now and then: the heap itself remembers the last 64 cycles. */
  look(): { readonly heapAfter: number; readonly isMarking: boolean; readonly now: Cycle } {
    const { gc, heapInUseBytes: heapAfter } = this.heap.stats();
    for (const record of gc.lastCycles) if (record.cycle >= this.first) this.cycles.set(record.cycle, cycleOf(record));
    this.heapPeak = Math.max(this.heapPeak, heapAfter);
    const now = { cycle: gc.cycles + 1, liveBytes: gc.heapLiveBytes, goalBytes: orNull(gc.goalBytes) };
    return { heapAfter, isMarking: gc.phase === 'mark', now };
  }

  /** The cycles, and of all moments the one that came nearest to the goal, or went farthest beyond. */
  figures(): {
    readonly cycles: readonly Cycle[];
    readonly peakLiveBytes: number;
    readonly goalBytes: number | null;
    readonly heapPeak: number;
    readonly heapAfter: number;
    readonly isMarking: boolean;
  } {
    const { heapAfter, isMarking, now } = this.look();
    const cycles = [...this.cycles.values()];
    const peak = [...cycles, now].reduce((a, b) => (shareOfGoal(b) > shareOfGoal(a) ? b : a));
    const { liveBytes: peakLiveBytes, goalBytes } = peak;
    return { cycles, isMarking, peakLiveBytes, goalBytes, heapPeak: this.heapPeak, heapAfter };
  }
}

function cycleOf({ cycle, heapAfter, goal }: CycleRecord): Cycle {
  return { cycle, liveBytes: heapAfter, goalBytes: orNull(goal) };
}

function shareOfGoal({ liveBytes, goalBytes }: Cycle): number {
  return goalBytes === null ? liveBytes * Number.EPSILON : liveBytes / goalBytes;
}

/** What has no limit is Infinity in the library, which JSON has no word for, and above all sizes in the heap's records. */
function orNull(bytes: number): number | null {
  return bytes < Number.MAX_SAFE_INTEGER ? bytes : null;
}
