/** A worker of the recording tests: objects of all kinds, by hand and for the collector, until it has made enough. */
import { workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap, string, struct, u32 } from '../../src/index.ts';
import { random } from './random.ts';

const { shared, seed, rounds } = workerData as { shared: SharedHeap; seed: number; rounds: number };
const Note = struct('Note', { id: u32, text: string });
const heap = attachHeap(shared);
const { raw } = heap;
const rnd = random(seed);

for (let round = 0; round < rounds; round++) {
  heap.scope(() => {
    for (let i = 0; i < 1000; i++) heap.new(Note, { id: i, text: `note ${rnd.below(1000)}` });
    let addr = raw.mallocgc(1 + rnd.below(5000), null, false);
    addr = raw.realloc(addr, 1 + rnd.below(60_000));
    raw.free(addr);
  });
}
heap.detach();
