/** The worker of the tests of `mutex`. Its role says what it does; it posts what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  array,
  attachHeap,
  type Heap,
  i32,
  mutex,
  type Ref,
  ref,
  type SharedHeap,
  string,
  struct,
} from '../../src/index.ts';

/** What only who has the lock changes: the three are the same whenever it is free. */
export const Guarded = struct('Guarded', {
  lock: mutex,
  first: i32,
  second: i32,
  text: string,
  others: array(mutex, 3),
  get last() {
    return ref(Guarded);
  },
});

export interface MutexWorkerInput {
  readonly shared: SharedHeap;
  readonly role: keyof typeof roles;
  readonly rounds: number;
}

/** One more, in steps between which others would be seen; whether what was found was whole. */
function change(heap: Heap, guarded: Ref<typeof Guarded>): boolean {
  const n = guarded.first;
  const isWhole = guarded.second === n && guarded.text === `${n}`;
  guarded.first = n + 1;
  if (n % 50 === 0) guarded.last = heap.new(Guarded, { first: n });
  guarded.text = `${n + 1}`;
  guarded.second = n + 1;
  return isWhole;
}

const roles = {
  /** Changes what the lock guards, by turns in scopes and outside, by `withLock`, `lock` and `tryLock`. Posts how often it was torn. */
  count(heap: Heap, { rounds }: MutexWorkerInput): void {
    const guarded = heap.roots.get('guarded', Guarded)!;
    const { lock } = guarded;
    let torn = 0;
    const step = (): void => {
      if (!change(heap, guarded)) torn++;
    };
    for (let i = 0; i < rounds; i++) {
      if (i % 4 === 0) lock.withLock(step);
      else if (i % 4 === 1) heap.scope(() => guarded.lock.withLock(step));
      else {
        heap.scope(() => {
          if (i % 4 === 2) lock.lock();
          else while (!lock.tryLock());
          step();
          // The others wait for the lock, and this one for them to come to a safepoint.
          if (i % 100 === 3) heap.gc();
        });
        lock.unlock();
      }
    }
    parentPort!.postMessage({ torn });
  },

  /** Takes the lock, changes half of what it guards, and never ends. */
  hold(heap: Heap): void {
    heap.scope(() => {
      const guarded = heap.roots.get('guarded', Guarded)!;
      guarded.lock.lock();
      guarded.first = -1;
      parentPort!.postMessage('locked');
      for (;;) heap.poll();
    });
  },

  /** Waits for the lock, in a scope, with a reference that is the only one to what it guards. Posts what it got. */
  wait(heap: Heap): void {
    const result = heap.scope(() => {
      const guarded = heap.roots.get('guarded', Guarded)!;
      heap.roots.delete('guarded');
      parentPort!.postMessage('waiting');
      const state = guarded.lock.lock();
      const found = { state, first: guarded.first, holder: guarded.lock.holder === heap.threadId };
      guarded.lock.unlock();
      return found;
    });
    parentPort!.postMessage(result);
  },

  /** Takes the lock and ends without giving it up, while the main thread waits for it. */
  exit(heap: Heap): void {
    heap.roots.get('guarded', Guarded)!.lock.lock();
    parentPort!.postMessage('locked');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    process.exit();
  },

  /** Takes the lock and detaches. */
  leave(heap: Heap): void {
    heap.roots.get('guarded', Guarded)!.lock.lock();
  },
};

if (parentPort !== null && workerData !== null) {
  const input = workerData as MutexWorkerInput;
  const heap = attachHeap(input.shared);
  roles[input.role](heap, input);
  heap.detach();
}
