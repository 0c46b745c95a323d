// A snapshot of 1 GiB, taken by one thread while another works in the heap, or sleeps.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createHeap, type Float64Histogram, type Heap } from '../src/index.ts';
import { buildLive, LINK, liveType } from './gc/live.ts';
import { Mutator } from './gc/mutator.ts';
import { answer, taskOf } from './measure.ts';
import type { SnapshotWork } from './worker-snapshot.ts';

export interface SnapshotTask {
  readonly nodes: number;
  readonly slots: number;
  /** What the program does meanwhile. */
  readonly program: 'works' | 'sleeps';
  readonly to: 'nowhere' | 'a file';
}

const BYTES = 3 * 2 ** 30;
const STOPS = ['/sched/pauses/total/gc:seconds', '/sched/pauses/total/other:seconds'];
const MS = 1000;
const WARM_MS = 1500;

const task = taskOf<SnapshotTask>();
const heap = createHeap({ maxBytes: BYTES, gcPercent: -1 });
const { raw } = heap;
const few = buildLive(heap, task.nodes, task.slots);
const type = liveType(heap);
const mutator = new Mutator(
  task.slots,
  (slot) => raw.writePointer(few[slot]! + LINK, raw.newobject(type)),
  (fn) => heap.scope(fn),
);
mutator.runFor(WARM_MS);
const folder = mkdtempSync(join(tmpdir(), 'spanheap-bench-'));
const done = new Int32Array(new SharedArrayBuffer(4));
const work: SnapshotWork = {
  shared: heap.share(),
  file: task.to === 'a file' ? join(folder, 'heap.sphsnap') : null,
  done,
};
const worker = new Worker(new URL('./worker-snapshot.js', import.meta.url), { workerData: work });
const message = once(worker, 'message');
// Works on until the worker is ready, since its first collection needs this thread at safepoints.
mutator.run(() => Atomics.load(done, 0) === 1);
const before = stops(heap);
Atomics.store(done, 0, 2);
Atomics.notify(done, 0);
const isOver = (): boolean => Atomics.load(done, 0) === 3;
let gaps = { own: 0, clock: 0 };
if (task.program === 'works') gaps = mutator.run(isOver);
const [{ seconds, bytes }] = (await message) as [{ seconds: number; bytes: number }];
const after = stops(heap);
rmSync(folder, { recursive: true });
answer({
  seconds,
  mb: bytes / 1e6,
  mbPerSecond: bytes / 1e6 / seconds,
  stopsMs: after.ms - before.ms,
  stops: after.count - before.count,
  gapMs: gaps.own,
});

/** All stops of the world so far; of each the upper bound of its bucket. */
function stops(of: Heap): { ms: number; count: number } {
  let ms = 0;
  let count = 0;
  for (const histogram of Object.values(of.metrics(STOPS)) as Float64Histogram[]) {
    histogram.counts.forEach((n, i) => {
      if (n === 0) return;
      count += n;
      ms += n * histogram.buckets[i + 1]! * MS;
    });
  }
  return { ms, count };
}
