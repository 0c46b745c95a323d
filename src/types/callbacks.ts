/**
 * Cleanups and finalizers as one thread holds them: the functions behind the ids in special records, and when they run.
 *
 * A callback runs on the thread that registered it, from its event loop and never inside a call into the heap. Whoever
 * finds an object dead puts its record into this thread's queue (spans/callback-queue.ts); the thread looks at the first
 * word of the queue when a scope has ended, after a collection that it asked for, and by a timer while it has registered
 * anything. The timer keeps no process alive.
 */
import { NIL, type Ref } from '../base/brand.ts';
import { checkFunction } from '../base/check.ts';
import { ArgumentError } from '../base/errors.ts';
import { ensureSwept } from '../central/sweep.ts';
import { addCleanup, addFinalizer, removeCleanup, removeFinalizer } from '../gc/specials.ts';
import { H_SPECIALS_LOCK, H_WRITE_BARRIER } from '../layout/header.ts';
import { PROC_CALLBACKS, TM_CLEANUPS_CALLED, TM_FINALIZERS_CALLED } from '../layout/proc.ts';
import { KIND_DROPPED, KIND_PENDING, SPECIAL_ADDR, SPECIAL_ID, SPECIAL_KIND } from '../layout/special.ts';
import { takeCallbacks } from '../spans/callback-queue.ts';
import { count } from '../spans/heap-stats.ts';
import { spanOf } from '../spans/mspan.ts';
import { freeSpecials, unlinkSpecial } from '../spans/special-list.ts';
import { NO_SCOPE } from '../threads/frame.ts';
import { type Env, inRegion, inScope } from './env.ts';
import { objectAround } from './object-around.ts';
import { asReference, type Place, Reference } from './reference.ts';
import type { Cleanup } from './values.ts';

interface Registered {
  readonly fn: (arg: unknown) => unknown;
  readonly arg: unknown;
  /** Of a finalizer: makes the reference that `fn` is called with. */
  readonly make: ((addr: number) => Place) | undefined;
}

/** A callback whose turn has come. */
interface Ready {
  readonly id: number;
  /** It is to be forgotten, not called. */
  readonly dropped: boolean;
  /** Of a finalizer: its record, which keeps the object alive. */
  readonly record: Ref;
}

/** How often a thread looks at its queue that does nothing with the heap, in milliseconds. */
const LOOK_MS = 50;

type Timer = ReturnType<typeof setInterval>;

function unref(timer: Timer): void {
  (timer as { unref?: () => void }).unref?.();
}

