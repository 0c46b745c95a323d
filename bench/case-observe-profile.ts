// A program that allocates, with the heap profile off, or on at some rate.
import { createHeap, type Heap, i32, ref, struct } from '../src/index.ts';
import { answer, type Budget, measure, taskOf } from './measure.ts';
import { type Churn, startChurn } from './workload.ts';

export type ProfiledProgram = 'churn' | 'malloc' | 'objects';

export interface ProfileTask extends Churn, Budget {
  readonly program: ProfiledProgram;
  readonly rate: number;
}

const BATCH = 10_000;
const Node = struct('Node', {
  key: i32,
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

/** A batch of the program, and what is done after each outside the timer. */
function begin({ raw }: Heap): { step: () => number; between?: () => void } {
  const malloc = (size: number): number => raw.mallocgc(size, null, false);
  if (task.program === 'churn') return { step: startChurn(malloc, (ptr) => raw.free(ptr), task) };
  if (task.program === 'objects') {
    return {
      step: () => {
        heap.scope(() => {
          let list = heap.new(Node);
          for (let i = 1; i < BATCH; i++) list = heap.new(Node, { key: i, next: list });
        });
        return BATCH;
      },
    };
  }
  const out = new Int32Array(BATCH);
  const size = Number(task.size);
  return {
    step: () => {
      for (let i = 0; i < BATCH; i++) out[i] = malloc(size);
      return BATCH;
    },
    between: () => {
      for (const ptr of out) raw.free(ptr);
    },
  };
}
