/** A worker that stays where it is while it attaches: when it has the world lock, or when it has got through. */
import { workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../src/index.ts';
import { H_WORLD_LOCK } from '../../src/layout/header.ts';

export interface AttachingInput {
  readonly shared: SharedHeap;
  /** Word 0 becomes 1 when it stays there. */
  readonly control: Int32Array<SharedArrayBuffer>;
}

const { shared, control } = workerData as AttachingInput;

function stay(): void {
  Atomics.store(control, 0, 1);
  Atomics.notify(control, 0);
  for (;;) Atomics.wait(control, 1, 0, 1000);
}

const { compareExchange } = Atomics;
const changed: Pick<typeof Atomics, 'compareExchange'> = {
  compareExchange: (array: never, index: number, expected: never, replacement: never): never => {
    const seen = compareExchange(array, index, expected, replacement) as never;
    if (index === H_WORLD_LOCK && seen === expected && (array as Int32Array).length > 2 ** 16) stay();
    return seen;
  },
};
Object.assign(Atomics, changed);
attachHeap(shared);
stay();
