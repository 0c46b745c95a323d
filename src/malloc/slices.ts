/**
 * Arrays and slices over the allocator (Go: `newarray`, `makeslice`, `growslice`, reflect's `Copy`). What is refused,
 * and with which words, is decided in limits.ts; how slices grow in slice-math.ts.
 */
import { describe } from '../base/describe.ts';
import { AllocationSizeError, type ErrorCode, SliceError, TypeMismatchError } from '../base/errors.ts';
import { MAX_ALLOC, PAGE_SIZE } from '../layout/constants.ts';
import { moveBytes } from '../spans/move.ts';
import { zeroBytes, zeroFreshBytes } from '../spans/zero.ts';
import { keeping } from '../threads/keep.ts';
import {
  ALLOCATION_SIZE,
  GROWSLICE_LEN,
  growsliceError,
  MAKESLICE_LEN,
  makesliceError,
  newarrayError,
} from './limits.ts';
import type { Malloc } from './malloc.ts';
import type { RType } from './rtype.ts';
import { growsliceCap } from './slice-math.ts';

/** A slice: `len` values of a type from address `ptr` on, in an array that has room for `cap` of them. Immutable. */
export interface RawSlice {
  readonly type: RType;
  readonly ptr: number;
  readonly len: number;
  readonly cap: number;
}

function refuse(text: string, code: ErrorCode): never {
  throw code === 'ERR_ALLOCATION_SIZE' ? new AllocationSizeError(code, text) : new SliceError(code, text);
}

/** Told before `count` values of a type at `dst` are overwritten with those at `src` (Go: `bulkBarrierPreWrite`). */
export type BeforeCopy = (dst: number, src: number, type: RType, count: number) => void;

export class SliceOps {
  readonly #a: Malloc;
  readonly #beforeCopy: BeforeCopy;

  constructor(a: Malloc, beforeCopy: BeforeCopy) {
    this.#a = a;
    this.#beforeCopy = beforeCopy;
  }

  newarray(type: RType, n: number): number {
    this.#a.checkType('newarray', type);
    const refused = Number.isInteger(n) ? newarrayError(type.size, n, MAX_ALLOC) : ALLOCATION_SIZE;
    if (refused !== null) refuse(`${refused} (${describe(n)} elements of ${type.size} bytes)`, 'ERR_ALLOCATION_SIZE');
    return this.#a.mallocgc(type.size * n, type, true);
  }

  makeslice(type: RType, len: number, cap: number): RawSlice {
    this.#a.checkType('makeslice', type);
    const whole = Number.isInteger(len) && Number.isInteger(cap);
    const refused = whole ? makesliceError(type.size, len, cap, MAX_ALLOC) : MAKESLICE_LEN;
    if (refused !== null) refuse(refused, refused === MAKESLICE_LEN ? 'ERR_MAKESLICE_LEN' : 'ERR_MAKESLICE_CAP');
    return { type, ptr: this.#a.mallocgc(type.size * cap, type, true), len, cap };
  }

  growslice(slice: RawSlice, num: number): RawSlice {
    this.#check('growslice', slice);
    const { type, ptr, len, cap } = slice;
    if (!Number.isInteger(num) || num < 0) refuse(GROWSLICE_LEN, 'ERR_GROWSLICE_LEN');
    const need = len + num;
    const { classes } = this.#a.cache.heap;
    if (need <= cap) {
      this.#beforeCopy(ptr + len * type.size, 0, type, num);
      zeroBytes(this.#a.t.mem, ptr + len * type.size, num * type.size);
      return { type, ptr, len: need, cap };
    }
    const refused = growsliceError(type.size, cap, need, MAX_ALLOC, classes);
    if (refused !== null) refuse(refused, 'ERR_GROWSLICE_LEN');
    const newCap = growsliceCap(type.size, cap, need, classes);
    const bytes = type.size * newCap;
    // Memory with pointers is cleared whole; else only what the copy does not fill.
    const scan = type.ptrBytes !== 0;
    const to = keeping(this.#a.t, ptr, () => this.#a.mallocgc(bytes, type, scan));
    moveBytes(this.#a.t.mem, to, ptr, len * type.size);
    if (!scan) zeroFreshBytes(this.#a.t.mem, to + len * type.size, bytes - len * type.size);
    return { type, ptr: to, len: need, cap: newCap };
  }

  copy(dst: RawSlice, src: RawSlice): number {
    this.#check('copy', dst);
    this.#check('copy', src);
    if (dst.type.number !== src.type.number) {
      throw new TypeMismatchError(
        'ERR_TYPE_MISMATCH',
        `copy: element types differ: ${JSON.stringify(dst.type.name)} and ${JSON.stringify(src.type.name)}`,
      );
    }
    const n = Math.min(dst.len, src.len);
    this.#beforeCopy(dst.ptr, src.ptr, dst.type, n);
    moveBytes(this.#a.t.mem, dst.ptr, src.ptr, n * dst.type.size);
    return n;
  }

  /** Slices are what their maker says: only one of a type of this heap that lies within its memory has a meaning. */
  #check(op: string, slice: RawSlice): void {
    if (typeof slice !== 'object' || slice === null) {
      refuse(`${op}: not a slice: ${describe(slice)}`, 'ERR_SLICE_BOUNDS');
    }
    const { type, len, cap, ptr } = slice;
    this.#a.checkType(op, type);
    const whole = Number.isInteger(len) && Number.isInteger(cap) && Number.isInteger(ptr) && len >= 0 && len <= cap;
    const bytes = cap * type.size;
    // Page 0 is nobody's. What takes no space may be anywhere: nil, or where all such values are.
    const inside = bytes === 0 || (ptr >= PAGE_SIZE && ptr + bytes <= this.#a.t.mem.bytes);
    if (whole && inside) return;
    const what = `ptr ${describe(ptr)}, len ${describe(len)}, cap ${describe(cap)}`;
    const text = whole ? `not a slice of this heap: ${what}, ${bytes} bytes` : `not a slice: ${what}`;
    refuse(`${op}: ${text}`, 'ERR_SLICE_BOUNDS');
  }
}