export class Callbacks {
  readonly #env: Env;
  readonly #registered = new Map<number, Registered>();
  /** Taken from the queue and not called yet; the next one is the last. */
  #ready: Ready[] = [];
  #lastId = 0;
  #timer: Timer | undefined;
  #scheduled = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** See Heap.cleanup. */
  cleanup(value: unknown, fn: unknown, arg: unknown): Cleanup {
    const env = this.#env;
    const ref = asReference(env, value, 'cleanup');
    checkFunction(fn, 'cleanup');
    const addr = ref.$a >>> 0;
    return inRegion(env, () => {
      const object = objectAround(env, addr, 'cleanup');
      if (arg instanceof Reference && arg.$env === env) {
        const to = asReference(env, arg, 'cleanup').$a >>> 0;
        if (to === addr) refuse('runtime.AddCleanup: ptr is equal to arg, cleanup will never run');
        if (to >= object.base && to < object.base + object.size) {
          refuse('runtime.AddCleanup: ptr is within the object that arg is in, cleanup will never run');
        }
      }
      const kept = arg instanceof Reference ? arg.hold() : arg;
      const id = this.#register({ fn: fn as Registered['fn'], arg: kept, make: undefined });
      this.#orForget(id, () => addCleanup(env.malloc.cache.heap, addr, id));
      return { stop: () => this.#stop(addr, id) };
    });
  }

  /** See Heap.finalizer. */
  finalizer(value: unknown, fn: unknown): void {
    const env = this.#env;
    const ref = asReference(env, value, 'finalizer');
    if (fn !== null) checkFunction(fn, 'finalizer');
    const addr = ref.$a >>> 0;
    inRegion(env, () => {
      const { heap } = env.malloc.cache;
      if (addr !== objectAround(env, addr, 'finalizer').base) {
        refuse('runtime.SetFinalizer: pointer not at beginning of allocated block');
      }
      if (fn === null) {
        removeFinalizer(heap, addr);
        return;
      }
      const { make } = ref.$codec.place!;
      const id = this.#register({ fn: fn as Registered['fn'], arg: undefined, make });
      const added = this.#orForget(id, () => addFinalizer(heap, addr, id));
      if (added) return;
      this.#forget(id);
      refuse('runtime.SetFinalizer: finalizer already set');
    });
  }

  /** Whether callbacks wait in the queue. */
  get waiting(): boolean {
    const { t } = this.#env;
    return t.mem.m[t.ref + PROC_CALLBACKS] !== NIL;
  }

  /** Lets the event loop call what waits in the queue, if anything does. Any time. */
  notice(): void {
    if (this.#scheduled || !(this.waiting || this.#ready.length > 0)) return;
    this.#scheduled = true;
    setTimeout(() => this.#run(), 0);
  }

  /** See Heap.drainCleanups. */
  drain(): number {
    const { t, shadow } = this.#env;
    t.callOuts.refuseInHook('drainCleanups');
    if (shadow.cur !== NO_SCOPE || t.depth > (t.mem.shared ? 0 : 1))
      refuse('drainCleanups: cannot be called inside a scope');
    this.#take();
    let called = 0;
    try {
      for (let next = this.#ready.pop(); next !== undefined; next = this.#ready.pop()) if (this.#call(next)) called++;
    } finally {
      // What one of them threw goes to the caller; the others get their turn.
      if (this.#ready.length > 0) this.notice();
    }
    return called;
  }

  /** Forgets everything: the thread leaves. */
  release(): void {
    this.#registered.clear();
    this.#ready = [];
    this.#stopTimer();
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#env.t.attached) this.drain();
  }

  #register(callback: Registered): number {
    do this.#lastId = (this.#lastId + 1) | 0;
    while (this.#registered.has(this.#lastId));
    this.#registered.set(this.#lastId, callback);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#look(), LOOK_MS);
      unref(this.#timer);
    }
    return this.#lastId;
  }

  /** A record that cannot be made leaves nothing behind. */
  #orForget<T>(id: number, add: () => T): T {
    try {
      return add();
    } catch (error) {
      this.#forget(id);
      throw error;
    }
  }

  #forget(id: number): void {
    this.#registered.delete(id);
    if (this.#registered.size === 0) this.#stopTimer();
  }

  #look(): void {
    if (!this.#env.t.attached) this.release();
    else this.notice();
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #stop(addr: number, id: number): void {
    if (!this.#registered.has(id)) return;
    this.#forget(id);
    inRegion(this.#env, () => removeCleanup(this.#env.malloc.cache.heap, addr, id));
  }

  /** Moves what is in the queue behind what waits here already. */
  #take(): void {
    const { t } = this.#env;
    if (!this.waiting) return;
    inRegion(this.#env, () => {
      const { m } = t.mem;
      const taken = takeCallbacks(t, t.ref);
      const isPending = (r: Ref): boolean => m[r + SPECIAL_KIND] === KIND_PENDING;
      const ready = taken.map((r) => ({
        id: m[r + SPECIAL_ID],
        dropped: m[r + SPECIAL_KIND] === KIND_DROPPED,
        record: isPending(r) ? r : (NIL as Ref),
      }));
      this.#ready = [...ready, ...this.#ready];
      freeSpecials(
        t,
        taken.filter((r) => !isPending(r)),
      );
    });
  }

  /** Calls one, unless it was stopped or dropped in the meantime. */
  #call({ id, dropped, record }: Ready): boolean {
    const callback = this.#registered.get(id);
    this.#forget(id);
    if (record === NIL) {
      if (dropped || callback === undefined) return false;
      this.#count(TM_CLEANUPS_CALLED);
      callback.fn(callback.arg);
      return true;
    }
    return inScope(
      this.#env,
      () => {
        const ref = this.#revive(record, callback?.make);
        if (ref === undefined) return false;
        this.#count(TM_FINALIZERS_CALLED);
        callback!.fn(ref);
        return true;
      },
      () => {},
    );
  }

  #count(meter: number): void {
    const { t } = this.#env;
    count(t.mem, t.ref, meter, 1);
  }

  /** Ends a pending finalizer and makes a reference to its object. In a scope, which keeps it alive from here on. */
  #revive(r: Ref, make: Registered['make']): Place | undefined {
    const env = this.#env;
    const { heap } = env.malloc.cache;
    const { t } = env;
    const { m } = t.mem;
    const addr = m[r + SPECIAL_ADDR] >>> 0;
    const s = spanOf(t.mem, addr);
    const isPending = m[r + SPECIAL_KIND] === KIND_PENDING && make !== undefined;
    let ref: Place | undefined;
    if (isPending) {
      // The record keeps the object until the shadow stack does; and what is new there, the marker does not see.
      if (m[H_WRITE_BARRIER] !== 0) env.barrier.onWrite(0, addr, 0);
      ref = make(addr);
      ensureSwept(heap, s);
    }
    t.lock(H_SPECIALS_LOCK);
    if (m[r + SPECIAL_KIND] === KIND_PENDING) unlinkSpecial(t.mem, s, r);
    t.unlock(H_SPECIALS_LOCK);
    freeSpecials(t, [r]);
    return ref;
  }
}

function refuse(text: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
}
