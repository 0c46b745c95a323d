/**
 * References: what a program holds of the heap. A reference is a small JS object with the address of a place (an object,
 * or something inside of one) and the frame it belongs to. Each kind of place has a class of its own per heap, whose
 * accessors are closures over the heap's views.
 *
 * Local references belong to the scope they were made in. They are on the thread's shadow stack, so the collector
 * sees them, but for places inside of what another one there leads to; when the scope ends its frame is marked, and every
 * use of them throws. Persistent ones belong to a handle.
 *
 * Why the classes are made as they are. V8 keeps type feedback per function literal, so accessors of all structs share
 * theirs, and it becomes megamorphic (but for constructors: place-constructors.ts). That is harmless as long as nothing
 * hot depends on it: call sites in user code see one class each, and everything that an accessor calls is a constant of
 * its closure. (With a constructor that was no constant, a read of a reference cost 70 ns; as a constant 4: read with
 * 12 structs.)
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { Words } from '../base/brand.ts';
import { cold } from '../base/cold.ts';
import { ArgumentError, StaleRefError } from '../base/errors.ts';
import { PROC_SHADOW_TOP, SEGMENT_MASK } from '../layout/proc.ts';
import { Frame, NO_SCOPE, STALE } from '../threads/frame.ts';
import type { ShadowStack } from '../threads/shadow-stack.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import { placeConstructor } from './place-constructors.ts';
import {
  type Inspect,
  type InspectOptions,
  inspectCustom,
  inspectReference,
  referenceText,
  showReference,
} from './show.ts';

/** What every reference carries; not for users. */
export interface Place {
  /** Byte address as a signed 32-bit integer: a small integer to V8, whatever the address. */
  $a: number;
  /** Whether it may still be used. */
  $s: Frame;
}

/** The class of the places of one kind in one heap. */
export interface PlaceClass {
  readonly Class: { readonly prototype: Place } & (new (a: number, s: Frame) => Place);
  /** A reference to the place at this address: local in a scope, persistent outside. A safepoint. */
  readonly make: (addr: number) => Place;
  /** The same inside of what a reference with this frame leads to. If that belongs to the innermost scope, it is rooted. */
  readonly within: (addr: number, frame: Frame) => Place;
  /** The same to where the pointer in this slot leads; null when it leads nowhere. Opens a region itself outside of all. */
  readonly follow: (slot: number) => Place | null;
  /** The same by the address of a struct, for the pointer that lies this many bytes behind it: at most REACH (sys/mem.ts). */
  readonly followBehind: (offset: number) => PlaceClass['follow'];
}

/** Of references that were disposed of one by one. */
const DISPOSED = new Frame(STALE, 0, null);

/** Prototype of all references. `$env` and `$codec` are on the prototypes of the classes. */
export abstract class Reference implements Place {
  declare $a: number;
  declare $s: Frame;
  declare readonly $env: Env;
  declare readonly $codec: Codec;

  /**
   * A persistent reference to the same place: it outlives the scope, until `dispose()`, the end of a `using` block, or
   * until the program has dropped it. It keeps the object alive. Throws StaleRefError, OutOfMemoryError.
   */
  hold(): this {
    checkLive(this);
    return inRegion(this.$env, () => {
      const Class = this.constructor as unknown as PlaceClass['Class'];
      return persist(this.$env, new Class(this.$a, DISPOSED)) as unknown as this;
    });
  }

