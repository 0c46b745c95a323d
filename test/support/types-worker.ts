/** The worker of the tests of typed objects. Its role says what it does; it posts what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import { array, atomic, attachHeap, i32, type SharedHeap, struct, u8, u32, u64 } from '../../src/index.ts';

export const Counters = struct('Counters', {
  left: u8,
  small: atomic(u8),
  word: atomic(u32),
  wide: atomic(u64),
  list: array(atomic(i32), 3),
});

export interface TypesWorkerInput {
  readonly shared: SharedHeap;
  readonly role: 'add';
  readonly rounds: number;
  readonly seed: number;
}

const roles = {
  add({ shared, rounds }: TypesWorkerInput): void {
    const heap = attachHeap(shared);
    heap.scope(() => {
      const counters = heap.roots.get('counters', Counters)!;
      const { small, word, wide, list } = counters;
      const second = list.at(1);
      for (let i = 0; i < rounds; i++) {
        small.add(1);
        word.add(1);
        wide.add(1n);
        second.sub(1);
        if (i % 1000 === 0) heap.poll();
      }
    });
    heap.detach();
  },
};

if (parentPort !== null && workerData !== null) {
  const input = workerData as TypesWorkerInput;
  roles[input.role](input);
}
