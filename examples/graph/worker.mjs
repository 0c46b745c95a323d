/** A worker of the search. Its messages carry numbers only; the people stay where they are. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap } from 'spanheap';
import { BATCH, People, Search } from './types.mjs';

const { shared, index } = workerData;
const heap = attachHeap(shared);
// Made outside of any scope, these references last: the search is found once and for all.
const search = heap.roots.get('search', Search);
const { taken } = search;

/** The proof that everything is here already: a look at the last of a million people. */
const begin = performance.now();
const last = heap.scope(() => {
  const people = heap.roots.get('people', People);
  return people.at(people.length - 1).name;
});
parentPort.postMessage({ last, milliseconds: performance.now() - begin });

parentPort.on('message', (distance) => {
  const total = heap.scope(() => search.frontier.length);
  let met = 0;
  // Whoever adds has the batch: an atomic counter is all it takes to share the work.
  for (let from = taken.add(BATCH); from < total; from = taken.add(BATCH)) {
    met += heap.scope(() => visit(from, Math.min(from + BATCH, total), distance));
  }
  parentPort.postMessage(met);
});

/** Goes to the friends of part of the frontier; returns how many of them nobody had met before. */
function visit(from, to, distance) {
  const found = search.found.at(index);
  const before = found.length;
  const people = search.frontier.slice(from, to).cursor();
  while (people.next()) {
    const person = people.value;
    const friends = person.friends.cursor();
    while (friends.next()) {
      const friend = friends.value;
      // Many may come at once; one of them sees the −1.
      if (friend.distance.compareExchange(-1, distance) !== -1) continue;
      friend.via = person;
      found.push(friend);
    }
  }
  return found.length - before;
}
