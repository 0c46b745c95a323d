/**
 * The heap as a user holds it: one object per thread that is attached. The composition root: builds the layers and
 * wires what flows upwards.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { checkFunction } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError, SpanheapError, WrongTypeError } from '../base/errors.ts';
import { followRate, MEM_PROFILE_RATE } from '../cache/sampling.ts';
import { PTR_SIZE } from '../layout/constants.ts';
import { LAYOUT_VERSION } from '../layout/header.ts';
import { type AllocHooks, calledOut } from '../malloc/hooks.ts';
import type { SizeClassTable } from '../spans/size-classes.ts';
import type { DelayHook } from '../sync/wired.ts';
import type { Mem } from '../sys/mem.ts';
import { attachProc, detachProc } from '../threads/attach.ts';
import { procsOfThread, reap } from '../threads/reap.ts';
import type { Kind, ReferableKind, SliceKind } from '../types/kinds.ts';
import { TypedHeap } from '../types/typed-heap.ts';
import type {
  AnyStruct,
  Cleanup,
  Infer,
  Init,
  Interned,
  NodeCursor,
  Reference,
  Slice,
  Synchronous,
  WeakReference,
} from '../types/values.ts';
import { weakReference } from '../types/weak.ts';
import { attachedOptions, type GCPause, HeapGC, type ThreadOptions } from './heap-gc.ts';
import { HeapInside } from './heap-inside.ts';
import { checkShared, initMem, readClasses, type SharedHeap } from './init.ts';
import { lookAfter } from './liveness.ts';
import { checkOptions, checkProfileRate, type HeapOptions } from './options.ts';
import { RawAllocator, type RawHeap } from './raw.ts';
import { reapAtExit } from './reap-worker.ts';
import { ThreadLock, watchEnds } from './web-locks.ts';
import {
  aboutToShare,
  announce,
  isWebWorker,
  type NodeWorkerLike,
  stopOptions,
  threadName,
  type WorkerLike,
  webLocks,
} from './worker-threads.ts';

/** Object memory, for reading and writing objects by address. Index by `addr >>> 2`, `addr`, `addr >>> 3`. */
export interface HeapMemory {
  readonly buffer: SharedArrayBuffer | ArrayBuffer;
  readonly i32: Int32Array<ArrayBufferLike>;
  readonly u8: Uint8Array<ArrayBufferLike>;
  readonly f64: Float64Array<ArrayBufferLike>;
}

/** The heap's named roots: what threads find each other's objects by. Seen by all threads at once. */
export interface Roots {
  /**
   * Names what a reference refers to; replaces what had the name. It stays alive as long as it is named. Throws
   * ArgumentError for an empty name and for a reference of another heap; StaleRefError, OutOfMemoryError.
   */
  set(name: string, ref: Reference): void;
  /**
   * What has this name; undefined when nothing has. Throws TypeMismatchError when it is of another type than `kind`, and
   * when the type is defined otherwise here than in the heap.
   */
  get<T extends ReferableKind>(name: string, kind: T): Infer<T> | undefined;
  /** Whether something has this name, of whatever type. */
  has(name: string): boolean;
  /** Forgets a name. False when nothing had it. */
  delete(name: string): boolean;
  /** All names in use, sorted. */
  names(): string[];
}

/**
 * One heap, as the thread holds it that has made it (`createHeap`) or is attached to it (`attachHeap`). Of use on this thread
 * only: others get what `share()` returns. After `detach`, and once this thread was reaped, methods throw SpanheapError with
 * `ERR_DETACHED`; `share`, `threadsOf` and those that only read numbers, such as `memStats` and `view`, go on.
 */
export class Heap extends HeapInside {
  /** The allocator itself: malloc and free, and Go's `makeslice` family. */
  readonly raw: RawHeap;
  /** The memory that addresses are of: what `raw` and `addressOf` give. */
  readonly memory: HeapMemory;
  /** Names that all threads find objects by; what has one stays alive. */
  readonly roots: Roots;
  readonly #typed: TypedHeap;
  readonly #mem: Mem;
  readonly #lock: ThreadLock | undefined;
  #attached = true;

