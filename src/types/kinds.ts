/**
 * Declarations of types. A kind says what a place in the heap holds; it is a plain frozen object, made once, of no heap
 * and no thread. `layout-of.ts` says how its values lie in memory, `values.ts` which TypeScript types they have.
 *
 * Recursive types are declared with getters, which TypeScript infers without annotations as long as nothing looks into
 * the fields of a struct while its own declaration is being inferred. Therefore the type parameters here are bounded by
 * `OfKind`, which only looks at `kind`, and the fields of a struct are not bounded at all: whether each is a kind is
 * checked when it is declared, and of a getter when the struct is first used: it may give what is declared later.
 */
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';

export type IntName = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64';
export type ScalarName = IntName | 'f32' | 'f64' | 'bool';
/** What `heap.new` can make, and a `ref` can point to. */
export type ReferableName = 'struct' | 'slice' | 'array' | 'map';
/** What can be the key of a map. */
export type KeyName = IntName | 'string' | 'bytes';
export type KindName = ScalarName | 'string' | 'bytes' | 'ref' | 'atomic' | 'mutex' | ReferableName;

/** Any kind of these names, whatever is in it. */
export interface OfKind<N extends KindName = KindName> {
  readonly kind: N;
}

// Type and constant of one name, so that editors show `Slice<i32>` where they would show `Slice<OfKind<'i32'>>`.
export interface i8 extends OfKind<'i8'> {}
export interface u8 extends OfKind<'u8'> {}
export interface i16 extends OfKind<'i16'> {}
export interface u16 extends OfKind<'u16'> {}
export interface i32 extends OfKind<'i32'> {}
export interface u32 extends OfKind<'u32'> {}
export interface i64 extends OfKind<'i64'> {}
export interface u64 extends OfKind<'u64'> {}
export interface f32 extends OfKind<'f32'> {}
export interface f64 extends OfKind<'f64'> {}
export interface bool extends OfKind<'bool'> {}
export interface bytes extends OfKind<'bytes'> {}
export interface mutex extends OfKind<'mutex'> {}
/** `string` is no name that TypeScript lets a type have. */
export interface StringKind extends OfKind<'string'> {}

/** The integers: what `atomic` takes. */
export type IntKind = i8 | u8 | i16 | u16 | i32 | u32 | i64 | u64;
export type ScalarKind = IntKind | f32 | f64 | bool;
/** What can be the key of a map: what `map` takes first. */
export type KeyKind = IntKind | StringKind | bytes;

/** Fields in the order of their declaration. Reading one may run a getter of the user: read them of the layout. */
export type Fields = Readonly<Record<string, Kind>>;

/** What `struct(name, fields)` returns. */
export interface StructKind<Name extends string = string, F = Fields> extends OfKind<'struct'> {
  readonly name: Name;
  readonly fields: F;
}
/** What `ref(T)` returns. */
export interface RefKind<T = ReferableKind> extends OfKind<'ref'> {
  readonly elem: T;
}
/** What `slice(T)` returns. */
export interface SliceKind<E = Kind> extends OfKind<'slice'> {
  readonly elem: E;
}
/** What `array(T, n)` returns. */
export interface ArrayKind<E = Kind> extends OfKind<'array'> {
  readonly elem: E;
  readonly length: number;
}
/** What `map(K, V)` returns. */
export interface MapKind<K = KeyKind, V = Kind> extends OfKind<'map'> {
  readonly key: K;
  readonly value: V;
}
/** What `atomic(T)` returns. */
export interface AtomicKind<T = IntKind> extends OfKind<'atomic'> {
  readonly elem: T;
}

/** What `heap.new` makes, what a `ref` points to, and what has a name in `heap.roots`. */
export type ReferableKind = StructKind | SliceKind | ArrayKind | MapKind;
/** Any type that can be declared. */
export type Kind = ScalarKind | StringKind | bytes | RefKind | AtomicKind | mutex | ReferableKind;

const INT_NAMES = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const;
const PLAIN_NAMES = [...INT_NAMES, 'f32', 'f64', 'bool', 'string', 'bytes', 'mutex'] as const;
const REFERABLE: ReadonlySet<string> = new Set<ReferableName>(['struct', 'slice', 'array', 'map']);
const NAMES: ReadonlySet<string> = new Set<KindName>([
  ...PLAIN_NAMES,
  'ref',
  'atomic',
  'struct',
  'slice',
  'array',
  'map',
]);
const INTS: ReadonlySet<string> = new Set<IntName>(INT_NAMES);
const KEYS: ReadonlySet<string> = new Set<KeyName>([...INT_NAMES, 'string', 'bytes']);

