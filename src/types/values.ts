/**
 * The TypeScript types of what is in the heap: what reading a place gives, what it can be given, and the interfaces of
 * references. Types only. `Infer`, `Init` and `Ref` are of kinds, as in `Ref<typeof Node>`; the others are of what their
 * elements are read as, like JavaScript's own: `Slice<number>`, `SharedMap<string, Ref<typeof Post> | null>`.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { ArrayKind, AtomicKind, MapKind, OfKind, RefKind, SliceKind } from './kinds.ts';

/** Any struct, whatever its fields. */
export interface AnyStruct extends OfKind<'struct'> {
  readonly fields: unknown;
}

/** What kinds without parts are read as. */
interface PlainValues {
  i8: number;
  u8: number;
  i16: number;
  u16: number;
  i32: number;
  u32: number;
  i64: bigint;
  u64: bigint;
  f32: number;
  f64: number;
  bool: boolean;
  string: string;
  bytes: Uint8Array;
  mutex: Mutex;
}

/** Only in types: tells references apart that could otherwise look alike, such as those to two structs of one shape. */
declare const REFERS_TO: unique symbol;

/** What every reference can do, whatever it refers to. */
export interface Reference<T = unknown> {
  readonly [REFERS_TO]?: T | undefined;
  /**
   * A persistent reference to the same place: it outlives the scope, until `dispose()`, the end of a `using` block, or
   * until the program has dropped it. It keeps the object alive. Throws StaleRefError, OutOfMemoryError.
   */
  hold(): this;
  /** Gives this reference up: using it afterwards throws StaleRefError. Other references to the object stay. */
  dispose(): void;
  /** Whether both refer to the same place. (`===` compares references, of which one place can have many.) */
  equals(other: Reference | null): boolean;
  /** Its type and address, as `Point @0x2000`, and `(stale)` behind it when it has ended: for messages. Never throws. */
  toString(): string;
  [Symbol.dispose](): void;
}

type FixedFields<F> = { readonly [K in keyof F as F[K] extends OfKind<'atomic' | 'mutex'> ? K : never]: Infer<F[K]> };
type OtherFields<F> = { -readonly [K in keyof F as F[K] extends OfKind<'atomic' | 'mutex'> ? never : K]: Infer<F[K]> };

/**
 * A reference to a struct: `Ref<typeof Node>`. Its fields are read and written as those of a JS object. Reading an
 * inline struct or array, a slice or a map gives a reference to the place; assigning one copies the value into it.
 */
export type Ref<S extends AnyStruct> = OtherFields<S['fields']> & FixedFields<S['fields']> & Reference<S>;

/** What reading a place of kind `T` gives; of a struct, slice, array or map also what `heap.new` gives. */
export type Infer<T> =
  T extends OfKind<infer N>
    ? N extends keyof PlainValues
      ? PlainValues[N]
      : T extends AnyStruct
        ? Ref<T>
        : T extends RefKind<infer E>
          ? Infer<E> | null
          : T extends SliceKind<infer E>
            ? Slice<Infer<E>>
            : T extends ArrayKind<infer E>
              ? ArrayRef<Infer<E>>
              : T extends MapKind<infer K, infer V>
                ? SharedMap<Infer<K>, Infer<V>>
                : T extends AtomicKind<infer E extends OfKind<keyof PlainValues>>
                  ? E extends OfKind<SmallInt>
                    ? SmallAtomic<PlainValues[E['kind']]>
                    : Atomic<PlainValues[E['kind']]>
                  : never
    : never;

/** Integers that no thread can wait for. */
type SmallInt = 'i8' | 'u8' | 'i16' | 'u16';

/** What a place of kind `T` can be given when it is made: see `Given`. */
export type Init<T> = Given<Infer<T>>;

/**
 * Text whose bytes lie in the heap once, however often it is stored (Go: `unique.Handle`). Where a string is stored, one
 * of these can be, and the bytes are shared. Equal texts give the same object in a thread, so `===` compares them at once.
 * The bytes go when no string of the heap has them, and no thread an `Interned`.
 */
export interface Interned {
  /** The text as a JS string. */
  readonly value: string;
  toString(): string;
  toJSON(): string;
}

/** What `heap.cleanup` returns (Go: `runtime.Cleanup`). */
export interface Cleanup {
  /**
   * Takes the cleanup back: its function will not be called. It is not too late while it waits for its turn; after that,
   * does nothing.
   */
  stop(): void;
}