  private constructor(mem: Mem, classes: SizeClassTable, ptrSize: number, gc: ThreadOptions) {
    const stop = stopOptions(gc.warnAfterMs);
    const cache = attachProc(mem, classes, threadName(mem.shared), false, (heap) => lookAfter(heap, stop));
    const allocator = new RawAllocator(cache, ptrSize);
    super(cache, allocator, new HeapGC(cache, allocator, gc, stop, () => this.#shared()));
    // In Node not even the class is made: a function that is called first takes 40 µs.
    this.#lock = webLocks() && new ThreadLock(cache.heap, stop);
    this.#mem = mem;
    this.raw = allocator;
    this.#typed = new TypedHeap(allocator, allocator.typeTable, allocator);
    const { roots } = this.#typed;
    this.roots = {
      set: (name, ref) => this.#live(() => roots.set(name, ref)),
      get: <T>(name: string, kind: T) =>
        this.#live(() => roots.get(name, this.#typed.codec(kind as Kind, 'roots.get'))) as Infer<T> | undefined,
      has: (name) => this.#live(() => roots.has(name)),
      delete: (name) => this.#live(() => roots.delete(name)),
      names: () => this.#live(() => roots.names()),
    };
    this.memory = Object.freeze({ buffer: mem.data, i32: mem.i32, u8: mem.u8, f64: mem.f64 });
  }

  /** @internal */
  static create(options: HeapOptions, ptrSize: number): Heap {
    const checked = checkOptions(options);
    const heap = new Heap(initMem(checked), checked.classes, ptrSize, checked.gc);
    heap.collector.init(checked.gc);
    return heap;
  }

  /** @internal */
  static attach(shared: unknown): Heap {
    const mem = checkShared(shared, 'attachHeap');
    return new Heap(mem, readClasses(mem), PTR_SIZE, attachedOptions(shared as SharedHeap));
  }

  /** Id of this thread in the heap: what `reap` takes. */
  get threadId(): number {
    return this.cache.id;
  }

  /** Whether this thread still belongs to the heap: not detached, not reaped. */
  get attached(): boolean {
    return this.#attached && this.cache.heap.t.attached;
  }

  /**
   * What another thread needs to attach: pass it as `workerData` or by `postMessage`. Nothing is copied. Throws
   * ArgumentError for a heap made with `shared: false`.
   */
  share(): SharedHeap {
    if (!this.#mem.shared) {
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        'share: this heap was made with shared: false and belongs to one thread',
      );
    }
    aboutToShare();
    return this.#shared();
  }

  #shared(): SharedHeap {
    return {
      spanheap: LAYOUT_VERSION,
      gc: this.collector.shared,
      data: this.#mem.data as SharedArrayBuffer,
      meta: this.#mem.meta as SharedArrayBuffer,
    };
  }

  /**
   * Makes an object of a struct, slice, array or map type and returns a reference to it: zero, then with the values given.
   * The reference is local in a scope and persistent outside of all.
   *
   * Throws, before anything is made: TypeMismatchError when the type has another definition in the heap; RangeError,
   * TypeError, StaleRefError with a `code` for values that do not fit. OutOfMemoryError when the heap is full.
   */
  new<T extends ReferableKind>(kind: T, init?: Init<T>): Infer<T> {
    this.check();
    return this.#typed.create(kind as unknown as Kind, init) as unknown as Infer<T>;
  }

  /** A slice of `len` zero elements with room for `cap` (Go: `make`). Throws SliceError with Go's texts. */
  make<E extends Kind>(kind: SliceKind<E>, len: number, cap: number = len): Slice<Infer<E>> {
    this.check();
    return this.#typed.makeSlice(kind as unknown as Kind, len, cap) as unknown as Slice<Infer<E>>;
  }

  /**
   * Runs `fn` as one region and returns its result. References that are made inside are local: they cost little, and
   * throw StaleRefError once the scope has ended. One that `fn` returns is carried to the scope around this one, or made
   * persistent when there is none. Scopes nest.
   *
   * Calls inside are fast; other threads that stop the world (to verify, to reap, to reclaim) wait until the region ends or
   * reaches a safepoint: an allocation that needs a new window, references to objects in large numbers, or `heap.poll()`.
   *
   * A function that returns a promise is an error to TypeScript, and an ArgumentError is thrown: what it does after its first
   * `await` would run outside.
   */
  scope<T>(fn: Synchronous<T>): T {
    this.check();
    return this.#typed.scope(fn);
  }

