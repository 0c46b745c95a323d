// Takes a snapshot of a heap that others work in, and says how long that took.
import { rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type Float64Histogram, type SharedHeap } from '../src/index.ts';
import { writeSnapshot } from '../src/observe.ts';

export interface SnapshotWork {
  readonly shared: SharedHeap;
  /** Where to; null: the pieces are counted, and go nowhere. */
  readonly file: string | null;
  readonly done: Int32Array<SharedArrayBuffer>;
}

export interface SnapshotTimes {
  readonly seconds: number;
  readonly bytes: number;
  readonly stops: number;
  readonly stopsMs: number;
}

const STOPS = ['/sched/pauses/total/gc:seconds', '/sched/pauses/total/other:seconds'];

const { shared, file, done } = workerData as SnapshotWork;
const heap = attachHeap(shared);
// Collected before, so that the streaming is what is timed.
heap.gc();
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
Atomics.wait(done, 0, 1);
const before = stops();
const start = performance.now();
let bytes = 0;
if (file === null) for await (const piece of heap.snapshot({ collect: false })) bytes += piece.byteLength;
else bytes = await writeSnapshot(heap, file, { collect: false });
const seconds = (performance.now() - start) / 1000;
const after = stops();
Atomics.store(done, 0, 3);
if (file !== null) rmSync(file);
heap.detach();
parentPort!.postMessage({ seconds, bytes, stops: after.count - before.count, stopsMs: after.ms - before.ms });

/**
 * All stops of the world so far; of each the middle of its bucket, whose upper end is a quarter above the lower one at
 * most.
 */
function stops(): { ms: number; count: number } {
  let ms = 0;
  let count = 0;
  for (const histogram of Object.values(heap.metrics(STOPS)) as Float64Histogram[]) {
    histogram.counts.forEach((n, i) => {
      if (n === 0) return;
      count += n;
      const [from, to] = histogram.buckets.slice(i, i + 2) as [number, number];
      ms += (n * (Math.max(0, from) + Math.min(to, 1)) * 1000) / 2;
    });
  }
  return { ms, count };
}
