/** The worker of the tests of `wait` and `notify`. Its role says what it does; it posts what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  array,
  atomic,
  attachHeap,
  type Heap,
  i32,
  i64,
  type Ref,
  ref,
  type SharedHeap,
  struct,
  u32,
  u64,
} from '../../src/index.ts';

export const Signals = struct('Signals', {
  ping: atomic(i32),
  pong: atomic(u32),
  widePing: atomic(i64),
  widePong: atomic(u64),
  words: array(atomic(i32), 4),
  stop: atomic(u32),
});

/** Garbage that is made meanwhile, and what must not become garbage. */
export const Job = struct('Job', {
  number: i32,
  done: atomic(u32),
  get next() {
    return ref(Job);
  },
});

const Semaphore = struct('Semaphore', { free: atomic(i32) });

function acquire({ free }: Ref<typeof Semaphore>): void {
  for (let n = free.load(); ; n = free.load()) {
    if (n === 0) free.wait(0);
    else if (free.compareExchange(n, n - 1) === n) return;
  }
}

function release({ free }: Ref<typeof Semaphore>): void {
  free.add(1);
  free.notify(1);
}

/** What only one thread changes at a time. */
export const Guarded = struct('Guarded', { semaphore: Semaphore, entered: u32 });

export interface WaitWorkerInput {
  readonly shared: SharedHeap;
  readonly role: keyof typeof roles;
  readonly rounds: number;
  /** Which of several this one is. */
  readonly index: number;
}

/** A wait that nobody ends within this time, in milliseconds, was not woken. */
const LOST_MS = 20_000;

const roles = {
  /**
   * Answers each ping by a pong, both of 32 and of 64 bits, and makes garbage all the time. Posts how many wake-ups
   * were lost.
   */
  answer(heap: Heap, { rounds }: WaitWorkerInput): void {
    let lost = 0;
    for (let i = 0; i < rounds; i++) {
      heap.scope(() => {
        const { ping, pong, widePing, widePong } = heap.roots.get('signals', Signals)!;
        while (ping.load() === i) if (ping.wait(i, LOST_MS) === 'timed-out') lost++;
        heap.new(Job, { number: i, next: heap.new(Job) });
        pong.store(i + 1);
        pong.notify(1);
        const wide = BigInt(i) - 5n;
        while (widePing.load() === wide) if (widePing.wait(wide, LOST_MS) === 'timed-out') lost++;
        widePong.add(1n);
        widePong.notify(1);
      });
    }
    parentPort!.postMessage({ lost });
  },

  /** The other side. */
  ask(heap: Heap, { rounds }: WaitWorkerInput): void {
    let lost = 0;
    // Outside of all scopes: these are persistent.
    const { ping, pong, widePing, widePong } = heap.roots.get('signals', Signals)!;
    for (let i = 0; i < rounds; i++) {
      ping.store(i + 1);
      ping.notify();
      while (pong.load() === i) if (pong.wait(i, LOST_MS) === 'timed-out') lost++;
      const wide = widePong.load();
      widePing.add(1n);
      widePing.notify();
      while (widePong.load() === wide) if (widePong.wait(wide, LOST_MS) === 'timed-out') lost++;
    }
    parentPort!.postMessage({ lost });
  },

  /** Waits inside a scope for a job that only its own reference leads to, and reads the job when it is done. */
  job(heap: Heap): void {
    const result = heap.scope(() => {
      const job = heap.roots.get('job', Job)!;
      heap.roots.delete('job');
      parentPort!.postMessage({ address: heap.addressOf(job.done) });
      const woken = job.done.wait(0, LOST_MS);
      return { woken, number: job.number, done: job.done.load() };
    });
    parentPort!.postMessage(result);
  },

  /** Waits for a word of its own until it is told to stop, and posts how often it was woken. */
  word(heap: Heap, { index }: WaitWorkerInput): void {
    let woken = 0;
    heap.scope(() => {
      const { words, stop } = heap.roots.get('signals', Signals)!;
      const word = words.at(index);
      parentPort!.postMessage('ready');
      while (stop.load() === 0) if (word.wait(0) === 'ok') woken++;
    });
    parentPort!.postMessage({ woken });
  },

  /** Counts where a semaphore is to let one thread in at a time. */
  guard(heap: Heap, { rounds }: WaitWorkerInput): void {
    const guarded = heap.roots.get('guarded', Guarded)!;
    for (let i = 0; i < rounds; i++) {
      heap.scope(() => {
        acquire(guarded.semaphore);
        const n = guarded.entered;
        heap.new(Job, { number: n });
        guarded.entered = n + 1;
        release(guarded.semaphore);
      });
    }
  },
};

if (parentPort !== null && workerData !== null) {
  const input = workerData as WaitWorkerInput;
  const heap = attachHeap(input.shared);
  roles[input.role](heap, input);
  heap.detach();
}
