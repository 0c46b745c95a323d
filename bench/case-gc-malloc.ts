// malloc while the collector marks a large heap, and while it does not: batches that lie wholly in one or the other.
// First with cycles that another thread asks for and marks, which cost this one nothing but what each call takes; then
// with cycles of its own making, which it pays for in assists.
import { Worker } from 'node:worker_threads';
import { createHeap, type Heap } from '../src/index.ts';
import { gaugeOf } from './gc/gauge.ts';
import { buildLive } from './gc/live.ts';
import { answer, medianOf, taskOf } from './measure.ts';

export interface MallocTask {
  readonly size: number;
  readonly scan: boolean;
  /** Of the live set. */
  readonly nodes: number;
  /** For each of the two. */
  readonly ms: number;
}

const BYTES = 2 ** 31;
const PERCENT = 100;
const BATCH = 1000;
const NS_PER_MS = 1e6;
/** Batches of each kind that must be there, and how much longer than asked for they are waited for. */
const ENOUGH = 100;
const PATIENCE = 4;

const task = taskOf<MallocTask>();
const heap = createHeap({ maxBytes: BYTES, gcPercent: -1 });
buildLive(heap, task.nodes, 1);
heap.gc();
const batch = batchOf(heap, task);
const collecting = new Worker(new URL('./worker-gc-cycles.js', import.meta.url), { workerData: heap.share() });
heap.watch(collecting);
const held = measureBoth(heap, batch, task.ms);
await collecting.terminate();
heap.gc(); // ends what was begun, with an end that is nobody's goal
heap.setGCPercent(PERCENT);
const paced = measureBoth(heap, batch, task.ms);
answer({
  marking: medianOf(held.marking),
  off: medianOf(held.off),
  pacedMarking: mean(paced.marking),
  pacedOff: mean(paced.off),
  batches: held.marking.length,
  pacedBatches: paced.marking.length,
});

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function batchOf({ raw }: Heap, { size, scan }: MallocTask): () => void {
  const pointers = Array.from({ length: size / 8 }, (_, i) => i * 8);
  const type = scan ? raw.type({ name: `scan${size}`, size, pointers }) : null;
  return () => {
    for (let i = 0; i < BATCH; i++) raw.mallocgc(size, type, true);
  };
}

/** Nanoseconds a call, batch by batch. */
function measureBoth(heap: Heap, batch: () => void, ms: number): { marking: number[]; off: number[] } {
  const gauge = gaugeOf(heap);
  const phase = (): number => gauge.started() + gauge.marked();
  const marking: number[] = [];
  const off: number[] = [];
  const begin = performance.now();
  const isEnough = (): boolean => marking.length >= ENOUGH && off.length >= ENOUGH;
  for (let last = begin; last < begin + ms || (!isEnough() && last < begin + PATIENCE * ms); ) {
    const before = phase();
    const isMarking = gauge.marking();
    const start = performance.now();
    heap.scope(batch);
    last = performance.now();
    if (phase() === before) (isMarking ? marking : off).push(((last - start) * NS_PER_MS) / BATCH);
  }
  return { marking, off };
}
