// A program that allocates, with the heap profile off, or on at some rate.
import { createHeap, f64, type Heap, i32, ref, struct } from '../src/index.ts';
import { answer, type Budget, measure, taskOf } from './measure.ts';
import { type Churn, startChurn } from './workload.ts';

export type ProfiledProgram = 'churn' | 'malloc' | 'objects';

export interface ProfileTask extends Churn, Budget {
  readonly program: ProfiledProgram;
  readonly rate: number;
}

/** Bytes that a batch allocates: with a sample in 512 KiB every batch has some. */
const BATCH_BYTES = 4 << 20;
/** Objects of a list, all of which are alive for a while. */
const LIST = 10_000;
const Node = struct('Node', {
  key: i32,
  wide: f64,
  get next() {
    return ref(Node);
  },
});

const task = taskOf<ProfileTask>();
const gc = task.program === 'objects' ? 'on' : 'off';
const heap = createHeap({ gc, background: false, maxBytes: 1 << 28, memProfileRate: task.rate });
const { step, between } = begin(heap);
const timer = heap.scope(() => measure(step, task, between, 3 * task.live));
answer({ ...timer.result(0), samples: heap.memProfile().records.reduce((n, r) => n + r.allocObjects, 0) });

function makeList(): void {
  let list = heap.new(Node);
  for (let i = 1; i < LIST; i++) list = heap.new(Node, { key: i, next: list });
}

/** A batch of the program, and what is done after each outside the timer. */
function begin({ raw }: Heap): { step: () => number; between?: () => void } {
  const malloc = (size: number): number => raw.mallocgc(size, null, false);
  const bytes = task.size === 'mixed' ? 160 : Number(task.size);
  const count = Math.ceil(BATCH_BYTES / bytes);
  if (task.program === 'churn') {
    return { step: startChurn(malloc, (ptr) => raw.free(ptr), { ...task, pairs: count }) };
  }
  if (task.program === 'objects') {
    return {
      step: () => {
        for (let made = 0; made < count; made += LIST) heap.scope(makeList);
        return Math.ceil(count / LIST) * LIST;
      },
    };
  }
  const out = new Int32Array(count);
  return {
    step: () => {
      for (let i = 0; i < count; i++) out[i] = malloc(bytes);
      return count;
    },
    between: () => {
      for (const ptr of out) raw.free(ptr);
    },
  };
}
