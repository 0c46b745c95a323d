/** The collector as a heap's user holds it: requests, settings, and the background worker. */
/// <reference lib="esnext.disposable" preserve="true" />
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import type { MCache } from '../cache/mcache.ts';
import { claimStart, retireBackground, startFailed, wake } from '../gc/background.ts';
import { Collector } from '../gc/collector.ts';
import { makeWriteHook } from '../gc/write-hook.ts';
import { GC_PAUSED, GC_RESERVED, GC_WORKER } from '../layout/gc.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import { PROC_PAUSES } from '../layout/proc.ts';
import { SNAP_SERIAL, WHY_DETACHED } from '../layout/snapshot.ts';
import { endSnapshot, giveUp, snapshotOwner } from '../threads/hold.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';
import { traceTo } from './gc-trace.ts';
import type { WorkerStart } from './gc-worker.ts';
import type { SharedHeap } from './init.ts';
import { checkLimit, checkPercent, type GcOptions } from './options.ts';
import type { RawAllocator } from './raw.ts';
import { reapBackground, reapWorker } from './reap-worker.ts';
import { NO_THREAD_ID, startWorker, warn, whenIdle } from './worker-threads.ts';

/** The source text of the background worker, put there by the build. Where there is none, there is no worker. */
declare const SPANHEAP_GC_WORKER: string | undefined;

/** Milliseconds of one step in idle time: what a program that wants to go on may have to wait. */
const IDLE_STEP_MS = 1;
/** Most cycles that begin without a background worker because it could not be started. */
const MAX_REST = 256;

/** What the collector of one thread goes by. */
export type ThreadOptions = Pick<GcOptions, 'background' | 'trace' | 'warnAfterMs'>;

/** Of a thread that attaches: as the heap was made, which `heap.share()` tells. */
export function attachedOptions({ gc }: SharedHeap): ThreadOptions {
  const { background = true, stopWarning = 5000 } = gc ?? {};
  return { background, trace: false, warnAfterMs: stopWarning };
}

/** Holds the collector back until it is disposed of. */
export interface GCPause extends Disposable {
  /** Lets the collector go on; a second call does nothing. */
  dispose(): void;
}

export class HeapGC {
  readonly collector: Collector;
  readonly #cache: MCache;
  readonly #options: ThreadOptions;
  /** A step is scheduled. */
  #stepping = false;
  /** Background workers that this thread has started. */
  #starts = 0;
  #warnedOf = '';
  /** Cycles that are to begin without one, since the last has failed; and how many it will be for the next that fails. */
  #rest = 0;
  #nextRest = 1;
  /** What another thread needs to attach. */
  readonly #share: () => unknown;

  constructor(cache: MCache, raw: RawAllocator, options: ThreadOptions, stop: StopOptions, share: () => unknown) {
    this.#cache = cache;
    this.#options = options;
    this.#share = share;
    const { t } = cache.heap;
    const { trace } = options;
    const own = typeof trace === 'function' ? (line: string) => t.callOuts.call(() => trace(line)) : undefined;
    const onCycle = traceTo(t.mem, own);
    this.collector = new Collector(cache.heap, raw.typeTable, { stop, onCycle });
    this.collector.wakeBackground = () => this.#wakeBackground();
    raw.collector = this.collector;
    cache.heap.collect = () => this.collector.onOutOfMemory();
    const onWrite = makeWriteHook(this.collector);
    raw.barrier.onWrite = onWrite;
    // Nothing is stored, but a full buffer is emptied.
    raw.barrier.makeRoom = () => onWrite(0, 0, 0);
  }

  /** What `heap.share()` gives other threads of it. */
  get shared(): NonNullable<SharedHeap['gc']> {
    const { background, warnAfterMs } = this.#options;
    return { background, stopWarning: warnAfterMs };
  }

  /** For the thread that makes the heap: before any other can see it. */
  init(options: GcOptions): void {
    this.collector.pacer.init(options.percent, options.memoryLimit);
    this.collector.repace(true);
  }

  collect(): void {
    this.#inRegion(() => this.collector.collect());
  }

