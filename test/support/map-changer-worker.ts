/** The worker of a test that reads a map meanwhile: sets and deletes entries, so that tables come and go, until it is told. */
import { workerData } from 'node:worker_threads';
import { attachHeap, map, type SharedHeap, string } from '../../src/index.ts';

export interface MapChangerInput {
  readonly shared: SharedHeap;
  /** Rounds that it has made; and whether it is to end. */
  readonly control: Int32Array<SharedArrayBuffer>;
}

const { shared, control } = workerData as MapChangerInput;
const heap = attachHeap(shared);
const names = heap.roots.get('names', map(string, string))!;
while (Atomics.load(control, 1) === 0) {
  const round = Atomics.add(control, 0, 1);
  const size = 8 << (round % 5);
  for (let i = 0; i < size; i++) {
    const key = `${i % 2 === 0 ? 'a name that is not in its slot' : 'short'} ${round % 7} ${i}`;
    names.set(key, `the value of ${key}`);
  }
  if (round % 3 === 2) names.clear();
}
heap.detach();
