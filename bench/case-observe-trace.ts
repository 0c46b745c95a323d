// A pair of malloc and free: with no trace ever, after one, and while one is read, or written to a file.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createHeap, type Heap } from '../src/index.ts';
import { recordTrace } from '../src/serve/trace-files.ts';
import { answer, type Budget, measure, taskOf } from './measure.ts';

export type TraceMode = 'never' | 'after' | 'read' | 'recording' | 'chrome';

export interface TraceTask {
  readonly size: number;
  readonly mode: TraceMode;
  /** Folder for what is written. */
  readonly temp: string;
  readonly budget: Budget;
}

const BATCH = 1000;
const { size, mode, temp, budget } = taskOf<TraceTask>();
const heap = createHeap({ gc: 'off', maxBytes: 2 ** 28 });
const end = begin(heap);
let sink = 0;

function pairs(): void {
  for (let i = 0; i < BATCH; i++) {
    const addr = heap.raw.mallocgc(size, null, false);
    sink ^= addr;
    heap.raw.free(addr);
  }
}

const timer = measure(() => {
  heap.scope(pairs);
  return BATCH;
}, budget);
const lost = await end();
answer({ ...timer.result(sink), lost });

/** Begins what the mode asks for. What is returned ends it, and tells how many events were lost. */
function begin(heap: Heap): () => Promise<number> {
  if (mode === 'never') return async () => 0;
  if (mode === 'after') {
    heap.startTrace().stop();
    return async () => 0;
  }
  if (mode === 'read') {
    const trace = heap.startTrace({ onFull: () => trace.drain((e) => (sink ^= e.address), Number.POSITIVE_INFINITY) });
    return async () => {
      trace.stop();
      return trace.lost;
    };
  }
  const file = join(temp, mode === 'chrome' ? 'pairs.json' : 'pairs.trace');
  const recording = recordTrace(heap, file);
  return async () => {
    const { lost } = await recording.stop();
    rmSync(file);
    return lost;
  };
}
