/**
 * The worker of the tests of snapshots. It moves tokens between the slots of holders, so that at each moment each token is
 * in exactly one of its holder's slots, and makes new ones in the place of old ones, which it frees by hand.
 */
import { workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../src/index.ts';
import { random } from './random.ts';

/** Words of the control that a worker and its test share. */
export const C_STOP = 0;
export const C_PARKED = 1;
export const C_ROUNDS = 2;
export const C_ERRORS = 3;
/** Its thread's id in the heap. */
export const C_ID = 4;
/** In the first words, as C_STOP is: from now on those who are to park do. */
export const C_ARMED = 5;
export const C_WORDS = 8;

/** Bytes of a token: a pointer to itself, its number, the number's check, a text's worth of bytes. */
export const TOKEN_BYTES = 32;
export const checkOf = (id: number): number => Math.imul(id, 0x9e3779b1) ^ 0x2545f491;

export interface SnapshotWorkerInput {
  readonly shared: SharedHeap;
  readonly control: Int32Array<SharedArrayBuffer>;
  /** First of this worker's control words. */
  readonly at: number;
  readonly seed: number;
  /** Addresses of the holders that it alone changes: arrays of pointers. */
  readonly own: readonly number[];
  /** Of the one that all change, and of the word that is its lock. */
  readonly common: number;
  readonly lock: number;
  readonly slots: number;
  /** Free old tokens by hand. */
  readonly frees: boolean;
  /** Ask for collections now and then. */
  readonly collects: boolean;
  /** Take snapshots, and do nothing else. */
  readonly captures: boolean;
  /** Park for good at this delay place, the nth time it is reached since C_ARMED was set. */
  readonly parkAt?: { readonly place: string; readonly visits: number };
}

function run(input: SnapshotWorkerInput): void {
  const { control, at, own, common, lock, slots } = input;
  const heap = attachHeap(input.shared);
  const rnd = random(input.seed);
  const { raw, memory } = heap;
  const { i32 } = memory;
  const type = raw.type({ name: 'token', size: TOKEN_BYTES, pointers: [0] });
  Atomics.store(control, at + C_ID, heap.threadId);
  let visits = 0;
  const { parkAt } = input;
  if (parkAt !== undefined) {
    heap.setHooks({
      onDelay: (place) => {
        if (place !== parkAt.place || Atomics.load(control, C_ARMED) === 0 || ++visits !== parkAt.visits) return;
        Atomics.store(control, at + C_PARKED, 1);
        for (;;) Atomics.wait(control, at + C_PARKED, 1);
      },
    });
  }
  const stopped = (): boolean => Atomics.load(control, C_STOP) !== 0;

  function swap(a: number, b: number): void {
    const x = i32[a >>> 2]!;
    const y = i32[b >>> 2]!;
    raw.writePointer(a, y);
    raw.writePointer(b, x);
  }

  /** Puts a new token with the same number in the place of an old one. */
  function renew(slot: number): void {
    const made = raw.mallocgc(TOKEN_BYTES, type, true);
    const old = i32[slot >>> 2]! >>> 0;
    for (let w = 1; w < TOKEN_BYTES / 4; w++) i32[(made >>> 2) + w] = i32[(old >>> 2) + w]!;
    raw.writePointer(made, made);
    raw.writePointer(slot, made);
    raw.writePointer(old, 0);
    if (input.frees) raw.free(old);
  }

  function withLock(fn: () => void): void {
    while (Atomics.compareExchange(i32, lock >>> 2, 0, at / C_WORDS) !== 0) {
      if (stopped()) return;
      heap.poll();
    }
    fn();
    Atomics.store(i32, lock >>> 2, 0);
  }

  const slotIn = (holder: number): number => holder + 4 * rnd.below(slots);

  function mutate(): void {
    for (let i = 0; i < 500; i++) {
      swap(slotIn(rnd.pick(own)), slotIn(rnd.pick(own)));
      if (rnd.oneIn(3)) renew(slotIn(rnd.pick(own)));
      if (rnd.oneIn(4)) withLock(() => swap(slotIn(common), slotIn(common)));
      const { id, check } = { id: i32[(i32[slotIn(own[0]!) >>> 2]! >>> 2) + 1]!, check: 0 };
      if (id === 0 && check === 0) Atomics.add(control, at + C_ERRORS, 1);
    }
  }

  while (!stopped()) {
    if (input.captures) heap.snapshotSync(() => Atomics.add(control, at + C_ROUNDS, 1));
    else heap.scope(mutate);
    if (input.collects && rnd.oneIn(30)) heap.gc();
    Atomics.add(control, at + C_ROUNDS, 1);
  }
  heap.detach();
}

const input = workerData as SnapshotWorkerInput | null;
if (input !== null && 'common' in input) run(input);
