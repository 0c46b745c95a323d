/** Numbers and booleans in the heap: reading, checking and writing one at an address. Nothing here allocates. */
import { describe } from '../base/describe.ts';
import { OutOfRangeError, WrongTypeError } from '../base/errors.ts';
import type { Mem } from '../sys/mem.ts';

export type IntName = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32';
export type BigName = 'i64' | 'u64';
export type ScalarName = IntName | BigName | 'f32' | 'f64' | 'bool';

/** Reading, and writing where that is cheaper too, by another address than the value's own. */
export interface Near<T = unknown> {
  readonly read: (addr: number) => T;
  readonly write?: (addr: number, value: T) => void;
}

/** The part of a codec that is the same for every place of a scalar kind. */
export interface Scalar<T = unknown> {
  readonly read: (addr: number) => T;
  readonly check: (value: unknown, where: string) => void;
  readonly write: (addr: number, value: T) => void;
  /** See Codec. */
  readonly behind?: (offset: number) => Near<T>;
}

/** Lowest and highest value of each integer kind. */
export const INT_RANGES: Readonly<Record<IntName, readonly [number, number]>> = {
  i8: [-0x80, 0x7f],
  u8: [0, 0xff],
  i16: [-0x8000, 0x7fff],
  u16: [0, 0xffff],
  i32: [-0x80000000, 0x7fffffff],
  u32: [0, 0xffffffff],
};

function notInt(value: unknown, name: IntName, where: string): never {
  const [min, max] = INT_RANGES[name];
  if (typeof value !== 'number')
    throw new WrongTypeError(`${where}: expected a number (${name}), got ${describe(value)}`);
  if (!Number.isInteger(value)) throw new OutOfRangeError(`${where}: ${value} is not an integer (${name})`);
  throw new OutOfRangeError(`${where}: ${value} is out of range of ${name} (${min} … ${max})`);
}

function notBig(value: unknown, name: BigName, where: string): never {
  if (typeof value !== 'bigint')
    throw new WrongTypeError(`${where}: expected a bigint (${name}), got ${describe(value)}`);
  throw new OutOfRangeError(`${where}: ${value}n is out of range of ${name}`);
}

function notFloat(value: unknown, name: string, where: string): never {
  throw new WrongTypeError(`${where}: expected a number (${name}), got ${describe(value)}`);
}

function notBool(value: unknown, where: string): never {
  throw new WrongTypeError(`${where}: expected true or false, got ${describe(value)}`);
}

const checkInt = {
  i8: (v: unknown, where: string) => {
    if (typeof v !== 'number' || (v << 24) >> 24 !== v) notInt(v, 'i8', where);
  },
  u8: (v: unknown, where: string) => {
    if (typeof v !== 'number' || (v & 0xff) !== v) notInt(v, 'u8', where);
  },
  i16: (v: unknown, where: string) => {
    if (typeof v !== 'number' || (v << 16) >> 16 !== v) notInt(v, 'i16', where);
  },
  u16: (v: unknown, where: string) => {
    if (typeof v !== 'number' || (v & 0xffff) !== v) notInt(v, 'u16', where);
  },
  i32: (v: unknown, where: string) => {
    if (typeof v !== 'number' || (v | 0) !== v) notInt(v, 'i32', where);
  },
  u32: (v: unknown, where: string) => {
    if (typeof v !== 'number' || v >>> 0 !== v) notInt(v, 'u32', where);
  },
} satisfies Record<IntName, Scalar['check']>;

/** Throws unless `value` is an integer of this kind. */
export function checkInteger(name: IntName | BigName, value: unknown, where: string): void {
  if (name === 'i64' || name === 'u64') checkBig(name, value, where);
  else checkInt[name](value, where);
}

function checkBig(name: BigName, value: unknown, where: string): void {
  if (typeof value !== 'bigint') notBig(value, name, where);
  const fits = name === 'i64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (fits !== value) notBig(value, name, where);
}

function checkFloat(name: 'f32' | 'f64'): Scalar['check'] {
  return (v, where) => {
    if (typeof v !== 'number') notFloat(v, name, where);
  };
}