  /**
   * A reference that can be moved along the pointers of a linked structure, making no objects. It ends with the scope it was
   * made in. Throws ArgumentError outside of all, and for what is no struct.
   */
  cursor<S extends AnyStruct>(kind: S): NodeCursor<S> {
    this.check();
    return this.#typed.cursor(kind as unknown as Kind) as NodeCursor<S>;
  }

  /**
   * Calls `fn(arg)` after the object that `ref` leads to has died (Go: `runtime.AddCleanup`): for what belongs to the
   * object and is not in the heap. Later, and perhaps never: a collection must find the object dead, and the function is
   * called on this thread, from its event loop, never inside a scope (see `drainCleanups`). An object can have many
   * cleanups. What `fn` and `arg` hold is not released before, so neither may lead to the object: no persistent reference
   * to it. A reference as `arg` is held until then. Freed by hand, the object counts as dead. A thread that detaches or
   * ends takes its cleanups with it.
   *
   * Objects below 16 bytes without pointers share blocks, and die with the last of their block.
   *
   * Throws ArgumentError when `arg` refers to the object itself, or something in it; StaleRefError, OutOfMemoryError.
   */
  cleanup(ref: Reference, fn: () => void): Cleanup;
  cleanup<A>(ref: Reference, fn: (arg: A) => void, arg: A): Cleanup;
  cleanup(ref: Reference, fn: (arg: unknown) => void, arg?: unknown): Cleanup {
    this.check();
    return this.#typed.callbacks.cleanup(ref, fn, arg);
  }

  /**
   * Calls `fn` with a reference to the object, once, after it was found dead (Go: `runtime.SetFinalizer`). Until then it
   * lives on with all it leads to, and for good if `fn` stores the reference somewhere. `null` removes the finalizer. The
   * reference is local to a scope around the call of `fn`. When and on which thread it runs: as `cleanup`, which is the
   * better choice where it does. Of two dead objects with finalizers, where one leads to the other, that one's runs first;
   * in a ring of such objects none ever runs.
   *
   * Throws ArgumentError when the object has a finalizer, and for a reference to a part of an object; StaleRefError,
   * OutOfMemoryError.
   */
  finalizer<R extends Reference>(ref: R, fn: ((ref: R) => void) | null): void {
    this.check();
    this.#typed.callbacks.finalizer(ref, fn);
  }

