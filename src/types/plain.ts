/**
 * Numbers and booleans by a code, for loops over fields of any kinds: V8 inlines a switch, and calls functions that
 * differ from field to field, for 5 ns to check a value and store it. What the codes know is a part of what the
 * functions in scalars.ts do; the rest is left to those.
 */
import type { Mem } from '../sys/mem.ts';
import type { KindName } from './kinds.ts';

const OTHER = 0;
const I32 = 1;
const U32 = 2;
const F64 = 3;
const U8 = 4;
const BOOL = 5;
const U16 = 6;
const I8 = 7;
const I16 = 8;
const F32 = 9;

const CODES: Partial<Record<KindName, number>> = {
  i32: I32,
  u32: U32,
  f64: F64,
  u8: U8,
  bool: BOOL,
  u16: U16,
  i8: I8,
  i16: I16,
  f32: F32,
};

/** The code of a kind; 0 for those that have none. */
export function codeOf(kind: KindName): number {
  return CODES[kind] ?? OTHER;
}

/** Whether this is a value of the kind with this code. False for all when it has none. */
export function fits(code: number, v: unknown): boolean {
  if (typeof v !== 'number') return code === BOOL && (v === true || v === false);
  switch (code) {
    case I32:
      return (v | 0) === v;
    case U32:
      return v >>> 0 === v;
    case F64:
    case F32:
      return true;
    case U8:
      return (v & 0xff) === v;
    case U16:
      return (v & 0xffff) === v;
    case I8:
      return (v << 24) >> 24 === v;
    case I16:
      return (v << 16) >> 16 === v;
    default:
      return false;
  }
}

/** Stores a value that fits. False, and nothing is stored, if the kind has no code. */
export function makeStore(mem: Mem): (code: number, addr: number, v: unknown) => boolean {
  const { u8, i32, f64 } = mem;
  const u16 = mem.from(Uint16Array, 0);
  const f32 = mem.from(Float32Array, 0);
  return (code, addr, v) => {
    switch (code) {
      case I32:
      case U32:
        i32[addr >>> 2] = v as number;
        return true;
      case F64:
        f64[addr >>> 3] = v as number;
        return true;
      case U8:
      case I8:
        u8[addr >>> 0] = v as number;
        return true;
      case BOOL:
        u8[addr >>> 0] = v === true ? 1 : 0;
        return true;
      case U16:
      case I16:
        u16[addr >>> 1] = v as number;
        return true;
      case F32:
        f32[addr >>> 2] = v as number;
        return true;
      default:
        return false;
    }
  };
}