  step(budgetMs: number): boolean {
    if (typeof budgetMs !== 'number' || !(budgetMs > 0)) {
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        `gcStep: the budget must be a number of milliseconds above 0, not ${describe(budgetMs)}`,
      );
    }
    let more = false;
    this.#inRegion(() => {
      more = this.collector.step(budgetMs);
    });
    return more;
  }

  setGCPercent(percent: number): number {
    const checked = checkPercent(percent, 'setGCPercent: the value');
    return this.#configure(() => this.collector.pacer.setGCPercent(checked));
  }

  setMemoryLimit(bytes: number): number {
    const checked = checkLimit(bytes, 'setMemoryLimit: the value');
    return this.#configure(() => this.collector.pacer.setMemoryLimit(checked));
  }

  pause(): GCPause {
    const { m } = this.#cache.heap.t.mem;
    const { t } = this.#cache.heap;
    const change = (by: number): void => {
      this.#configure(() => {
        m[t.ref + PROC_PAUSES] = m[t.ref + PROC_PAUSES] + by;
        return Atomics.add(m, GC_PAUSED, by);
      });
    };
    change(1);
    let held = true;
    const dispose = (): void => {
      // A thread that leaves takes its pauses with it.
      if (held && t.attached) change(-1);
      held = false;
    };
    return { dispose, [Symbol.dispose]: dispose };
  }

  /** This thread is about to leave: what its write barrier has noted becomes work of the others. In a region. */
  release(): void {
    const { t } = this.#cache.heap;
    const { m } = t.mem;
    const pauses = m[t.ref + PROC_PAUSES];
    if (pauses !== 0) this.#configure(() => Atomics.sub(m, GC_PAUSED, pauses));
    m[t.ref + PROC_PAUSES] = 0;
    if (snapshotOwner(m) === t.id) {
      giveUp(m, WHY_DETACHED);
      endSnapshot(this.#cache.heap, m[SNAP_SERIAL], this.collector.stop);
    }
    if (t.mem.m[H_WRITE_BARRIER] === 0) return;
    this.collector.marker.flushBarrier(t.ref);
    this.collector.marker.share(true);
    wake(t.mem);
  }

  /** This thread is about to detach, outside of its region. A worker that it has started ends with it. */
  retire(): void {
    const { t } = this.#cache.heap;
    if (t.mem.shared) retireBackground(t);
  }

  #configure(change: () => number): number {
    let old = 0;
    this.#inRegion(() =>
      this.collector.configure(() => {
        old = change();
      }),
    );
    return old;
  }

  #inRegion(fn: () => void): void {
    const { t } = this.#cache.heap;
    t.enter();
    try {
      fn();
    } finally {
      t.leave();
    }
  }

  /** A cycle has begun: wakes the background worker, or starts one if there is none, also after it was lost. */
  #wakeBackground(): void {
    const { mem } = this.#cache.heap.t;
    wake(mem);
    // One that has come is no reason to wait for the next.
    if (Atomics.load(mem.m, GC_WORKER) > 0) this.#nextRest = 1;
    if (this.#options.background === false || mem.m[GC_RESERVED] === 0) {
      this.#stepWhenIdle();
      return;
    }
    const { id } = this.#cache.heap.t;
    if (!claimStart(mem, id)) return;
    try {
      if (this.#rest > 0) this.#rest--;
      else if (this.#start()) return;
    } catch (error) {
      this.#failed(error);
    }
    startFailed(mem, id);
    this.#stepWhenIdle();
  }

  /** Without it cycles take more of this program's time, and no more: threads that allocate do the marking. */
  #failed(error: unknown): void {
    const why = whyFailed(error, this.#options.background);
    // Where a page does not allow it all tries are in vain, and the browser notes and reports each of them.
    this.#rest = this.#nextRest;
    this.#nextRest = Math.min(2 * this.#nextRest, MAX_REST);
    if (why === this.#warnedOf) return;
    this.#warnedOf = why;
    warn(`the collector's background worker failed: ${why}`);
  }

  /** With nobody in the background, this thread's event loop does a step whenever it has nothing else to do. */
  #stepWhenIdle(): void {
    if (this.#stepping) return;
    this.#stepping = true;
    whenIdle(() => {
      this.#stepping = false;
      if (this.#cache.heap.t.attached && this.step(IDLE_STEP_MS)) this.#stepWhenIdle();
    });
  }

  #start(): boolean {
    const { background, warnAfterMs } = this.#options;
    const start: WorkerStart = { shared: this.#share(), warnAfterMs };
    const source = typeof SPANHEAP_GC_WORKER === 'undefined' ? undefined : SPANHEAP_GC_WORKER;
    if (background === true && source === undefined) return false;
    const script = background === true ? { source: source! } : { url: background as string };
    const number = ++this.#starts;
    const onExit = (threadId: number): void => this.#lost(threadId, number);
    return startWorker(script, start, onExit, (error) => this.#failed(error)) !== undefined;
  }

  /** A worker has ended: of itself, or it was killed, or it never came. The next cycle starts another, if none has already. */
  #lost(threadId: number, number: number): void {
    const { heap } = this.#cache;
    const { stop } = this.collector;
    const isLatest = (): boolean => number === this.#starts;
    const done = (): void => {
      if (!isLatest()) return;
      startFailed(heap.t.mem, heap.t.id);
      this.#stepWhenIdle();
    };
    if (threadId !== NO_THREAD_ID) reapWorker(heap, threadId, stop, done);
    else if (isLatest()) reapBackground(heap, stop, done);
  }
}

/** `error`: what was thrown, or in a browser the event, which tells nothing of a script that it could not load. */
function whyFailed(error: unknown, background: boolean | string): string {
  const { message, filename } = (error ?? {}) as { message?: unknown; filename?: unknown };
  if (typeof message === 'string' && message !== '') {
    const isKnown = typeof filename === 'string' && filename !== '';
    return isKnown ? `${message} (${filename})` : message;
  }
  const cure = `the option background of createHeap takes the URL of 'spanheap/gc-worker'`;
  if (typeof background === 'string') return `${background} could not be loaded; ${cure}`;
  return `it could not be loaded, as where a page's security policy allows no workers made from text; ${cure}`;
}