/** A reference that does not keep its object alive (Go: `weak.Pointer`). */
export interface WeakReference<R extends Reference = Reference> {
  /**
   * A reference to the place, local in a scope and persistent outside of all; undefined once the object is dead, which
   * may be long after the last reference to it is gone. Throws OutOfMemoryError. May wait for a moment while the world is
   * stopped.
   */
  deref(): R | undefined;
  /** Whether both were made of references to the same place, be the object dead or alive. */
  equals(other: WeakReference | null): boolean;
}

/** The fields that a new struct is given; those left out are zero. */
type GivenFields<F> = { readonly [K in keyof F]?: Init<F[K]> | undefined };

/** Elements one after the other, in an array or a typed array. */
type Elements<E> = readonly Given<E>[] | (ArrayLike<Given<E>> & ArrayBufferView);

/** Entries of a map. */
type Entries<K, V> = ReadonlyMap<K, Given<V>> | readonly (readonly [key: K, value: Given<V>])[];

/**
 * What a place that is read as `V` can be given: such a value; for a string also an `Interned`, for a struct also an
 * object with any of its fields, for a slice or array an array of elements, for a map a `Map` or an array of entries,
 * and for an atomic a number or bigint. A mutex is given nothing.
 *
 * For a struct it says `Reference<T>`, which all `Ref<T>` are, for the compiler's sake: it explains an object that does not
 * fit by the member of the union that has most of its fields, and that should be the one for objects.
 */
export type Given<V> = null extends V
  ? V
  : V extends string
    ? V | Interned
    : V extends Reference<infer T>
      ? V extends Slice<infer E>
        ? Elements<E> | V
        : V extends ArrayRef<infer E>
          ? Elements<E> | V
          : V extends SharedMap<infer K, infer W>
            ? Entries<K, W> | V
            : V extends SmallAtomic<infer N>
              ? N
              : T extends 'mutex'
                ? never
                : T extends AnyStruct
                  ? GivenFields<T['fields']> | Reference<T>
                  : V
      : V;

/** What slices and arrays have in common. Indices are integers from 0 on; a negative one is an error, as in Go. */
interface Sequence<E> {
  /** Number of elements. */
  readonly length: number;
  /**
   * Element `i`; of structs, arrays, slices and atomics a reference to the place. Throws a RangeError:
   * `index out of range [5] with length 3`.
   */
  at(i: number): E;
  /** Stores element `i`. Throws a RangeError for the index, and what the element's type refuses a value with. */
  set(i: number, value: Given<E>): void;
  /**
   * Elements `lo` to `hi` − 1 as a slice that shares them, and has room to the end of this one's (Go: `a[lo:hi]`).
   * Default: from 0, to the length. Throws a RangeError unless 0 ≤ lo ≤ hi ≤ capacity.
   */
  slice(lo?: number, hi?: number): Slice<E>;
  /**
   * Stores `value` in elements `lo` to `hi` − 1; all by default. Throws a RangeError unless 0 ≤ lo ≤ hi ≤ length, and
   * what the element's type refuses a value with.
   */
  fill(value: Given<E>, lo?: number, hi?: number): this;
  /**
   * Copies elements from the start on until one of both ends, and returns how many (Go: `copy`). A slice or array may
   * overlap with this one. Throws TypeMismatchError for one of other elements, and what the element's type refuses a value
   * with: nothing was copied then.
   */
  copyFrom(source: Slice<E> | ArrayRef<E> | Elements<E>): number;
  /** The elements as they are now: values copied, of places one reference each. */
  toArray(): E[];
  /** Goes through the elements without making JS objects. Only in a scope; throws an ArgumentError outside of all. */
  cursor(): Cursor<E>;
  /** One reference an element where elements are places. Sees elements that are added meanwhile, as JS arrays do. */
  [Symbol.iterator](): IterableIterator<E>;
}

/** A reference to a slice, Go's `[]T`: a place with the pointer to its elements, their number, and the capacity. */
export interface Slice<E> extends Sequence<E>, Reference<'slice'> {
  /** Number of elements there is room for. */
  readonly capacity: number;
  /**
   * Appends, and returns the new length (Go: `s = append(s, values...)`). Elements are shared with other slices until
   * the capacity is used up; then this slice gets new ones. Throws OutOfMemoryError, and what the element's type
   * refuses a value with: nothing was appended then.
   */
  push(...values: Given<E>[]): number;
  /**
   * Appends all of `values`, however many, and returns the new length (Go: `s = append(s, values...)`): an array, a
   * typed array, a slice or array of the same elements, this one too, or anything else that can be iterated but a
   * string. As `push`, and the capacity grows once. Throws TypeMismatchError for a slice of other elements; else what
   * `push` throws, and what iterating does: nothing was appended then.
   */
  append(values: Slice<E> | ArrayRef<E> | Elements<E> | Iterable<Given<E>>): number;
  /**
   * Takes the last element off and returns it; undefined if there is none. The capacity stays. What was there is cleared, so
   * that what it led to can be collected: other slices that share the element see zero. (Go's `s = s[:len(s)-1]`, which
   * leaves it, is an assignment of `s.slice(0, s.length - 1)`.)
   */
  pop(): E | undefined;
}

