/**
 * The worker of the map's stress test: changes one map of pairs and one of counters together with others, and checks all
 * it reads. A pair belongs to its key and carries its own sum, so that a torn one shows.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../src/index.ts';
import { keyCodec } from '../../src/types/map/keys.ts';
import { makeMapOps } from '../../src/types/map/ops.ts';
import {
  COUNTERS,
  M_PAUSE,
  M_SHRINKING,
  M_STOP,
  MW_ERRORS,
  MW_FINISHED,
  MW_HEAP_ID,
  MW_PARKED,
  MW_PAUSED,
  MW_PROGRESS,
  MW_STARTED,
  mapKey,
  mapWorkerWord,
  PERMANENT,
  VOLATILE,
} from './map-control.ts';
import { mapHost, type Pair, valueCodec } from './map-host.ts';
import { type Random, random } from './random.ts';

export interface MapWorkerInput {
  readonly shared: SharedHeap;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly index: number;
  readonly seed: number;
  /** Addresses of the maps. */
  readonly pairs: number;
  readonly counters: number;
  /** One that is cleared now and then. */
  readonly scratch: number;
  /** Sleep up to 2 ms once in so many delay places. */
  readonly sleepOneIn?: number;
  /** Park for good at this delay place, the nth time it is reached. */
  readonly parkAt?: { readonly place: string; readonly visits: number };
}

const input = workerData as MapWorkerInput;
const { control, pairs, counters, scratch } = input;
const at = mapWorkerWord(input.index);
const heap = attachHeap(input.shared);
const rnd: Random = random(input.seed);
const host = mapHost(heap);
const [pairOps, countOps] = heap.scope(() => [
  makeMapOps(host, keyCodec(host, 'string'), valueCodec(host, 'pair')),
  makeMapOps(host, keyCodec(host, 'u32'), valueCodec(host, 'u32')),
]);

let visits = 0;
heap.setHooks({
  onDelay: (place) => {
    const { parkAt, sleepOneIn } = input;
    if (parkAt !== undefined && place === parkAt.place && ++visits === parkAt.visits) {
      Atomics.store(control, at + MW_PARKED, 1);
      for (;;) Atomics.wait(control, at + MW_PARKED, 1);
    }
    if (sleepOneIn !== undefined && rnd.oneIn(sleepOneIn)) Atomics.wait(control, at + MW_PARKED, 0, 1 + rnd.below(2));
  },
});

function fail(what: string): void {
  if (Atomics.add(control, at + MW_ERRORS, 1) < 5) parentPort!.postMessage(what);
}

function pairFor(i: number): Pair {
  const b = rnd.below(1 << 30);
  return { a: i, b, sum: (i + b) | 0 };
}

function checkPair(i: number, value: unknown, how: string): void {
  const pair = value as Pair | undefined;
  if (pair === undefined) {
    if (i < PERMANENT) fail(`${how}: ${mapKey(i)} is not there`);
  } else if (pair.a !== i || pair.sum !== ((pair.a + pair.b) | 0)) {
    fail(`${how}: ${mapKey(i)} is ${JSON.stringify(pair)}`);
  }
}

const numbers = new Map(Array.from({ length: PERMANENT + VOLATILE }, (_, i) => [mapKey(i), i]));

/** Every permanent entry must come once, and none twice. */
function walk(): void {
  const seen = new Set<number>();
  const it = pairOps.iterate(pairs);
  while (it.next()) {
    const i = numbers.get(it.key() as string);
    if (i === undefined) {
      fail(`iteration: no key is ${JSON.stringify(it.key())}`);
      continue;
    }
    if (seen.has(i)) fail(`iteration: ${mapKey(i)} came twice`);
    seen.add(i);
    checkPair(i, it.value(), 'iteration');
    if (rnd.oneIn(100)) change();
  }
  for (let i = 0; i < PERMANENT; i++) if (!seen.has(i)) fail(`iteration: ${mapKey(i)} did not come`);
}

function change(): void {
  // All together, so that tables split, and merge again.
  if (rnd.oneIn(10_000)) Atomics.xor(control, M_SHRINKING, 1);
  const growing = Atomics.load(control, M_SHRINKING) === 0;
  const i = rnd.oneIn(8) ? rnd.below(PERMANENT) : PERMANENT + rnd.below(VOLATILE);
  if (i < PERMANENT || rnd.below(10) < (growing ? 9 : 1)) pairOps.set(pairs, mapKey(i), pairFor(i));
  else pairOps.delete(pairs, mapKey(i));
}

function count(): void {
  const i = rnd.below(COUNTERS);
  Atomics.add(control, at + MW_STARTED, 1);
  countOps.update(counters, i, (old) => {
    if (rnd.oneIn(50)) heap.raw.free(heap.raw.mallocgc(1 + rnd.below(5000), null, false));
    return ((old as number | undefined) ?? 0) + 1;
  });
  Atomics.add(control, at + MW_FINISHED, 1);
}

function exchange(): void {
  const i = PERMANENT + rnd.below(VOLATILE);
  pairOps.update(pairs, mapKey(i), (old) => {
    checkPair(i, old, 'update');
    return rnd.oneIn(2) ? pairFor(i) : undefined;
  });
}

function step(): void {
  const kind = rnd.below(1000);
  if (kind < 500) {
    const i = rnd.below(PERMANENT + (rnd.oneIn(2) ? VOLATILE : 0));
    checkPair(i, pairOps.get(pairs, mapKey(i)), 'get');
  } else if (kind < 850) change();
  else if (kind < 940) count();
  else if (kind < 943) exchange();
  else if (kind < 997) countOps.set(scratch, rnd.below(3000), 1);
  else if (kind < 998) countOps.clear(scratch);
  else if (pairOps.size(pairs) < PERMANENT / 2) fail('size is far too small');
}

function pause(): void {
  Atomics.store(control, at + MW_PAUSED, 1);
  while (Atomics.load(control, M_PAUSE) === 1) Atomics.wait(control, M_PAUSE, 1, 50);
  Atomics.store(control, at + MW_PAUSED, 0);
}

Atomics.store(control, at + MW_HEAP_ID, heap.threadId);
while (Atomics.load(control, M_STOP) === 0) {
  heap.scope(() => {
    for (let i = 0; i < 50; i++) step();
    if (rnd.oneIn(60)) walk();
  });
  // Also as regions of their own.
  heap.scope(step);
  Atomics.add(control, at + MW_PROGRESS, 1);
  if (Atomics.load(control, M_PAUSE) === 1) pause();
}
heap.detach();
