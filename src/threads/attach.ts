/**
 * Threads come and go. Attaching claims a free proc record and makes it ready while its status is still FREE, so that
 * a stop passes it by; the status is stored last, under the world lock. Detaching stops the world, so that no other
 * thread is between looking at a span's owner and noting a free for it. The record becomes FREE only after the world
 * lock was given up: a thread that dies with the lock must have a status that says so.
 *
 * Who dies here can be told from its record, and is found by whoever watches its JS thread or asks the OS for it: the
 * record is claimed and freed by one word, the epoch, and what it says of its thread is true if PROC_NAMED is that
 * epoch. Only between the claim and that store the record is nobody's to find; V8 ends no thread there, since no call
 * and no loop lies between. The OS's id is there by then too, for the thread takes the world lock next: if it dies with
 * that, he who could hear of its end from his event loop may be waiting for the lock.
 */
import type { ProcRef } from '../base/brand.ts';
import { SpanheapError } from '../base/errors.ts';
import { MCache } from '../cache/mcache.ts';
import { GC_RESERVED } from '../layout/gc.ts';
import { H_PROCS } from '../layout/header.ts';
import {
  PROC_BITS_EPOCH,
  PROC_BITS_NEXT,
  PROC_CLASSES,
  PROC_COUNTED,
  PROC_EPOCH,
  PROC_FREE,
  PROC_ID,
  PROC_IDLE,
  PROC_NAMED,
  PROC_OS_THREAD,
  PROC_STATUS,
  PROC_THREAD,
} from '../layout/proc.ts';
import { EV_ATTACH, EV_DETACH } from '../layout/trace.ts';
import { closeCallbacks } from '../spans/callback-queue.ts';
import { MHeap } from '../spans/mheap.ts';
import type { SizeClassTable } from '../spans/size-classes.ts';
import { Proc } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
import { freeStatus, stateOf, statusWord } from '../sync/status.ts';
import { endTraceOf } from '../sync/trace.ts';
import type { Mem } from '../sys/mem.ts';
import { releaseProc } from './reclaim.ts';
import { allProcs, lockWorldUnlessBroken, withWorldStopped } from './stop-the-world.ts';

/** By what others know the JS thread of a record. */
export interface ThreadName {
  /** Its worker thread id + 1, or 0 if it has none. */
  readonly thread: number;
  /** The OS's id of it, or 0 if that is not known. */
  readonly osThread: number;
}

/**
 * Makes the calling JS thread a thread of the heap. `background`: it is the collector's, for which a record is set aside.
 * `onClaim` is called before the thread waits for others: they may be gone, and if nobody else is attached it is this one
 * that has to find out and reap them. May block shortly.
 */
export function attachProc(
  mem: Mem,
  classes: SizeClassTable,
  name: ThreadName,
  background = false,
  onClaim: (heap: MHeap) => void = () => {},
): MCache {
  const ref = claimProc(mem, name, background);
  const t = new Proc(mem, ref);
  const heap = new MHeap(t, classes);
  const cache = new MCache(heap, ref);
  cache.init();
  onClaim(heap);
  if (mem.shared) {
    // Under the world lock no stop is under way: one that has passed this record by is over, the next will see it.
    try {
      lockWorldUnlessBroken(t);
    } catch (error) {
      // One of those that it waited for came to no safepoint. The record is nobody's then.
      freeStatus(mem.m, ref);
      throw error;
    }
    cache.joinCycle();
    countProc(mem, ref, true);
    Atomics.store(mem.m, ref + PROC_STATUS, statusWord(PROC_IDLE, mem.m[ref + PROC_EPOCH]));
    if (t.trace.number !== 0) t.trace.event(EV_ATTACH, 0, name.thread, t.id, 0, 0);
    t.unlockWorld();
  } else {
    countProc(mem, ref, true);
  }
  return cache;
}

/** Claims a free record by one compare-and-exchange of its epoch, which is odd while the record is in use. */
function claimProc(mem: Mem, { thread, osThread }: ThreadName, background: boolean): ProcRef {
  const { m } = mem;
  for (let id = 1; id <= mem.plan.maxProcs; id++) {
    if ((id === m[GC_RESERVED]) !== background) continue;
    const ref = procRef(mem, id);
    if (stateOf(m, ref) !== PROC_FREE) continue;
    const epoch = Atomics.load(m, ref + PROC_EPOCH);
    if ((epoch & 1) !== 0 || Atomics.compareExchange(m, ref + PROC_EPOCH, epoch, epoch + 1) !== epoch) continue;
    m.fill(0, ref + PROC_ID, ref + PROC_EPOCH);
    // But for the piece of bits, which the next thread may cut on from.
    m.fill(0, ref + PROC_EPOCH + 1, ref + PROC_BITS_NEXT);
    m.fill(0, ref + PROC_BITS_EPOCH + 1, ref + PROC_CLASSES);
    m[ref + PROC_ID] = id;
    m[ref + PROC_THREAD] = thread;
    m[ref + PROC_OS_THREAD] = osThread;
    Atomics.store(m, ref + PROC_NAMED, epoch + 1);
    return ref;
  }
  const most = mem.plan.maxProcs - (m[GC_RESERVED] === 0 ? 0 : 1);
  throw new SpanheapError(
    'ERR_TOO_MANY_THREADS',
    `the heap has ${most} threads attached, its maximum; raise maxThreads in createHeap, or, if there are workers among ` +
      'them that are gone, call heap.watch(worker) when you start one, or heap.detach() in it before it ends',
  );
}

/** Gives up everything that this thread holds. The record can be attached again. Blocks until the world has stopped. */
export function detachProc(cache: MCache): void {
  const { heap, ref } = cache;
  const { mem } = heap.t;
  withWorldStopped(heap.t, () => {
    countProc(mem, ref, false);
    releaseProc(cache);
    closeCallbacks(heap.t, ref);
    endTraceOf(mem, heap.t.id);
    if (heap.t.trace.number !== 0) heap.t.trace.event(EV_DETACH, 0, 0, 0, 0, 0);
  });
  heap.t.quit();
  freeStatus(mem.m, ref);
}

/**
 * One more thread, or one less. With the world lock, or alone: so one who dies in here leaves a sum that the next makes
 * right, and he himself is among those who are counted anew when he is reaped.
 */
export function countProc(mem: Mem, ref: ProcRef, isThere: boolean): void {
  const { m } = mem;
  m[ref + PROC_COUNTED] = isThere ? 1 : 0;
  Atomics.store(m, H_PROCS, sumOfProcs(mem));
}

/** What H_PROCS is to be. */
export function sumOfProcs(mem: Mem): number {
  return allProcs(mem).reduce((n, p) => n + mem.m[p + PROC_COUNTED], 0);
}