/** Everything that was made here: an object that only looks like a kind is none. */
const kinds = new WeakSet<object>();

function make<T extends object>(kind: T): T {
  kinds.add(kind);
  return Object.freeze(kind);
}

/** Whether `value` was made by a declaration of this file. */
export function isKind(value: unknown): value is Kind {
  return typeof value === 'object' && value !== null && kinds.has(value);
}

/** Integer, −2⁷ … 2⁷−1. */
export const i8: i8 = make({ kind: 'i8' });
/** Integer, 0 … 2⁸−1. */
export const u8: u8 = make({ kind: 'u8' });
/** Integer, −2¹⁵ … 2¹⁵−1. */
export const i16: i16 = make({ kind: 'i16' });
/** Integer, 0 … 2¹⁶−1. */
export const u16: u16 = make({ kind: 'u16' });
/** Integer, −2³¹ … 2³¹−1. */
export const i32: i32 = make({ kind: 'i32' });
/** Integer, 0 … 2³²−1. */
export const u32: u32 = make({ kind: 'u32' });
/** Integer as bigint, −2⁶³ … 2⁶³−1. */
export const i64: i64 = make({ kind: 'i64' });
/** Integer as bigint, 0 … 2⁶⁴−1. */
export const u64: u64 = make({ kind: 'u64' });
/** Number, rounded to single precision as `Math.fround` does: what is too large becomes Infinity. */
export const f32: f32 = make({ kind: 'f32' });
/** Any number. */
export const f64: f64 = make({ kind: 'f64' });
/** `true` or `false`; one byte. */
export const bool: bool = make({ kind: 'bool' });
/** Immutable text: UTF-8 in the heap, a JS string when read. Lone surrogates become U+FFFD. Empty at first. */
export const string: StringKind = make({ kind: 'string' });
/** Immutable bytes; a Uint8Array, copied when written and when read. Empty at first. */
export const bytes: bytes = make({ kind: 'bytes' });
/**
 * A lock (Go: `sync.Mutex`), unlocked at first: a field of a struct, or an element of an array. What has one in it is not
 * copied, so it is no element of a slice and no value of a map: use a `ref` there.
 */
export const mutex: mutex = make({ kind: 'mutex' });

function refuse(message: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', message);
}

/** What a message says of a wrong argument. */
export function describeNoKind(value: unknown): string {
  if (isKind(value)) return value.kind === 'struct' ? `the struct ${value.name}` : value.kind;
  if (value === null || typeof value !== 'object') return describe(value);
  return looksLikeKind(value)
    ? 'a type of another copy of spanheap: this program has loaded the package twice'
    : 'an object that is no type';
}

/** Whether it is as `make` makes kinds. It was none of ours, so it is one of another copy of this file. */
function looksLikeKind(value: object): boolean {
  const { kind } = value as { kind?: unknown };
  return Object.isFrozen(value) && typeof kind === 'string' && NAMES.has(kind);
}

function checkKind(what: string, expected: string, value: unknown, allowed?: ReadonlySet<string>): void {
  if (isKind(value) && (allowed === undefined || allowed.has(value.kind))) return;
  const hint = value === undefined ? ' (declared further down? Use a getter: get field() { … })' : '';
  refuse(`${what}: expected ${expected}, got ${describeNoKind(value)}${hint}`);
}