const scalar = <T>(check: Scalar['check'], read: (a: number) => T, write: (a: number, v: T) => void): Scalar =>
  ({ read, check, write }) as unknown as Scalar;

/** Values of a scalar kind; with `offset`, that many bytes behind the addresses given. */
export function makeScalar(mem: Mem, name: ScalarName, offset = 0): Scalar {
  const made = scalarOf(mem, name, offset);
  return { ...made, behind: (further) => makeScalar(mem, name, offset + further) };
}

// Each kind has functions of its own: of those that all share, V8 learns more classes of views than it tells apart. In a
// program that uses all kinds, reading three fields took 16 ns then instead of 3.7, and writing them 100 instead of 8.

function scalarOf(mem: Mem, name: ScalarName, offset: number): Scalar {
  switch (name) {
    case 'i32': {
      const i32 = mem.from(Int32Array, offset);
      return scalar<number>(
        checkInt.i32,
        (a) => i32[a >>> 2]!,
        (a, v) => void (i32[a >>> 2] = v),
      );
    }
    case 'u32': {
      const i32 = mem.from(Int32Array, offset);
      return scalar<number>(
        checkInt.u32,
        (a) => i32[a >>> 2]! >>> 0,
        (a, v) => void (i32[a >>> 2] = v),
      );
    }
    case 'f64': {
      const f64 = mem.from(Float64Array, offset);
      return scalar<number>(
        checkFloat('f64'),
        (a) => f64[a >>> 3]!,
        (a, v) => void (f64[a >>> 3] = v),
      );
    }
    case 'f32': {
      const f32 = mem.from(Float32Array, offset);
      return scalar<number>(
        checkFloat('f32'),
        (a) => f32[a >>> 2]!,
        (a, v) => void (f32[a >>> 2] = v),
      );
    }
    case 'bool': {
      const u8 = mem.from(Uint8Array, offset);
      return scalar<boolean>(
        (v, where) => {
          if (v !== true && v !== false) notBool(v, where);
        },
        (a) => u8[a >>> 0] !== 0,
        (a, v) => void (u8[a >>> 0] = v ? 1 : 0),
      );
    }
    case 'i64':
    case 'u64':
      return bigOf(mem, name, offset);
    default:
      return smallOf(mem, name, offset);
  }
}

function bigOf(mem: Mem, name: BigName, offset: number): Scalar {
  const check: Scalar['check'] = (v, where) => checkBig(name, v, where);
  if (name === 'i64') {
    const i64 = mem.from(BigInt64Array, offset);
    return scalar<bigint>(
      check,
      (a) => i64[a >>> 3]!,
      (a, v) => void (i64[a >>> 3] = v),
    );
  }
  const u64 = mem.from(BigUint64Array, offset);
  return scalar<bigint>(
    check,
    (a) => u64[a >>> 3]!,
    (a, v) => void (u64[a >>> 3] = v),
  );
}

function smallOf(mem: Mem, name: 'i8' | 'u8' | 'i16' | 'u16', offset: number): Scalar {
  switch (name) {
    case 'i8': {
      const i8 = mem.from(Int8Array, offset);
      return scalar<number>(
        checkInt.i8,
        (a) => i8[a >>> 0]!,
        (a, v) => void (i8[a >>> 0] = v),
      );
    }
    case 'u8': {
      const u8 = mem.from(Uint8Array, offset);
      return scalar<number>(
        checkInt.u8,
        (a) => u8[a >>> 0]!,
        (a, v) => void (u8[a >>> 0] = v),
      );
    }
    case 'i16': {
      const i16 = mem.from(Int16Array, offset);
      return scalar<number>(
        checkInt.i16,
        (a) => i16[a >>> 1]!,
        (a, v) => void (i16[a >>> 1] = v),
      );
    }
    case 'u16': {
      const u16 = mem.from(Uint16Array, offset);
      return scalar<number>(
        checkInt.u16,
        (a) => u16[a >>> 1]!,
        (a, v) => void (u16[a >>> 1] = v),
      );
    }
  }
}
