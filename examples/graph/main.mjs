/**
 * How many handshakes are two of a million people apart? Four workers find out together, in one graph that none of them
 * copies.
 *
 *     node examples/graph/main.mjs [PEOPLE] [--check]
 *
 * `--check` does the same with plain JS objects in one thread, and compares the distance of every single person.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createHeap } from 'spanheap';
import { plainDistances } from './check.mjs';
import { friendships, nameOf } from './network.mjs';
import { People, Person, Search, WORKERS } from './types.mjs';

const count = Number(process.argv.slice(2).find((arg) => !arg.startsWith('-')) ?? 1_000_000);
if (!Number.isInteger(count) || count < 2) throw new RangeError(`PEOPLE: expected an integer from 2 on, not ${count}`);

const heap = createHeap({ maxBytes: 2 ** 30 });
const number = new Intl.NumberFormat('en');
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(2)} s`;

let since = performance.now();
build();
const used = (heap.stats().liveBytes / 2 ** 20).toFixed(0);
console.log(`${number.format(count)} people in ${used} MiB of shared memory, made in ${seconds(since)}`);

const workers = Array.from({ length: WORKERS }, (_, index) => {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { shared: heap.share(), index } });
  heap.watch(worker);
  return worker;
});
for (const [i, [{ last, milliseconds }]] of (await answers()).entries()) {
  console.log(`worker ${i} reads the name of the last one, ${last}, after ${milliseconds.toFixed(2)} ms`);
}

since = performance.now();
const reached = await search();
console.log(`searched by ${WORKERS} workers in ${seconds(since)}\n\nhandshakes      people`);
for (const [distance, people] of reached.entries()) {
  console.log(`${String(distance).padStart(10)}  ${number.format(people).padStart(10)}`);
}
showFarthest(reached.length - 1);
if (process.argv.includes('--check')) check();
heap.verify();
for (const worker of workers) worker.terminate();

/** Makes the people, then their friendships. Each scope is a batch, whose references end with it. */
function build() {
  const people = heap.make(People, count);
  heap.roots.set('people', people);
  const batches = (make) => {
    for (let from = 0; from < count; from += 10_000) heap.scope(() => make(from, Math.min(from + 10_000, count)));
  };
  batches((from, to) => {
    for (let i = from; i < to; i++) people.set(i, heap.new(Person, { name: nameOf(i), distance: -1 }));
  });
  batches((from, to) =>
    friendships(count, from, to, (a, b) => {
      const [one, other] = [people.at(a), people.at(b)];
      one.friends.push(other);
      other.friends.push(one);
    }),
  );
  heap.roots.set('search', heap.new(Search));
  people.dispose();
}

/** The next message of each worker. */
function answers() {
  return Promise.all(workers.map((worker) => once(worker, 'message')));
}

/** Searches from person 0 on; returns how many people are at each distance. */
async function search() {
  const state = heap.roots.get('search', Search);
  heap.scope(() => {
    const start = heap.roots.get('people', People).at(0);
    start.distance.store(0);
    state.frontier = heap.new(People, [start]);
  });
  const reached = [1];
  for (let distance = 1; ; distance++) {
    state.taken.store(0);
    for (const worker of workers) worker.postMessage(distance);
    const met = (await answers()).reduce((sum, [n]) => sum + n, 0);
    if (met === 0) return reached;
    reached.push(met);
    heap.scope(() => nextFrontier(state, met));
  }
}

/** What the workers found, one after the other, is where they go on from. */
function nextFrontier(state, met) {
  const frontier = heap.make(People, met);
  let at = 0;
  for (const [i, found] of [...state.found].entries()) {
    at += frontier.slice(at).copyFrom(found);
    state.found.set(i, found.slice(0, 0)); // empty again, with room for as many (Go: s[:0])
  }
  state.frontier = frontier;
}

/** The names along the way to somebody at the greatest distance. */
function showFarthest(distance) {
  heap.scope(() => {
    const cursor = heap.cursor(Person).set(heap.roots.get('search', Search).frontier.at(0));
    const names = [cursor.value.name];
    while (cursor.follow('via')) names.push(cursor.value.name);
    console.log(`\n${distance} handshakes: ${names.join(' → ')}`);
  });
}

function check() {
  const expected = plainDistances(count);
  heap.scope(() => {
    const people = heap.roots.get('people', People).cursor();
    while (people.next()) {
      const distance = people.value.distance.load();
      if (distance === expected[people.index]) continue;
      throw new Error(`person ${people.index}: distance ${distance}, with plain JS ${expected[people.index]}`);
    }
  });
  console.log(`\nchecked: all ${number.format(count)} distances are those that plain JS finds`);
}