/** A reference to an array, Go's `[n]T`: its elements lie where the array is, and its length never changes. */
export interface ArrayRef<E> extends Sequence<E>, Reference<'array'> {}

/** Goes through a slice or array: `while (c.next()) sum += c.value`. Ends with the scope it was made in. */
export interface Cursor<E> {
  /** Moves to the next element. False if there is none of those that were there when the cursor was made. */
  next(): boolean;
  /** The element. Where elements are places it is one reference, which moves on with the cursor. */
  readonly value: E;
  /** Index of the element; −1 before the first `next()`. */
  readonly index: number;
}

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** The fields of a struct that are a `ref` to the struct itself. */
export type LinkFields<S extends AnyStruct> = {
  [K in keyof S['fields']]: S['fields'][K] extends RefKind<infer T> ? (Same<T, S> extends true ? K : never) : never;
}[keyof S['fields']];

/** One reference that moves from struct to struct, for walks along lists and down trees that make no JS objects. */
export interface NodeCursor<S extends AnyStruct> {
  /** The struct that the cursor is at; one reference, which moves on with it. Throws before the first `set()`. */
  readonly value: Ref<S>;
  /** Moves to a struct. Throws StaleRefError. */
  set(ref: Ref<S>): this;
  /** Moves to where a field of the struct points. False, and the cursor stays, when it is null. */
  follow(field: LinkFields<S>): boolean;
}

/**
 * A reference to a map that all threads may use at once. Values are copied in and out: `get` of a struct, array or slice
 * gives a copy, which is changed by `set` or `update`. Iteration tolerates changes: it gives each entry that was there
 * all the time exactly once, and may or may not give those that came or went meanwhile.
 */
export interface SharedMap<K, V> extends Reference<'map'> {
  /** Number of entries. */
  readonly size: number;
  /** The value of a key; undefined if there is none. Throws what the key's type refuses a value with, as all methods. */
  get(key: K): V | undefined;
  /** Throws OutOfMemoryError, and what the types of key and value refuse a value with. */
  set(key: K, value: Given<V>): this;
  /** Whether there is an entry. */
  has(key: K): boolean;
  /** Removes an entry; says whether there was one. */
  delete(key: K): boolean;
  /** Removes all entries that are there at the call; what other threads set meanwhile may stay. */
  clear(): void;
  /**
   * Replaces a value by what `change` makes of it, in one step for all threads. `change` gets undefined for a key that
   * is not there; if it returns undefined, the entry is removed. It may read the same map; changing that throws ArgumentError.
   * Others who write to the same part of the map wait meanwhile. What it throws is thrown on, and the map is as it was.
   * Returns what `change` returned.
   */
  update(key: K, change: (old: V | undefined) => undefined): undefined;
  update<R extends Given<V> | undefined>(key: K, change: (old: V | undefined) => R): R;
  /** The keys, in no order; see above for changes meanwhile. */
  keys(): IterableIterator<K>;
  /** The values, in no order. */
  values(): IterableIterator<V>;
  /** Keys and values, in no order: what `for … of` goes through. */
  entries(): IterableIterator<[key: K, value: V]>;
  /** Calls `visit` for each entry, value first, as a JS Map does. */
  forEach(visit: (value: V, key: K) => void): void;
  [Symbol.iterator](): IterableIterator<[key: K, value: V]>;
}

/**
 * A reference to an integer that threads change in one step each. As JavaScript's `Atomics`: whatever changes it returns
 * the value before, and results wrap around at the range of the type. `store`, `exchange` and `compareExchange` throw a
 * RangeError for what is outside of it. One of 8 or 16 bits has no more than this.
 */
