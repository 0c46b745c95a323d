/**
 * Structs: one class per struct and heap, with an accessor for each field. Reading a field of a value kind gives the value,
 * reading one of a place kind (struct, array, slice, atomic) a reference to where it is.
 */
import { WrongTypeError } from '../base/errors.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import { copyValues, writeLiteral } from './memory.ts';
import { refuseReference } from './pointers.ts';
import { checkLive, type Place, type PlaceClass, Reference, showReference, throwStale } from './reference.ts';
import { describe, type Scalar } from './scalars.ts';

export interface BoundField {
  readonly name: string;
  readonly offset: number;
  readonly codec: Codec;
  /** Checks the field of an object that a user passed; whether it has one. */
  readonly checkIn: (init: Init) => boolean;
  /** Writes the field of such an object into the struct at an address. */
  readonly writeFrom: (addr: number, init: Init) => void;
}

/** A closure of its own for each field: reading `init[name]` stays monomorphic in each. */
export function bindField(struct: string, name: string, offset: number, codec: Codec): BoundField {
  const where = `${struct}.${name}`;
  const { check, write } = codec;
  return {
    name,
    offset,
    codec,
    checkIn: (init) => {
      const value = init[name];
      if (value === undefined) return false;
      check(value, where);
      return true;
    },
    writeFrom: (addr, init) => {
      const value = init[name];
      if (value === undefined) return;
      // Once more: a getter may give another value now.
      check(value, where);
      write((addr + offset) | 0, value);
    },
  };
}

/** Field values by name: what `heap.new(T, …)` takes. */
type Init = Record<string, unknown>;

function accessor(field: BoundField, where: string): PropertyDescriptor {
  const { offset } = field;
  const { read, check, write } = field.codec;
  return {
    enumerable: true,
    configurable: true,
    get(this: Place): unknown {
      if (this.$s.live === 0) throwStale(this);
      return read((this.$a + offset) | 0);
    },
    set(this: Place, value: unknown): void {
      if (this.$s.live === 0) throwStale(this);
      check(value, where);
      write((this.$a + offset) | 0, value);
    },
  };
}

export function defineFields(Class: PlaceClass['Class'], struct: string, fields: readonly BoundField[]): void {
  for (const field of fields)
    Object.defineProperty(Class.prototype, field.name, accessor(field, `${struct}.${field.name}`));
  Object.defineProperty(Class.prototype, 'toJSON', {
    configurable: true,
    value(this: Init): Init {
      return Object.fromEntries(fields.map(({ name, codec }) => [name, toJson(this[name], codec)]));
    },
  });
}

/** Pointers are shown as what they point to, not followed: objects may form circles. */
function toJson(value: unknown, codec: Codec): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return [...value];
  return codec.indirect && value !== null ? showReference(value as Reference) : value;
}

export function structCodec(
  env: Env,
  { Class, make }: PlaceClass,
  codec: () => Codec,
  fields: readonly BoundField[],
): Scalar & Required<Pick<Codec, 'initialise'>> {
  function check(value: unknown, where: string): void {
    if (value instanceof Class) {
      checkLive(value);
      return;
    }
    if (value instanceof Reference) refuseReference(env, value, codec().name, where);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new WrongTypeError(`${where}: expected the fields of ${codec().name}, got ${describe(value)}`);
    }
    let known = 0;
    for (let i = 0; i < fields.length; i++) if (fields[i]!.checkIn(value as Init)) known++;
    for (const key in value) if ((value as Init)[key] !== undefined) known--;
    if (known !== 0 || Object.getPrototypeOf(value) !== Object.prototype) checkNames(codec().name, value, fields);
  }

  function initialise(addr: number, value: unknown): void {
    if (value instanceof Class) {
      copyValues(env, addr, (value as Place).$a, codec().rtype(), 1);
      return;
    }
    for (let i = 0; i < fields.length; i++) fields[i]!.writeFrom(addr, value as Init);
  }

  function write(addr: number, value: unknown): void {
    inRegion(env, () => {
      if (value instanceof Class) initialise(addr, value);
      else writeLiteral(env, codec(), addr, value);
    });
  }

  return { read: make, check, write, initialise };
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
