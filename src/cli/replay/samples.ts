/**
 * What is noted at the stops of a replay: one row of sizes each, and all of `heap.stats()` for the stop with the highest
 * heap, which the report takes apart. With several lanes, whoever arrives last at a stop takes the sample; the logs of
 * all lanes are joined at the end.
 */
import type { HeapStats, ReplayHeap } from './heap.ts';

export interface Sample {
  /** Index into the plan's `stops`. */
  readonly stop: number;
  readonly seconds: number;
  readonly liveBytes: number;
  /** Pages of spans in use. */
  readonly heapBytes: number;
  readonly releasedBytes: number;
}

export interface PeakSample extends Sample {
  readonly stats: HeapStats;
}

export class SampleLog {
  samples: Sample[] = [];
  peak: PeakSample | null = null;

  take(heap: ReplayHeap, stop: number, liveBytes: number, seconds: number): void {
    const stats = heap.stats();
    const heapBytes = stats.heapInUseBytes;
    const sample = { stop, seconds, liveBytes, heapBytes, releasedBytes: stats.heapReleasedBytes };
    this.samples.push(sample);
    if (isHigher(sample, this.peak)) this.peak = { ...sample, stats };
  }

  /** Adds another lane's log. */
  join(other: Pick<SampleLog, 'samples' | 'peak'>): void {
    this.samples = [...this.samples, ...other.samples].sort((a, b) => a.stop - b.stop);
    if (other.peak !== null && isHigher(other.peak, this.peak)) this.peak = other.peak;
  }
}

/** The higher heap; of equal ones the one with more in it, where less is waste. */
function isHigher(sample: Sample, than: Sample | null): boolean {
  if (than === null || sample.heapBytes > than.heapBytes) return true;
  return sample.heapBytes === than.heapBytes && sample.liveBytes > than.liveBytes;
}
