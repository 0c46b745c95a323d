// malloc while the collector marks a large heap, and while it does not: batches that lie wholly in one or the other.
import { createHeap, type Heap } from '../src/index.ts';
import { gaugeOf } from './gc/gauge.ts';
import { buildLive } from './gc/live.ts';
import { answer, medianOf, taskOf } from './measure.ts';

export interface MallocTask {
  readonly size: number;
  readonly scan: boolean;
  /** Of the live set. */
  readonly nodes: number;
  readonly ms: number;
}

const BYTES = 2 ** 31;
const PERCENT = 100;
const BATCH = 1000;
const NS_PER_MS = 1e6;
/** Batches while marking that must be there, and how much longer than asked for they are waited for. */
const ENOUGH = 100;
const PATIENCE = 4;

const task = taskOf<MallocTask>();
const heap = createHeap({ maxBytes: BYTES, gcPercent: -1 });
buildLive(heap, task.nodes, 1);
heap.gc();
heap.setGCPercent(PERCENT);
answer(measureBoth(heap, batchOf(heap, task), task.ms));

function batchOf({ raw }: Heap, { size, scan }: MallocTask): () => void {
  const pointers = Array.from({ length: size / 8 }, (_, i) => i * 8);
  const type = scan ? raw.type({ name: `scan${size}`, size, pointers }) : null;
  return () => {
    for (let i = 0; i < BATCH; i++) raw.mallocgc(size, type, true);
  };
}

function measureBoth(heap: Heap, batch: () => void, ms: number): object {
  const { started, marked, marking } = gaugeOf(heap);
  const during: number[] = [];
  const off: number[] = [];
  const begin = performance.now();
  for (let last = begin; last < begin + ms || (during.length < ENOUGH && last < begin + PATIENCE * ms); ) {
    const phase = started() + marked();
    const isMarking = marking();
    const start = performance.now();
    heap.scope(batch);
    last = performance.now();
    if (started() + marked() === phase) (isMarking ? during : off).push(((last - start) * NS_PER_MS) / BATCH);
  }
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    marking: medianOf(during),
    markingMean: mean(during),
    off: medianOf(off),
    offMean: mean(off),
    batches: during.length,
    cycles: marked(),
  };
}