/** As most names are. V8 takes 0.2 to 0.5 ms to compile those below, which a program of such names need not wait for. */
const PLAIN_NAME = /^[A-Za-z_][\w$]*$/;
/** Names of types are part of the names of others, such as `array(f64, 16)`. */
const STRUCT_NAME = /^[^\p{Cc}\p{Cs}(),"]+$/u;
const TAKEN: ReadonlySet<string> = new Set(PLAIN_NAMES);

function checkStructName(name: unknown): void {
  if (typeof name !== 'string' || name === '')
    refuse(`struct: expected a name that is not empty, got ${describeNoKind(name)}`);
  const quoted = JSON.stringify(name);
  if (!PLAIN_NAME.test(name) && !STRUCT_NAME.test(name))
    refuse(
      `struct ${quoted}: the name has a character that names of types cannot have: ( ) , " or a control character`,
    );
  if (TAKEN.has(name)) refuse(`struct ${quoted}: this is the name of a type that is built in`);
}

/** Go's identifiers, and `$` anywhere but first. */
const FIELD_NAME = /^[\p{L}_][\p{L}\p{Nd}_$]*$/u;
/** Members of all references, and names that mean something to JavaScript. */
const RESERVED: ReadonlySet<string> = new Set([
  'hold',
  'dispose',
  'equals',
  'constructor',
  '__proto__',
  'then',
  'toString',
  'valueOf',
  'toJSON',
]);

function checkFieldName(struct: string, name: string | symbol): void {
  if (typeof name === 'symbol') refuse(`struct ${struct}: a field is named by a symbol (${String(name)})`);
  const where = `struct ${struct}, field ${JSON.stringify(name)}`;
  if (!PLAIN_NAME.test(name) && !FIELD_NAME.test(name))
    refuse(`${where}: not an identifier (letters, digits and _, not a digit first)`);
  if (RESERVED.has(name)) refuse(`${where}: this name is reserved`);
}

/** An object literal; no class instance, and none whose prototype was set by a field `__proto__`. */
function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * Declares a struct: an object with named fields, which lie in memory in the order of declaration, as in Go. `name` is
 * the type's name in every heap; it must mean the same to all threads.
 *
 * Fields that refer to the struct itself, or to one that is declared later, are getters; they run at the first use:
 * ```ts
 * const Node = struct('Node', { key: i32, get left() { return ref(Node); } });
 * ```
 * Declaration files have `any` where such a type comes back to itself. For types that a package exports, annotate the
 * getter: `get left(): RefKind<typeof Node> { … }`.
 *
 * Throws an ArgumentError for a name that is empty, has control characters or one of `( ) , "`, or is the name of
 * another kind; for fields that are no identifiers or have a reserved name (`hold`, `dispose`, `equals`,
 * `constructor`, `__proto__`, `then`, `toString`, `valueOf`, `toJSON`, or anything beginning with `$`); and for fields that
 * hold no type.
 */
// biome-ignore lint/suspicious/noExplicitAny: any other bound would have to know the types of getters; see above
export function struct<const Name extends string, F extends Record<string, any>>(
  name: Name,
  fields: F,
): StructKind<Name, F> {
  checkStructName(name);
  if (!isRecord(fields)) refuse(`struct ${name}: expected an object with its fields, got ${describeNoKind(fields)}`);
  for (const field of Reflect.ownKeys(fields)) checkFieldName(name, field);
  // A copy with the getters as they are, so that nobody can change it later.
  const descriptors = Object.getOwnPropertyDescriptors(fields);
  for (const [field, given] of Object.entries(descriptors)) {
    if (given.get === undefined) checkField(name, field, given.value);
  }
  const copy = Object.freeze(Object.create(null, descriptors)) as F;
  return make({ kind: 'struct', name, fields: copy });
}

/** Throws unless a field of a struct holds a kind. Of a getter the layout knows, which is the first to run it. */
export function checkField(struct: string, field: string, kind: unknown): asserts kind is Kind {
  checkKind(`struct ${struct}, field ${JSON.stringify(field)}`, 'a type', kind);
}

// What was made of an element is remembered as long as the element is: a type that is written inside of a loop is one, and what
// a heap knows of it is found at once. (3.5 µs for a `heap.new` of a new one, most of it a comparison with the one that it is.)
const refs = new WeakMap<object, RefKind<unknown>>();
const slices = new WeakMap<object, SliceKind<unknown>>();
const arrays = new WeakMap<object, Map<number, ArrayKind<unknown>>>();
const maps = new WeakMap<object, WeakMap<object, MapKind<unknown, unknown>>>();
const atomics = new WeakMap<object, AtomicKind<unknown>>();

/** Lengths of arrays that are remembered of an element: a program could go through all there are. */
const MAX_LENGTHS = 256;

function remember<T extends object>(known: WeakMap<object, T>, elem: object, kind: T): T {
  known.set(elem, make(kind));
  return kind;
}

/**
 * A pointer to a struct, slice, array or map of its own in the heap, or null. Null at first; assigning shares the object.
 * Throws an ArgumentError when `elem` is no such kind.
 */
export function ref<T extends OfKind<ReferableName>>(elem: T): RefKind<T> {
  const known = refs.get(elem);
  if (known !== undefined) return known as RefKind<T>;
  checkKind('ref', 'a struct, slice, array or map', elem, REFERABLE);
  return remember(refs, elem, { kind: 'ref', elem }) as RefKind<T>;
}

/**
 * Go's `[]T`: pointer, length and capacity of elements which slices may share. Empty at first; assigning shares the
 * elements. Throws an ArgumentError when `elem` is no kind, or `mutex`; one that has a mutex in it is refused when the slice is
 * first used.
 */
export function slice<E extends OfKind>(elem: E): SliceKind<E> {
  const known = slices.get(elem);
  if (known !== undefined) return known as SliceKind<E>;
  checkKind('slice', 'a type of elements', elem);
  if ((elem as OfKind).kind === 'mutex')
    refuse(
      'slice: its elements move when it grows, and a mutex cannot; use array(mutex, n), or ref(…) of what has one',
    );
  return remember(slices, elem, { kind: 'slice', elem }) as SliceKind<E>;
}

/** Largest `int` of a 32-bit Go: lengths are signed words in the heap. */
const MAX_LENGTH = 2 ** 31 - 1;

/**
 * Go's `[n]T`: `length` elements in the place itself, zero at first; assigning copies them. Throws an ArgumentError when
 * `elem` is no kind, or `length` no integer from 0 to 2³¹ − 1.
 */
export function array<E extends OfKind>(elem: E, length: number): ArrayKind<E> {
  const known = arrays.get(elem)?.get(length);
  if (known !== undefined) return known as ArrayKind<E>;
  checkKind('array', 'a type of elements', elem);
  if (!Number.isInteger(length) || length < 0 || length > MAX_LENGTH)
    refuse(`array: expected a length that is an integer from 0 to ${MAX_LENGTH}, got ${describeNoKind(length)}`);
  // Not -0, which JSON and Object.is would tell apart.
  const made = make<ArrayKind<E>>({ kind: 'array', elem, length: length + 0 });
  const ofElem = arrays.get(elem) ?? new Map<number, ArrayKind<unknown>>();
  arrays.set(elem, ofElem);
  if (ofElem.size < MAX_LENGTHS) ofElem.set(made.length, made);
  return made;
}

/**
 * A map that all threads may use at once. The place holds a pointer; assigning shares the map. Keys are `string`,
 * `bytes` or integers. Throws an ArgumentError for other keys, and for values that are no kind, `atomic` or `mutex`; one
 * that has a mutex in it is refused when the map is first used.
 */
export function map<K extends OfKind<KeyName>, V extends OfKind<Exclude<KindName, 'atomic' | 'mutex'>>>(
  key: K,
  value: V,
): MapKind<K, V> {
  const known = maps.get(key)?.get(value);
  if (known !== undefined) return known as MapKind<K, V>;
  checkKind('map', 'string, bytes or an integer type as key', key, KEYS);
  checkKind('map', 'a type of values', value);
  if ((value as OfKind).kind === 'atomic')
    refuse('map: a value cannot be atomic, for it has no place of its own; change it with update()');
  if ((value as OfKind).kind === 'mutex')
    refuse('map: a value cannot be a mutex, for it has no place of its own; use ref(…) of a struct that has one');
  const ofKey = maps.get(key) ?? new WeakMap<object, MapKind<unknown, unknown>>();
  maps.set(key, ofKey);
  return remember(ofKey, value, { kind: 'map', key, value }) as MapKind<K, V>;
}

/**
 * An integer that threads change by `load, store, add, …`, each in one step; a field of a struct or an element of an
 * array or slice. Throws an ArgumentError when `elem` is no integer kind.
 */
export function atomic<T extends OfKind<IntName>>(elem: T): AtomicKind<T> {
  const known = atomics.get(elem);
  if (known !== undefined) return known as AtomicKind<T>;
  checkKind('atomic', 'an integer type', elem, INTS);
  return remember(atomics, elem, { kind: 'atomic', elem }) as AtomicKind<T>;
}
