/** Weak references (Go: `weak.Pointer`). */
import { strongFromWeak, type WeakHandle, weakHandle } from '../gc/specials.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import { NOT_TO_BE_SENT } from '../threads/frame.ts';
import { type Env, inRegion } from './env.ts';
import { objectAround } from './object-around.ts';
import { asReference, type PlaceClass, type Reference } from './reference.ts';
import { inspectCustom } from './show.ts';

/**
 * The class behind `WeakReference` of values.ts. It is a name and no more: the record that it names belongs to the object
 * and goes with it, however many weak references there are, in whatever thread.
 */
export class WeakPointer {
  /** No field of a clone could be: sending one is refused. */
  protected readonly belongs = NOT_TO_BE_SENT;
  readonly #env: Env;
  readonly #handle: WeakHandle;
  readonly #place: PlaceClass;
  readonly #name: string;

  constructor(env: Env, handle: WeakHandle, place: PlaceClass, name: string) {
    this.#env = env;
    this.#handle = handle;
    this.#place = place;
    this.#name = name;
  }

  /** For `console.log`. Whether the object is alive is not looked at: that would keep it so for a cycle. */
  [inspectCustom](): string {
    return `weak reference to ${this.#name}`;
  }

  /** See WeakReference in values.ts. */
  deref(): unknown {
    const env = this.#env;
    return inRegion(env, () => {
      const addr = strongFromWeak(env.malloc.cache.heap, this.#handle);
      if (addr === 0) return undefined;
      if (env.mem.m[H_WRITE_BARRIER] !== 0) env.barrier.onWrite(0, addr, 0);
      return this.#place.make(addr);
    });
  }

  /** Whether both were made of references to the same place. */
  equals(other: unknown): boolean {
    if (!(other instanceof WeakPointer)) return false;
    const [a, b] = [this.#handle, other.#handle];
    if (this.#env !== other.#env || this.#place !== other.#place) return false;
    return a.record === b.record && a.serial === b.serial && a.serialHigh === b.serialHigh;
  }
}

/** See Heap.weak. */
export function weakReference(env: Env, value: unknown): WeakPointer {
  const ref: Reference = asReference(env, value, 'weak');
  return inRegion(env, () => {
    const addr = ref.$a >>> 0;
    objectAround(env, addr, 'weak');
    return new WeakPointer(env, weakHandle(env.malloc.cache.heap, addr), ref.$codec.place!, ref.$codec.name);
  });
}
