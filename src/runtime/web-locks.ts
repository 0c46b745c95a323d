/**
 * How the ends of threads are noticed in a browser, which has no event for them: each attachment holds a Web Lock until its
 * thread detaches or ends, and who waits for that lock gets it then, and not while the thread still runs.
 *
 * Order. A thread attaches; asks for the lock, whose name is of this heap, record and epoch; when it is granted, writes the
 * epoch to PROC_LOCKED. Only who has seen that there may ask for the lock, and so is behind the holder. When he gets it, that
 * attachment has ended by itself, and its record is free or has another epoch; or its thread is gone, and is reaped. A lock
 * is let go after `detach`, never before.
 *
 * The collector's background worker never returns to its event loop, so it attaches when it has the lock already. It
 * ends with the thread that started it, but after it, by seconds if it is busy, and is reaped with it. So before a
 * thread is reaped that has started one, its lock is waited for as well.
 *
 * A browser can take a lock away from one who goes on: when it keeps a page for going back to it. Then PROC_LOCKED is 0
 * again. So who gets the lock looks at that once more, after a turn of his event loop, before he reaps; and a wait that was
 * ended in this way is not begun again: such a thread's end is not noticed.
 *
 * Nothing here refers to the heap from a lock that is held: what is held lives as long as the page.
 */
import type { Words } from '../base/brand.ts';
import { ArgumentError } from '../base/errors.ts';
import { GC_RESERVED, GC_STARTER } from '../layout/gc.ts';
import { H_LOCK_NAME, LOCK_NAME_WORDS } from '../layout/header.ts';
import { PROC_EPOCH, PROC_LOCKED } from '../layout/proc.ts';
import type { MHeap } from '../spans/mheap.ts';
import { procRef } from '../sync/proc-ref.ts';
import type { Mem } from '../sys/mem.ts';
import { attachmentOf } from '../threads/dead.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';
import { reapAttachment } from './reap-worker.ts';
import { nextTurn, throwLater, type WebLocks, warn, webLocks } from './worker-threads.ts';

/**
 * Milliseconds between two looks for threads that are new. They are not told of: a message can be lost with whoever was
 * to send it, while a record says for as long as it is there whose lock is held. A thread that has ended before it was
 * seen is noticed by the next look, since its lock can be asked for all the same.
 */
const LOOK_MS = 1000;

/** For a new heap, where there are Web Locks. Elsewhere nothing: Node takes a millisecond for its first random number. */
export function nameLocks(m: Words): void {
  if (webLocks() !== undefined) m.set(crypto.getRandomValues(new Int32Array(LOCK_NAME_WORDS)), H_LOCK_NAME);
}

/** Undefined where no thread of this heap holds any. */
function locksOf(mem: Mem): WebLocks | undefined {
  const locks = mem.shared ? webLocks() : undefined;
  return locks === undefined || nameWords(mem).every((word) => word === 0) ? undefined : locks;
}

function nameWords({ m }: Mem): number[] {
  return Array.from(m.subarray(H_LOCK_NAME, H_LOCK_NAME + LOCK_NAME_WORDS));
}

/** The name of an attachment's lock. There is no other attachment of this name, ever, in any heap. */
export function lockName(mem: Mem, id: number, epoch: number): string {
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  const heap = nameWords(mem).map(hex).join('');
  return `spanheap ${heap} ${id} ${epoch >>> 0}`;
}

/** Of one thread of a heap: its own lock, and the wait for the ends of all others. An unshared heap has none of both. */
export class ThreadLock {
  readonly #heap: MHeap;
  readonly #options: StopOptions;
  #letGo = (): void => {};
  #watch: EndWatch | undefined = undefined;

  /** For a thread that has just attached. `options`: of the stops in which others are reaped. */
  constructor(heap: MHeap, options: StopOptions) {
    this.#heap = heap;
    this.#options = options;
    const { mem, ref } = heap.t;
    const locks = locksOf(mem);
    if (locks === undefined) return;
    const released = new Promise<void>((resolve) => {
      this.#letGo = resolve;
    });
    const epoch = mem.m[ref + PROC_EPOCH];
    void hold(locks, lockName(mem, heap.t.id, epoch), released, new LockedWord(mem.m, ref, epoch));
  }

  /** Begins the wait. False: there are no locks. */
  watch(): boolean {
    const { mem } = this.#heap.t;
    const locks = locksOf(mem);
    if (locks === undefined) return !mem.shared;
    this.#watch ??= new EndWatch(this.#heap, locks, this.#options);
    this.#watch.look();
    return true;
  }

  /** This thread has detached: its record is free, or another's. */
  release(): void {
    this.#watch?.stop();
    this.#letGo();
  }
}