  /**
   * A reference that does not keep its object alive (Go: `weak.Make`). It is cleared when the object is found dead, before
   * any finalizer runs, and stays so even if that revives the object. All weak references to a place are equal, in all
   * threads. Throws StaleRefError, OutOfMemoryError.
   */
  weak<R extends Reference>(ref: R): WeakReference<R> {
    this.check();
    return weakReference(this.#typed.env, ref) as unknown as WeakReference<R>;
  }

  /**
   * Text whose bytes lie in the heap only once (Go: `unique.Make`). It can be stored where a string can, by all that
   * takes values (`heap.new`, `set`, `push`, …); keys of maps alone are strings. Equal texts give the same object in one
   * thread, and the same bytes in all. Lone surrogates become U+FFFD. Throws OutOfMemoryError.
   */
  intern(text: string): Interned {
    this.check();
    if (typeof text !== 'string') throw new WrongTypeError(`intern: expected a string, got ${describe(text)}`);
    return this.#typed.interner.intern(text);
  }

  /**
   * Calls the functions of cleanups and finalizers whose turn has come, and returns how many it called. The event loop
   * does it otherwise; this is for threads that do not return to theirs. What a function throws is thrown on; those left
   * get their turn later. Throws ArgumentError inside a scope.
   */
  drainCleanups(): number {
    this.check();
    return this.#typed.callbacks.drain();
  }

  /**
   * Byte address of what a reference refers to, in `heap.memory`. Objects never move; but the number keeps nothing alive.
   * Throws StaleRefError, and ArgumentError for a reference of another heap.
   */
  addressOf(ref: Reference): number {
    return this.#typed.addressOf(ref);
  }

  /**
   * Runs one whole cycle of the collector, sweep included, and returns when it is done (Go: `runtime.GC`). What nothing
   * refers to at the call is free then. Other threads go on but for two short stops. Works with `gc: 'off'` too. Blocks this
   * thread, and waits for a snapshot that another one takes.
   */
  gc(): void {
    this.check();
    this.collector.collect();
    this.#typed.callbacks.notice();
  }

  /**
   * Does a part of what the collector has to do, for about `budgetMs` milliseconds: for threads with time to spare, where
   * no worker collects in the background. False: nothing is to be done now. Throws ArgumentError unless it is above 0.
   */
  gcStep(budgetMs: number): boolean {
    this.check();
    return this.collector.step(budgetMs);
  }

  /**
   * Sets how much the heap may grow over what is alive, in percent, at once and for all threads; −1: not limited by this.
   * Returns what it was (Go: `debug.SetGCPercent`). Throws ArgumentError.
   */
  setGCPercent(percent: number): number {
    this.check();
    return this.collector.setGCPercent(percent);
  }

  /**
   * Sets the memory limit in bytes, Infinity for none, at once and for all threads; returns what it was (Go:
   * `debug.SetMemoryLimit`). Throws ArgumentError.
   */
  setMemoryLimit(bytes: number): number {
    this.check();
    return this.collector.setMemoryLimit(bytes);
  }

  /**
   * No cycle begins by itself while `fn` runs, or until what is returned is disposed of. A cycle that is under way goes
   * on; `gc()` still works. When memory is out the collector runs in any case.
   */
  pauseGC(): GCPause;
  pauseGC<T>(fn: () => T): T;
  pauseGC<T>(fn?: () => T): GCPause | T {
    this.check();
    if (fn !== undefined) checkFunction(fn, 'pauseGC');
    const pause = this.collector.pause();
    if (fn === undefined) return pause;
    try {
      return fn();
    } finally {
      pause.dispose();
    }
  }

  /** Safepoint: lets a thread that waits to stop the world do so. For long loops in a scope that do not allocate. */
  poll(): void {
    if (this.cache.heap.t.depth > 0) this.cache.heap.t.poll();
  }

  /**
   * Takes back all that a thread held which is gone without having detached. `id` is its `heap.threadId`. False when no
   * such thread is attached, as when another call has taken it back: those known to be gone are taken back together. The
   * thread must really be gone. Objects it allocated stay. Blocks until the other threads have reached safepoints. Throws
   * ArgumentError for an id that no thread can have, and for this thread's own.
   */
  reap(id: number): boolean {
    this.check();
    return reap(this.cache.heap, id, this.collector.collector.stop);
  }

  /**
   * Reaps a worker's threads of this heap by itself when the worker has ended, however it ends. Of Node's `worker_threads`: at
   * its `exit` event, or some milliseconds later when other threads do not come to safepoints, as those of workers that
   * were terminated with it. Throws ArgumentError for a worker that has ended already.
   *
   * In a browser the first call makes this thread reap all others of the heap that end, whoever started them, those that attach
   * later too, until it detaches; in a worker, `heap.watch(self)` does. It is noticed by a Web Lock that each thread asks for
   * when it attaches, and has when it has returned to its event loop once. A worker that is terminated ends when it stops
   * running, after seconds if it is busy. Throws ArgumentError where there are no Web Locks: call `reap` there.
   */
  watch(worker: WorkerLike): void {
    this.check();
    if (isWebWorker(worker)) watchEnds(this.#lock);
    else reapAtExit(this.cache.heap, worker as NodeWorkerLike, this.collector.collector.stop);
  }

  /**
   * Ids under which a worker is attached: what `reap` takes. `workerThreadId` is its `threadId` in Node, 0 that of the main
   * thread. Empty if it is not, or where threads have no ids, as in browsers. Throws WrongTypeError.
   */
  threadsOf(workerThreadId: number): number[] {
    if (typeof workerThreadId !== 'number') {
      throw new WrongTypeError(`threadsOf: expected the threadId of a worker, got ${describe(workerThreadId)}`);
    }
    return procsOfThread(this.cache.heap, workerThreadId);
  }

  /**
   * Gives up what this thread holds in its caches; objects stay. The heap cannot be used through this object any more.
   * The memory goes with the last reference to the heap, in any thread. Blocks until the world has stopped.
   */
  detach(): void {
    if (!this.#attached) return;
    const { t } = this.cache.heap;
    t.callOuts.refuseInHook('detach');
    // The thread of an unshared heap is always inside its region.
    if (t.depth > (this.#mem.shared ? 0 : 1))
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        'detach: cannot be called inside a scope; call it when the scope has ended',
      );
    this.trace?.stop();
    t.enter();
    this.#typed.release();
    this.collector.release();
    t.leave();
    this.collector.retire();
    detachProc(this.cache);
    this.#lock?.release();
    this.#attached = false;
    t.depth = 0;
    t.gate.setOpen(false);
  }

  /** The same as `detach`, at the end of a block: `using heap = attachHeap(shared)`. */
  [Symbol.dispose](): void {
    this.detach();
  }

  /**
   * Attaches observers and the collector to the slow paths; replaces what was attached before. With `onAlloc` or
   * `onFree` every call goes the slow way. `sampleRate`: mean bytes between two calls of `onSample`, which gets this
   * thread's samples instead of the heap profile. `onOutOfMemory` may do anything with the heap; the others may only
   * read it: they are called in the middle of a change, and what allocates, frees, collects, waits or stops the world throws
   * ArgumentError in them; in those of spans also what needs a lock (`roots`) or more room for references. Local references
   * that a hook makes are of a scope of its own. What a hook throws goes to whoever called; but `onFree` and those of
   * spans do not stop what is under way, and what they throw is an uncaught error. No hook is called for what a hook does.
   * `onDelay` is called inside the slow paths, for tests that make rare interleavings common. Throws ArgumentError for
   * a name that is no hook's and a rate that is none, WrongTypeError for a hook that is no function.
   */
  setHooks(hooks: AllocHooks & { readonly sampleRate?: number; readonly onDelay?: DelayHook }): void {
    this.check();
    const { t } = this.cache.heap;
    t.callOuts.refuseInHook('setHooks');
    t.enter();
    try {
      const called = calledOut(t, hooks, (fn) => this.#typed.scope(fn));
      const { sampleRate = MEM_PROFILE_RATE } = hooks;
      checkProfileRate(sampleRate, 'setHooks: sampleRate');
      this.allocator.hooks = called;
      this.cache.heap.hooks = called;
      this.allocator.plainWindows = hooks.onRefill === undefined && hooks.onDelay === undefined;
      t.delay = hooks.onDelay;
      this.cache.hookRate = hooks.onSample === undefined ? undefined : sampleRate;
      followRate(this.cache);
      t.guarded = hooks.onAlloc !== undefined || hooks.onFree !== undefined;
    } finally {
      t.leave();
    }
  }

  #live<T>(fn: () => T): T {
    this.check();
    return fn();
  }

  /**
   * Inside a region the thread is attached: that was seen when the region began, and nobody reaps a running thread.
   * @internal
   */
  protected override check(): void {
    if (this.cache.heap.t.depth > 0) return;
    if (!this.attached) throw new SpanheapError('ERR_DETACHED', 'this thread is not attached to the heap any more');
  }
}

/**
 * Makes a heap and attaches the calling thread. Throws ArgumentError for options that are wrong. If there is a function at
 * `globalThis[Symbol.for('spanheap.created')]`, it is called with the heap: for tools.
 */
export function createHeap(options: HeapOptions = {}): Heap {
  const heap = Heap.create(options, PTR_SIZE);
  announce(heap);
  return heap;
}

/**
 * Attaches the calling thread to a heap that another thread made. `shared` is what its `heap.share()` returned. Throws
 * AttachError for anything else, and for a heap of another layout version.
 */
export function attachHeap(shared: SharedHeap): Heap {
  return Heap.attach(shared);
}

/** A heap whose tiny allocator aligns as one with pointers of `ptrSize` bytes, to be compared with a 64-bit Go. */
export function createHeapForOracle(options: HeapOptions, ptrSize: 4 | 8): Heap {
  return Heap.create(options, ptrSize);
}
