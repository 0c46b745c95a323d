/**
 * Structs: one class per struct and heap, with an accessor for each field. Reading a field of a value kind gives the value,
 * reading one of a place kind (struct, array, slice, atomic) a reference to where it is.
 */
import { describe } from '../base/describe.ts';
import { WrongTypeError } from '../base/errors.ts';
import type { RType } from '../malloc/rtype.ts';
import { REACH } from '../sys/mem.ts';
import { SCOPED, STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import { copyPlace, refuseCopy, writeLiteral, writeRooted } from './memory.ts';
import { fits, makeStore } from './plain.ts';
import { refuseReference } from './pointers.ts';
import { checkLive, type Place, type PlaceClass, Reference, throwStale } from './reference.ts';
import type { Scalar } from './scalars.ts';
import { toJson } from './to-json.ts';

export interface BoundField {
  readonly name: string;
  readonly offset: number;
  readonly codec: Codec;
  /** For messages: `Node.key`. */
  readonly where: string;
}

/** The same by column: a loop over arrays of one kind each reads no object of many shapes. */
export interface FieldColumns {
  readonly names: string[];
  readonly wheres: string[];
  readonly offsets: number[];
  /** See plain.ts. */
  readonly codes: number[];
  readonly checks: Codec['check'][];
  /** Into a new object. */
  readonly writes: Codec['write'][];
}

/** Field values by name: what `heap.new(T, …)` takes. */
export type Init = Record<string, unknown>;

function accessor(env: Env, field: BoundField): PropertyDescriptor {
  const { offset, codec } = field;
  const { read, write, place, allocates } = codec;
  const near = offset <= REACH ? codec.behind?.(offset) : undefined;
  let get = makeGetter(near === undefined ? offset : 0, near?.read ?? read);
  if (read === place?.make) get = makePlaceGetter(offset, place.within);
  let set = makeSetter(field, near?.write === undefined ? offset : 0, near?.write ?? write);
  if (allocates && place !== undefined) set = makePlaceSetter(env, field);
  return { enumerable: true, configurable: true, get, set };
}

// Over parameters, for the reason given at `makeMake`. `offset`: of what is read or written, from the address given to that.

function makeGetter(offset: number, read: Codec['read']): (this: Place) => unknown {
  const stale = throwStale;
  return function get(this: Place): unknown {
    if (this.$s.live === STALE) stale(this);
    return read((this.$a + offset) | 0);
  };
}

function makePlaceGetter(offset: number, within: PlaceClass['within']): (this: Place) => Place {
  const stale = throwStale;
  return function get(this: Place): Place {
    const frame = this.$s;
    if (frame.live === STALE) stale(this);
    return within((this.$a + offset) | 0, frame);
  };
}

function makeSetter(
  { where, codec: { check } }: BoundField,
  offset: number,
  write: Codec['write'],
): (this: Place, value: unknown) => void {
  const stale = throwStale;
  return function set(this: Place, value: unknown): void {
    if (this.$s.live === STALE) stale(this);
    check(value, where);
    write((this.$a + offset) | 0, value);
  };
}

/** The same for what can be given as a literal, which may run the user's code: whatever that does, the struct is there. */
function makePlaceSetter(env: Env, { offset, where, codec }: BoundField): (this: Place, value: unknown) => void {
  const { check, write } = codec;
  return function set(this: Place, value: unknown): void {
    checkLive(this);
    check(value, where);
    checkLive(this);
    const a = this.$a;
    const to = (a + offset) | 0;
    // What local references refer to is rooted until their scope ends, even if they are disposed of.
    if (this.$s.live === SCOPED || value instanceof Reference) write(to, value);
    else inRegion(env, () => writeRooted(env, codec, a, to, value));
  };
}

export function defineFields(env: Env, Class: PlaceClass['Class'], fields: readonly BoundField[]): void {
  for (const field of fields) Object.defineProperty(Class.prototype, field.name, accessor(env, field));
  Object.defineProperty(Class.prototype, '$fields', { value: fields });
  Object.defineProperty(Class.prototype, 'toJSON', {
    configurable: true,
    value(this: Init): Init {
      return Object.fromEntries(fields.map(({ name, codec }) => [name, toJson(this[name], codec)]));
    },
  });
}

export function structCodec(
  env: Env,
  { Class, make }: PlaceClass,
  codec: () => Codec,
  fields: readonly BoundField[],
  columns: FieldColumns,
): Scalar & Required<Pick<Codec, 'initialise' | 'construct'>> {
  const { names, wheres, offsets, codes, checks, writes } = columns;
  const store = makeStore(env.mem);

  function check(value: unknown, where: string): void {
    if (!isFields(value) && checkOther(value, where)) return;
    const values = new Array(fields.length);
    if (take(value as Init, values)) return;
    takeOthers(value as Init, values);
    if (!isLiteral(value as Init)) refuseFieldless(value as Init, where);
  }

  /**
   * A promise that was not awaited, a Map, a Date and so on would count as a literal without fields, and zero the
   * struct. What a class gives has one of the fields, be it undefined or inherited.
   */
  function refuseFieldless(value: Init, where: string): void {
    if (isPlain(value) || names.some((name) => name in value)) return;
    throw new WrongTypeError(`${where}: expected the fields of ${codec().name}, got ${describe(value)}`);
  }

  /**
   * Reads what an object that a user passed enumerates, once, and checks it. Reading may run code of the user's. False if that
   * is not each field and nothing else, or if there are no fields.
   */
  function take(init: Init, values: unknown[]): boolean {
    let next = 0;
    let taken = 0;
    // By the object's own names, mostly the fields in their order: V8 reads what it enumerates without looking names up.
    for (const name in init) {
      const i = name === names[next] ? next : names.indexOf(name);
      const value = init[name];
      if (i >= 0) {
        next = i + 1;
        taken++;
        values[i] = value;
        if (value !== undefined && !fits(codes[i]!, value)) checks[i]!(value, wheres[i]!);
      } else if (value !== undefined) {
        // What references have of their own comes first: what they refer to is not read.
        return false;
      }
    }
    return taken === names.length && taken !== 0;
  }

  /** The fields that the object does not enumerate. Throws if it has something that is no field. */
  function takeOthers(init: Init, values: unknown[]): void {
    checkNames(codec().name, init, fields);
    for (let i = 0; i < names.length; i++) {
      if (values[i] !== undefined) continue;
      const value = init[names[i]!];
      values[i] = value;
      if (value !== undefined && !fits(codes[i]!, value)) checks[i]!(value, wheres[i]!);
    }
  }

  /** Writes values that were taken, and forgets them. */
  function put(addr: number, values: unknown[]): void {
    for (let i = 0; i < writes.length; i++) {
      const value = values[i];
      if (value === undefined) continue;
      values[i] = undefined;
      const to = (addr + offsets[i]!) | 0;
      if (!store(codes[i]!, to, value)) writes[i]!(to, value);
    }
  }

  const { newobject } = env.malloc;

  /** For the values of one object; absent while in use, for what the user's code makes meanwhile. */
  let spare: unknown[] | undefined;
  let rtype: RType | undefined;

  /** See Codec. What has each field and nothing else need not be looked at any closer. */
  function construct(init: Init): Place | null {
    const values = spare ?? new Array(fields.length).fill(undefined);
    spare = undefined;
    if (!take(init, values)) {
      if (!isLiteral(init)) return null;
      takeOthers(init, values);
    }
    const type = (rtype ??= codec().rtype());
    const addr = newobject(type);
    const ref = make(addr);
    put(addr | 0, values);
    spare = values;
    return ref;
  }

  /** What is no object literal: true for a reference of this struct, false for another object with fields. */
  function checkOther(value: unknown, where: string): boolean {
    if (value instanceof Class) {
      checkLive(value);
      refuseCopy(codec(), where);
      return true;
    }
    if (value instanceof Reference) refuseReference(env, value, codec().name, where);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return false;
    throw new WrongTypeError(`${where}: expected the fields of ${codec().name}, got ${describe(value)}`);
  }

  function initialise(addr: number, value: unknown): void {
    if (!isFields(value) && value instanceof Class) {
      copyPlace(env, addr, value, codec().rtype());
      return;
    }
    for (let i = 0; i < names.length; i++) {
      const given = (value as Init)[names[i]!];
      if (given === undefined) continue;
      // Once more: a getter may give another value now.
      checks[i]!(given, wheres[i]!);
      writes[i]!((addr + offsets[i]!) | 0, given);
    }
  }

  function write(addr: number, value: unknown): void {
    refuseCopy(codec(), 'assigning');
    inRegion(env, () => {
      if (value instanceof Class) initialise(addr, value);
      else writeLiteral(env, codec(), addr, value);
    });
  }

  return { read: make, check, write, initialise, construct };
}

/** An object with fields: no reference, of which each has a frame, and no array. No field has such a name. */
function isFields(value: unknown): value is Init {
  return typeof value === 'object' && value !== null && (value as Place).$s === undefined && !Array.isArray(value);
}

/** What `{ … }` makes: one look says that it is no reference and no array. For the prototype V8 would call its runtime. */
function isLiteral(value: object): boolean {
  return value.constructor === Object;
}

/** The same by the prototype: also an object without any, and the literal of another realm, which has another `Object`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Throws if an object has something that is no field. */
function checkNames(struct: string, init: object, fields: readonly BoundField[]): void {
  const names = fields.map((f) => f.name);
  for (const key in init) {
    if (names.includes(key) || (init as Init)[key] === undefined) continue;
    const known = names.length === 0 ? 'it has none' : `its fields are ${names.join(', ')}`;
    throw new WrongTypeError(`${struct} has no field ${JSON.stringify(key)}; ${known}`, 'ERR_UNKNOWN_FIELD');
  }
}
