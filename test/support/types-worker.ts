/** The worker of the tests of typed objects. Its role says what it does; it posts what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import { array, atomic, attachHeap, i32, ref, type SharedHeap, slice, struct, u8, u32, u64 } from '../../src/index.ts';
import { random } from './random.ts';

export const Counters = struct('Counters', {
  left: u8,
  small: atomic(u8),
  word: atomic(u32),
  wide: atomic(u64),
  list: array(atomic(i32), 3),
});

export interface TypesWorkerInput {
  readonly shared: SharedHeap;
  readonly role: keyof typeof roles;
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

  /** Makes objects of `rounds` types, each with a slice of it, in a random order, some of them several times. */
  register({ shared, rounds, seed }: TypesWorkerInput): void {
    const heap = attachHeap(shared);
    const rnd = random(seed);
    const left = Array.from({ length: rounds }, (_, i) => i);
    const made: ReturnType<typeof typeOf>[] = [];
    function typeOf(i: number) {
      const Type = struct(`Type ${i}`, {
        key: i32,
        get next() {
          return ref(typeOf((i + 1) % rounds));
        },
        list: array(u8, i),
      });
      return Type;
    }
    while (left.length > 0) {
      const [i] = left.splice(rnd.below(left.length), 1);
      const Type = typeOf(i!);
      made.push(Type);
      const of = rnd.pick(made);
      heap.scope(() => heap.new(slice(Type), [heap.new(Type, { key: i! })]));
      heap.scope(() => heap.new(slice(of)).push({}));
    }
    parentPort!.postMessage(heap.raw.types().map((t) => [t.name, t.number]));
    heap.detach();
  },
};

if (parentPort !== null && workerData !== null) {
  const input = workerData as TypesWorkerInput;
  roles[input.role](input);
}
