// Takes a snapshot of a heap that others work in, and says how long that took.
import { rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../src/index.ts';
import { writeSnapshot } from '../src/observe.ts';

export interface SnapshotWork {
  readonly shared: SharedHeap;
  /** Where to; null: the pieces are counted, and go nowhere. */
  readonly file: string | null;
  readonly done: Int32Array<SharedArrayBuffer>;
}

const { shared, file, done } = workerData as SnapshotWork;
const heap = attachHeap(shared);
// Collected before, so that the streaming is what is timed.
heap.gc();
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
Atomics.wait(done, 0, 1);
const start = performance.now();
let bytes = 0;
if (file === null) for await (const piece of heap.snapshot({ collect: false })) bytes += piece.byteLength;
else bytes = await writeSnapshot(heap, file, { collect: false });
const seconds = (performance.now() - start) / 1000;
Atomics.store(done, 0, 3);
if (file !== null) rmSync(file);
heap.detach();
parentPort!.postMessage({ seconds, bytes });