  /** Gives this reference up: using it afterwards throws StaleRefError. Other references to the object stay. */
  dispose(): void {
    const { handles, dropped } = this.$env;
    if (handles.owns(this.$s)) {
      handles.remove(this.$s);
      dropped.unregister(this);
    }
    this.$s = DISPOSED;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Whether both refer to the same place. (`===` compares references, of which one place can have many.) */
  equals(other: unknown): boolean {
    checkLive(this);
    if (!(other instanceof Reference)) return false;
    checkLive(other);
    return other.$a === this.$a && other.constructor === this.constructor;
  }

  /** What `console.log` prints in Node. */
  [inspectCustom](depth?: number | null, options?: InspectOptions, inspect?: Inspect): unknown {
    return inspectReference(this, depth, options, inspect);
  }

  /** What it refers to and where that is, such as `Point @0x2000`; nothing of what is in it. */
  toString(): string {
    return referenceText(this);
  }

  toJSON(): unknown {
    return showReference(this);
  }
}

export function checkLive(ref: Place): void {
  if (ref.$s.live === STALE) throwStale(ref);
}

/**
 * The use of a reference that is not live. What is hot has a constant of its own for it, `const stale = throwStale`: an import
 * is tested for being set, and a reference that could be passed to that test is always made, even where the compiler could
 * keep all of it in registers.
 */
export function throwStale(ref: Place): never {
  const { $codec, $env } = ref as unknown as Reference;
  const { name } = $codec;
  const why = !$env.t.attached
    ? 'belongs to a heap from which this thread was detached'
    : ref.$s === DISPOSED
      ? 'was disposed of'
      : 'is used after its scope ended: return it from the scope, or make it persistent there with hold()';
  throw new StaleRefError('ERR_STALE_REF', `reference to ${name} ${why}`);
}

/** Makes a reference persistent. In a region. */
function persist(env: Env, ref: Place): Place {
  ref.$s = env.handles.add(ref.$a);
  env.dropped.register(ref, ref.$s, ref);
  return ref;
}

/** Carries what a scope returned to where it is used: into the scope around it, or to a handle of its own. */
export function carry(env: Env, result: unknown, ended: Frame): void {
  if (!(result instanceof Reference) || (result.$s !== ended && result.$s !== ended.moving)) return;
  const { shadow } = env;
  if (shadow.cur === NO_SCOPE) {
    persist(env, result);
  } else {
    shadow.push(result.$a);
    result.$s = shadow.cur;
  }
}

/** The class of one kind of place. The caller adds accessors to `Class.prototype`, which inherits from Reference. */
export function makePlaceClass(env: Env, codec: () => Codec, name: string): PlaceClass {
  const R = placeConstructor();
  Object.setPrototypeOf(R.prototype, Reference.prototype);
  Object.defineProperty(R, 'name', { value: name });
  const { shadow, t } = env;
  const { m, i32 } = t.mem;
  const topWord = t.ref + PROC_SHADOW_TOP;

  const make = makeMake(R, m, i32, topWord, shadow, cold(root), makeOutside);

  /** A full segment, or no scope is open. */
  function followSlow(slot: number): Place | null {
    if (t.depth === 0) return inRegion(env, () => followSlow(slot));
    const to = i32[slot >>> 2]!;
    return to === 0 ? null : make(to);
  }

  /** No scope is open. */
  function makeOutside(addr: number): Place {
    return inRegion(env, () => persist(env, new R(addr | 0, DISPOSED)));
  }

  /** The slot of the shadow stack that an address has got. */
  function root(addr: number): number {
    shadow.pushSlow(addr);
    return shadow.mark() - 1;
  }

  const followBehind = (offset: number): PlaceClass['follow'] => {
    const slow = cold((addr: number) => followSlow((addr + offset) | 0));
    return makeFollow(R, m, i32, t.mem.from(Int32Array, offset), topWord, shadow, slow);
  };
  Object.defineProperties(R.prototype, { $env: { value: env }, $codec: { get: codec } });
  return { Class: R, make, within: makeWithin(R, shadow, make), follow: followBehind(0), followBehind };
}

// Both over parameters and written out: what a hot loop inlines has a budget of bytecode, in which several must fit.
// A constant of the function around them would be tested for being set at each use.

function makeMake(
  R: PlaceClass['Class'],
  m: Words,
  i32: Words,
  topWord: number,
  shadow: ShadowStack,
  root: (addr: number) => number,
  outside: PlaceClass['make'],
): PlaceClass['make'] {
  // One way inside of scopes, also for a full segment: where two meet, each with its object, V8 keeps neither in registers.
  return (addr) => {
    let top = m[topWord]!;
    if ((top & SEGMENT_MASK) === 0) {
      if (shadow.cur === NO_SCOPE) return outside(addr);
      // What a call gives could be anything to the compiler.
      top = root(addr) | 0;
    }
    i32[top] = addr;
    m[topWord] = top + 1;
    return new R(addr | 0, shadow.cur);
  };
}

function makeWithin(R: PlaceClass['Class'], shadow: ShadowStack, make: PlaceClass['make']): PlaceClass['within'] {
  return (addr, frame) => (frame === shadow.cur ? new R(addr | 0, frame) : make(addr));
}

function makeFollow(
  R: PlaceClass['Class'],
  m: Words,
  i32: Words,
  slots: Words,
  topWord: number,
  shadow: ShadowStack,
  slow: PlaceClass['follow'],
): PlaceClass['follow'] {
  return (addr) => {
    const top = m[topWord]!;
    if ((top & SEGMENT_MASK) === 0) return slow(addr);
    const to = slots[addr >>> 2]!;
    if (to === 0) return null;
    i32[top] = to;
    m[topWord] = top + 1;
    return new R(to, shadow.cur);
  };
}

/** The reference behind a value that a user passed, if it is one of this heap. */
export function asReference(env: Env, value: unknown, what: string): Reference {
  if (!(value instanceof Reference)) {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `${what}: expected a reference to an object of the heap`);
  }
  if (value.$env !== env) {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `${what}: the reference is one of another heap`);
  }
  checkLive(value);
  return value;
}