export interface SmallAtomic<N> extends Reference<'atomic'> {
  /** The value. */
  load(): N;
  /** Replaces the value. Throws RangeError. */
  store(value: N): void;
  /** Adds; returns the value before. */
  add(value: N): N;
  /** Subtracts; returns the value before. */
  sub(value: N): N;
  /** Keeps the bits that both have; returns the value before. */
  and(value: N): N;
  /** Sets the bits that `value` has; returns the value before. */
  or(value: N): N;
  /** Flips the bits that `value` has; returns the value before. */
  xor(value: N): N;
  /** Replaces the value; returns the one before. Throws RangeError. */
  exchange(value: N): N;
  /** Stores `replacement` if the value is `expected`. Returns the value before: `expected` if it was stored. */
  compareExchange(expected: N, replacement: N): N;
}

/** A reference to an atomic integer of 32 or 64 bits, which threads can also wait for. */
export interface Atomic<N> extends SmallAtomic<N> {
  /**
   * Blocks this thread as long as the value is `expected`, until another calls `notify`: 'ok', whatever the value is then.
   * 'not-equal': it was another value at the call. 'timed-out': `timeoutMs` milliseconds have passed; default: no limit, 0 or
   * less: does not wait. As `Atomics.wait`, but that it may be called inside a scope: nobody who stops the world waits for
   * this thread meanwhile.
   *
   * Throws an ArgumentError where a thread may not wait (the main thread of a page), and in a heap made with `shared: false`
   * unless it returns at once; a RangeError or TypeError for what is no such integer, or no number of milliseconds.
   */
  wait(expected: N, timeoutMs?: number): 'ok' | 'not-equal' | 'timed-out';
  /**
   * Wakes up to `count` threads that wait for this atomic, all by default, those that wait longest first. Returns how many it
   * woke. Does not block. Throws a RangeError or TypeError for what is no number of threads.
   */
  notify(count?: number): number;
}

/**
 * A reference to a lock that one thread has at a time (Go: `sync.Mutex`). What a thread did before it unlocks happens before
 * what the next one does after it has locked. Who waits longest is not always the next.
 *
 * When a thread ends, or detaches, while it has the lock, the next one gets it and is told so: 'abandoned'. What the lock
 * guards may be half changed then. (Of a thread that was terminated this is known when it has been reaped: `heap.watch`.)
 */
export interface Mutex extends Reference<'mutex'> {
  /**
   * Takes the lock. Blocks until nobody else has it, at most `timeoutMs` milliseconds: default no limit, 0 does not wait. May
   * be called inside a scope: nobody who stops the world waits for this thread meanwhile. The main thread of a page, which may
   * not sleep, spins.
   *
   * Throws an ArgumentError if this thread has the lock already, and a TypeError for what is no number of milliseconds.
   */
  lock(): 'ok' | 'abandoned';
  lock(timeoutMs: number): 'ok' | 'abandoned' | 'timed-out';
  /**
   * Takes the lock if nobody has it, or who has it is gone, without saying which: `lock(0)` does. Does not block. Throws an
   * ArgumentError if this thread has it.
   */
  tryLock(): boolean;
  /** Gives the lock up, and wakes one that waits for it. Throws an ArgumentError if this thread does not have it. */
  unlock(): void;
  /**
   * Runs `fn` with the lock, and gives it up when that returns or throws. Returns what `fn` does, which must not be a promise.
   * Blocks and throws as `lock`. `state`: what that returned.
   */
  withLock<T>(fn: Synchronous<T, [state: 'ok' | 'abandoned'], LocksAreSynchronous>): T;
  /** `heap.threadId` of the thread that has the lock, which may be gone; 0: nobody. */
  readonly holder: number;
}

/** What no function is: it is part of what the compiler says of one that a scope cannot run. */
type ScopesAreSynchronous =
  'A scope is synchronous, and ends before the promise is settled. Open a scope inside of each step instead.';

/** The same of one that a lock cannot be held for. */
type LocksAreSynchronous = 'The lock is given up before the promise is settled. Lock inside of each step instead.';

/**
 * Whether a function returns a promise, or may do so. Not one that returns nothing, or `any`. The question about
 * `never` is also what lets a type parameter through, which could stand for anything: the compiler asks what holds if
 * it fits wherever it can.
 */
type HasPromise<T> = [T] extends [never]
  ? false
  : 0 extends 1 & T
    ? false
    : [Extract<T, PromiseLike<unknown>>] extends [never]
      ? false
      : true;

/** A function that returns `T`, which is no promise. */
export type Synchronous<T, A extends unknown[] = [], Why = ScopesAreSynchronous> = ((...args: A) => T) &
  (HasPromise<T> extends true ? Why : unknown);
