// A snapshot of 1 GiB, taken by one thread while another works in the heap, or sleeps.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createHeap } from '../src/index.ts';
import { buildLive, LINK, liveType } from './gc/live.ts';
import { Mutator } from './gc/mutator.ts';
import { answer, taskOf } from './measure.ts';
import type { SnapshotTimes, SnapshotWork } from './worker-snapshot.ts';

export interface SnapshotTask {
  readonly nodes: number;
  readonly slots: number;
  /** What the program does meanwhile. */
  readonly program: 'works' | 'sleeps';
  readonly to: 'nowhere' | 'a file';
}

const BYTES = 3 * 2 ** 30;
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
Atomics.store(done, 0, 2);
Atomics.notify(done, 0);
const isOver = (): boolean => Atomics.load(done, 0) === 3;
let gaps = { own: 0, clock: 0 };
if (task.program === 'works') gaps = mutator.run(isOver);
const [{ bytes, ...times }] = (await message) as [SnapshotTimes];
rmSync(folder, { recursive: true });
answer({ ...times, mb: bytes / 1e6, mbPerSecond: bytes / 1e6 / times.seconds, gapMs: gaps.own });
