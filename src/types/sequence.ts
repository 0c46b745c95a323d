/**
 * What slices and arrays have in common: elements of one kind in a row. A sequence says where its elements begin and how
 * many there are; for a slice both are read from its header each time, since any thread may have changed it.
 */
import { describe } from '../base/describe.ts';
import { ArgumentError, OutOfRangeError, WrongTypeError } from '../base/errors.ts';
import { NO_SCOPE, SCOPED, STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { makeCursors } from './element-cursor.ts';
import { type Env, inRegion, methodInRegion } from './env.ts';
import { allocZeroed, copyValues, define, freeTemporary, refuseCopy, withRoot, writeRooted } from './memory.ts';
import { type Rehearsal, rehearse } from './moving.ts';
import { fits } from './plain.ts';
import { refuseReference } from './pointers.ts';
import { checkLive, type Place, type PlaceClass, Reference, throwStale } from './reference.ts';
import { toJson } from './to-json.ts';

/** Where the elements of the sequence at an address are. */
export interface Sequence {
  /** Byte address of element 0. */
  readonly base: (a: number) => number;
  readonly length: (a: number) => number;
}

function throwIndex(i: unknown, length: number): never {
  if (typeof i !== 'number') throw new WrongTypeError(`index: expected a number, got ${describe(i)}`);
  if (!Number.isInteger(i)) throw new OutOfRangeError(`index ${i} is not an integer`);
  throw new OutOfRangeError(`index out of range [${i}]${i < 0 ? '' : ` with length ${length}`}`);
}

/** Go's check of `s[lo:hi]`. Throws a RangeError with Go's words. */
export function checkBounds(lo: number, hi: number, limit: number, what: 'length' | 'capacity'): void {
  if (!Number.isInteger(lo) || !Number.isInteger(hi)) {
    throw new OutOfRangeError(`slice bounds [${describe(lo)}:${describe(hi)}] are not integers`);
  }
  if (hi < 0) throw new OutOfRangeError(`slice bounds out of range [:${hi}]`);
  if (hi > limit) throw new OutOfRangeError(`slice bounds out of range [:${hi}] with ${what} ${limit}`);
  if (lo < 0) throw new OutOfRangeError(`slice bounds out of range [${lo}:]`);
  if (lo > hi) throw new OutOfRangeError(`slice bounds out of range [${lo}:${hi}]`);
}

/**
 * The elements that a user passed in bulk, each checked: an array or a typed array. Nothing that would have to be
 * iterated: it is looked at twice, to check it and to write it. What it holds may be something else the second time.
 */
export function checkedElements(elem: Codec, values: unknown, where: string): ArrayLike<unknown> {
  if (!Array.isArray(values) && !(ArrayBuffer.isView(values) && 'length' in values)) {
    throw new WrongTypeError(`${where}: expected an array of ${elem.name}, got ${describe(values)}`);
  }
  const list = values as ArrayLike<unknown>;
  const count = countOf(list, where);
  const { check, code } = elem;
  let i = 0;
  try {
    for (; i < count; i++) {
      const value = list[i];
      if (!fits(code, value)) check(value, where);
    }
  } catch (error) {
    // The text that names the element is made only when it is needed.
    check(list[i], `${where}[${i}]`);
    throw error;
  }
  return list;
}

/**
 * What a user passed to be iterated, in an array of our own, which nobody changes any more: whatever code of the user's runs
 * when it is read has run then. A typed array has none, and is itself. Throws for what cannot be iterated.
 */
export function collected(elem: Codec, values: unknown, where: string): ArrayLike<unknown> {
  if (ArrayBuffer.isView(values) && 'length' in values) return values as unknown as ArrayLike<unknown>;
  // A string has an iterator too, but hardly anybody wants its characters as elements.
  const isIterable = typeof values === 'object' && values !== null && Symbol.iterator in values;
  if (isIterable) return [...(values as Iterable<unknown>)];
  throw new WrongTypeError(`${where}: expected an array of ${elem.name} or an iterable, got ${describe(values)}`);
}

/** How many elements there are now. Of a proxy that could be anything. */
export function countOf(values: ArrayLike<unknown>, where: string): number {
  const { length } = values;
  if (!Number.isInteger(length) || length < 0) {
    throw new WrongTypeError(`${where}: expected an array, got one of length ${describe(length)}`);
  }
  return length;
}

/**
 * Writes `count` values from element address `addr` on. `root`: what keeps the memory alive. In a region. Into memory that
 * nobody knows yet, unless the elements are values.
 *
 * `where`: the list is the user's, and what it holds may be something else now than when it was checked: a getter, a proxy
 * or a hook may have run. So each is checked once more, and errors begin with this. Null: the list is ours.
 */
export function writeElements(
  env: Env,
  elem: Codec,
  root: number,
  addr: number,
  values: ArrayLike<unknown>,
  count: number,
  where: string | null,
): void {
  const { size, check, code } = elem;
  // That of maps is for another address: the map's own.
  const write = (elem.isValue ? undefined : elem.initialise) ?? elem.write;
  const all = (): void => {
    for (let i = 0; i < count; i++) {
      const value = values[i];
      if (where !== null && !fits(code, value)) check(value, where);
      write((addr + i * size) | 0, value);
    }
  };
  if (elem.allocates) withRoot(env, root, all);
  else all();
}

/**
 * Overwrites elements with those of a list. All is made aside first but for numbers and pointers: places in the list may be
 * among what is overwritten, and if memory runs out while texts or maps are made, nothing has changed. `where`: see
 * `writeElements`.
 */
export function copyList(
  env: Env,
  elem: Codec,
  first: number,
  values: ArrayLike<unknown>,
  count: number,
  where: string | null,
): void {
  if (elem.isValue && (!elem.allocates || count <= 1)) {
    writeElements(env, elem, first, first, values, count, where);
    return;
  }
  const type = elem.rtype();
  withRoot(env, first, () => {
    const made = allocZeroed(env, elem.size * count, type);
    writeElements(env, elem, made, made, values, count, where);
    copyValues(env, first, made, type, count);
    freeTemporary(env, made);
  });
}

/**
 * Over parameters, and short: what a hot loop inlines has a budget of bytecode, in which several of these must fit. A
 * constant of the function around it would be tested for being set at each use.
 */
function makeAt(
  t: Env['t'],
  base: Sequence['base'],
  length: Sequence['length'],
  read: Codec['read'],
  size: number,
  outside: (self: Place, i: number) => unknown,
  refuse: (i: number, a: number) => never,
): (this: Place, i: number) => unknown {
  const stale = throwStale;
  return function at(this: Place, i: number): unknown {
    // Read before anything is called: the compiler does not know the class of `this` any more after that.
    const a = this.$a;
    const { live } = this.$s;
    if (live !== SCOPED) {
      if (live === STALE) stale(this);
      if (t.depth === 0) return outside(this, i);
    }
    if (typeof i !== 'number' || i >>> 0 !== i || i >= length(a)) refuse(i, a);
    return read((base(a) + Math.imul(i, size)) | 0);
  };
}

/** A call, so that the compiler leaves null out of account as long as no element that was read was null. */
const nothing = (): null => null;

/**
 * The same for elements that are pointers. It does not read them as fields are read: those are null more often, and where a
 * reference may be null it is always made, even if the program only looks at what it refers to.
 */
function makeAtPointer(
  t: Env['t'],
  base: Sequence['base'],
  length: Sequence['length'],
  make: PlaceClass['make'],
  outside: (self: Place, i: number) => unknown,
  refuse: (i: number, a: number) => never,
): (this: Place, i: number) => unknown {
  const { i32 } = t.mem;
  const stale = throwStale;
  const none = nothing;
  return function at(this: Place, i: number): unknown {
    const a = this.$a;
    const { live } = this.$s;
    if (live !== SCOPED) {
      if (live === STALE) stale(this);
      if (t.depth === 0) return outside(this, i);
    }
    if (typeof i !== 'number' || i >>> 0 !== i || i >= length(a)) refuse(i, a);
    const to = i32[(base(a) >>> 2) + i]!;
    return to === 0 ? none() : make(to);
  };
}

/** Adds the common methods to the class of a sequence. `name`: the kind, for messages. */
export function defineSequence(env: Env, Class: PlaceClass['Class'], elem: Codec, seq: Sequence, name: string): void {
  const { t } = env;
  const { read, write, check, size, allocates } = elem;
  const { base, length } = seq;

  function set(this: Place, i: number, value: unknown): void {
    if (this.$s.live === STALE) throwStale(this);
    if (t.depth === 0) {
      methodInRegion(env, set, this, i, value);
      return;
    }
    const n = length(this.$a);
    if (typeof i !== 'number' || (i | 0) !== i || i >>> 0 >= n >>> 0) throwIndex(i, n);
    check(value, name);
    write((base(this.$a) + Math.imul(i, size)) | 0, value);
  }

  /**
   * The same where writing allocates. A function of its own: V8 would spend on this what it can inline of the other. Its name
   * is in the heap profile.
   */
  const making = {
    set(this: Place, i: number, value: unknown): void {
      checkLive(this);
      if (t.depth === 0) {
        methodInRegion(env, making.set, this, i, value);
        return;
      }
      checkIndex(this, i);
      check(value, name);
      // A literal may have run the user's code just now: the slice may be shorter, or given up.
      checkLive(this);
      checkIndex(this, i);
      const first = base(this.$a);
      writeRooted(env, elem, first, (first + Math.imul(i, size)) | 0, value);
    },
  };

  function checkIndex({ $a }: Place, i: number): void {
    const n = length($a);
    if (typeof i !== 'number' || (i | 0) !== i || i >>> 0 >= n >>> 0) throwIndex(i, n);
  }

  const outside = (self: Place, i: number): unknown => methodInRegion(env, at, self, i);
  const refuse = (i: number, a: number): never => throwIndex(i, length(a));
  const at =
    elem.indirect && elem.place !== undefined
      ? makeAtPointer(t, base, length, elem.place.make, outside, refuse)
      : makeAt(t, base, length, read, size, outside, refuse);
  define(Class.prototype, {
    at,
    set: allocates ? making.set : set,
    ...bulkMethods(env, elem, seq, name),
    ...iteration(env, elem, seq),
  });
}

function bulkMethods(env: Env, elem: Codec, { base, length }: Sequence, name: string): Record<PropertyKey, unknown> {
  const { check, write, size } = elem;
  return {
    fill(this: Place, value: unknown, lo = 0, hi?: number): Place {
      checkLive(this);
      check(value, name);
      inRegion(env, () => {
        const end = hi ?? length(this.$a);
        checkBounds(lo, end, length(this.$a), 'length');
        const first = base(this.$a);
        withRoot(env, first, () => {
          if (lo < end) write((first + lo * size) | 0, value);
          const one = (first + lo * size) | 0;
          for (let i = lo + 1; i < end; i++) copyValues(env, (first + i * size) | 0, one, elem.rtype(), 1);
        });
      });
      return this;
    },

    copyFrom(this: Place, source: unknown): number {
      checkLive(this);
      refuseCopy(elem, name);
      if (isSequence(source) && source.$elem === elem) {
        checkLive(source);
        return inRegion(env, () => {
          const n = Math.min(length(this.$a), source.$length());
          copyValues(env, base(this.$a), source.$base(), elem.rtype(), n);
          return n;
        });
      }
      if (source instanceof Reference) refuseReference(env, source, `a slice or array of ${elem.name}`, name);
      const values = checkedElements(elem, source, name);
      checkLive(this);
      return inRegion(env, () => {
        const n = Math.min(length(this.$a), countOf(values, name));
        copyList(env, elem, base(this.$a), values, n, name);
        return n;
      });
    },

    toArray(this: Place & { at(i: number): unknown }): unknown[] {
      checkLive(this);
      return Array.from({ length: length(this.$a) }, (_, i) => this.at(i));
    },

    toJSON(this: Place & { toArray(): unknown[] }): unknown[] {
      return this.toArray().map((value) => toJson(value, elem));
    },

    $elem: elem,
    $base(this: Place): number {
      return base(this.$a);
    },
    $length(this: Place): number {
      return length(this.$a);
    },
  };
}

/** A slice or array of any elements. */
interface AnySequence extends Place {
  readonly $elem: Codec;
  $base(): number;
  $length(): number;
}

export function isSequence(value: unknown): value is AnySequence {
  return typeof value === 'object' && value !== null && '$elem' in value;
}

const overValues: Rehearsal = { isDue: true };
/** Those have references besides. */
const overPlaces: Rehearsal = { isDue: true };

function throwOutside(): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: only inside a scope, whose end is the end of the cursor');
}

function iteration(env: Env, elem: Codec, seq: Sequence): Record<PropertyKey, unknown> {
  const { shadow } = env;
  const { base, length } = seq;
  const cursorOver = makeCursors(env, elem);
  const rehearsal = elem.isValue && !elem.indirect ? overValues : overPlaces;
  const begin = (list: { cursor(): unknown }): void => rehearse(rehearsal, shadow, () => list.cursor());
  return {
    /** Sees elements that are added while it runs, as the iterators of JS arrays do. */
    [Symbol.iterator](this: Place & { at(i: number): unknown }): Iterator<unknown> {
      let i = 0;
      return {
        next: () => {
          checkLive(this);
          if (i >= seq.length(this.$a)) return { done: true, value: undefined };
          return { done: false, value: this.at(i++) };
        },
        [Symbol.iterator]() {
          return this;
        },
      } as Iterator<unknown>;
    },

    cursor(this: Place & { cursor(): unknown }): unknown {
      checkLive(this);
      if (shadow.cur === NO_SCOPE) throwOutside();
      if (rehearsal.isDue) begin(this);
      const a = this.$a;
      return cursorOver(base(a), length(a));
    },
  };
}