/** From now on this thread reaps all others that end. Throws ArgumentError where that cannot be known. */
export function watchEnds(lock: ThreadLock | undefined): void {
  if (lock?.watch() === true) return;
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    'watch: without Web Locks, which need a secure context, this browser does not tell when a worker has ended; ' +
      'call heap.reap(id) when it has, with the heap.threadId that it had',
  );
}

/** Where an attachment says that it holds its lock. */
class LockedWord {
  readonly #words: WeakRef<Words>;
  readonly #ref: number;
  readonly #epoch: number;

  constructor(m: Words, ref: number, epoch: number) {
    this.#words = new WeakRef(m);
    this.#ref = ref;
    this.#epoch = epoch;
  }

  /** Unless the record has been freed meanwhile. */
  set(isHeld: boolean): void {
    const m = this.#words.deref();
    if (m === undefined || Atomics.load(m, this.#ref + PROC_EPOCH) !== this.#epoch) return;
    Atomics.store(m, this.#ref + PROC_LOCKED, isHeld ? this.#epoch : 0);
  }
}

/** Holds a lock until `released` settles, or the thread ends. Where none is given, as to a page without origin, nothing. */
async function hold(locks: WebLocks, name: string, released: Promise<void>, word: LockedWord): Promise<void> {
  try {
    await locks.request(name, () => {
      word.set(true);
      return released;
    });
  } catch {
    word.set(false);
  }
}

/** Waits for the ends of all other threads of a heap, and reaps them. */
class EndWatch {
  readonly #heap: MHeap;
  readonly #locks: WebLocks;
  readonly #options: StopOptions;
  /** By id of a thread, the epoch of the attachment whose end is, or was, waited for last. */
  readonly #awaited = new Map<number, number>();
  readonly #stopped = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #warned = false;

  constructor(heap: MHeap, locks: WebLocks, options: StopOptions) {
    this.#heap = heap;
    this.#locks = locks;
    this.#options = options;
  }

  /** Begins to wait for threads that are new, now and every second. */
  look(): void {
    const { t } = this.#heap;
    if (!t.attached) {
      this.stop();
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), LOOK_MS);
    const { m, plan } = t.mem;
    for (let id = 1; id <= plan.maxProcs; id++) {
      const p = procRef(t.mem, id);
      const epoch = attachmentOf(m, p);
      const isHeld = epoch !== 0 && Atomics.load(m, p + PROC_LOCKED) === epoch;
      if (id === t.id || !isHeld || this.#awaited.get(id) === epoch) continue;
      this.#awaited.set(id, epoch);
      void this.#whenFree(id, epoch, () => this.#ended(id, epoch));
    }
  }

  /** Waits for nobody any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
  }

  /** Calls `fn` with an attachment's lock, which is held until what that returns has settled. */
  async #whenFree(id: number, epoch: number, fn: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopped;
    let isFree = false;
    try {
      await this.#locks.request(lockName(this.#heap.t.mem, id, epoch), { signal }, () => {
        isFree = true;
        return fn();
      });
    } catch (error) {
      // Of the repair: an uncaught error, as where an event tells of the end.
      if (isFree) throw error;
      if (signal.aborted || this.#warned) return;
      this.#warned = true;
      warn(`watch: the end of a worker will not be noticed, since the browser gives no Web Lock: ${error}`);
    }
  }

  /** The thread of an attachment is gone, or has detached; or it has lost its lock, and says so in a moment. */
  async #ended(id: number, epoch: number): Promise<void> {
    await nextTurn();
    const { mem } = this.#heap.t;
    const { m } = mem;
    const p = procRef(mem, id);
    if (attachmentOf(m, p) !== epoch || Atomics.load(m, p + PROC_LOCKED) !== epoch) return;
    const reap = (): Promise<void> => reapAttachment(this.#heap, id, epoch, this.#options);
    if (Atomics.load(m, GC_STARTER) !== id) return reap();
    const worker = m[GC_RESERVED];
    return this.#whenFree(worker, Atomics.load(m, procRef(mem, worker) + PROC_EPOCH) | 1, reap);
  }
}

/**
 * For the background worker: calls `run`, which attaches, with the lock of the attachment that it makes. In a browser the
 * event loop does; elsewhere it is called at once.
 */
export function runLocked(mem: Mem, run: () => void): void {
  const locks = locksOf(mem);
  if (locks === undefined) {
    run();
    return;
  }
  const id = mem.m[GC_RESERVED];
  const word = procRef(mem, id) + PROC_EPOCH;
  // What has it now is on its way out, and is waited for.
  const epoch = Atomics.load(mem.m, word) | 1;
  let isFree = false;
  const begin = (): void => {
    isFree = true;
    if ((Atomics.load(mem.m, word) | 1) !== epoch) runLocked(mem, run);
    else run();
  };
  locks.request(lockName(mem, id, epoch), begin).catch((error) => {
    if (isFree) throwLater(error);
    else run();
  });
}
