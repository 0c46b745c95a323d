/**
 * Slices (Go's): a header of pointer, length and capacity over an array that other slices may share. A slice reference
 * leads to a header: in a field, in an array, or in an object of its own.
 *
 * The three words are written one after the other, the length last when elements were added: a thread that reads while
 * another appends sees the old length or the new one with the element in place. Threads that append to the same slice must
 * agree on when.
 */
import { SliceError } from '../base/errors.ts';
import { MAX_ALLOC } from '../layout/constants.ts';
import { SLICE_CAP, SLICE_LEN, SLICE_SIZE } from '../layout/slice.ts';
import { GROWSLICE_LEN, growsliceError, MAKESLICE_CAP, MAKESLICE_LEN, makesliceError } from '../malloc/limits.ts';
import type { RType } from '../malloc/rtype.ts';
import { growsliceCap } from '../malloc/slice-math.ts';
import { STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion, methodInRegion } from './env.ts';
import { allocZeroed, clearValues, copyOut, copyPlace, copyValues, define, withRoot, writeRooted } from './memory.ts';
import { refuseReference } from './pointers.ts';
import { checkLive, type Place, type PlaceClass, Reference, throwStale } from './reference.ts';
import type { Scalar } from './scalars.ts';
import {
  checkBounds,
  checkedElements,
  collected,
  copyList,
  countOf,
  defineSequence,
  isSequence,
  writeElements,
} from './sequence.ts';

/** Go's int on 32 bits. */
const MAX_LEN = 2 ** 31 - 1;

/** Zeroed memory for the elements of a new slice. In a region; a safepoint. Throws SliceError with Go's texts. */
export function allocElements(env: Env, elem: Codec, len: number, cap: number): number {
  const refused = refusedLength(elem, len, cap);
  if (refused !== null) {
    throw new SliceError(refused === MAKESLICE_LEN ? 'ERR_MAKESLICE_LEN' : 'ERR_MAKESLICE_CAP', refused);
  }
  return allocZeroed(env, elem.size * cap, elem.rtype());
}

function refusedLength(elem: Codec, len: number, cap: number): string | null {
  if (!Number.isInteger(len) || !Number.isInteger(cap) || len > MAX_LEN) return MAKESLICE_LEN;
  return cap > MAX_LEN ? MAKESLICE_CAP : makesliceError(elem.size, len, cap, MAX_ALLOC);
}

/** Makes a slice header say so. In a region. */
export function writeHeader(env: Env, addr: number, array: number, len: number, cap: number): void {
  const { i32 } = env.mem;
  env.barrier.storePointer(addr, array);
  i32[(addr + SLICE_CAP) >>> 2] = cap;
  i32[(addr + SLICE_LEN) >>> 2] = len;
}

/** The capacity for `need` elements. Throws SliceError with Go's text. */
function grownCap(env: Env, type: RType, cap: number, need: number): number {
  const { classes } = env.malloc.cache.heap;
  const refused = need > MAX_LEN ? GROWSLICE_LEN : growsliceError(type.size, cap, need, MAX_ALLOC, classes);
  if (refused !== null) throw new SliceError('ERR_GROWSLICE_LEN', refused);
  return Math.min(MAX_LEN, growsliceCap(type.size, cap, need, classes));
}

export function defineSlice(env: Env, { Class, make }: PlaceClass, elem: Codec, codec: () => Codec): void {
  const { i32 } = env.mem;
  const { t } = env;
  const { check, write, read, size, allocates } = elem;
  const { name } = codec();
  const base = (a: number): number => i32[a >>> 2]!;
  const lengths = env.mem.from(Int32Array, SLICE_LEN);
  const capacities = env.mem.from(Int32Array, SLICE_CAP);
  const length = (a: number): number => lengths[a >>> 2]!;
  const capacity = (a: number): number => capacities[a >>> 2]!;
  defineSequence(env, Class, elem, { base, length }, name);

  /** The elements move to a larger array, which has room for them, and what follows them already. */
  function moveTo(a: number, array: number, n: number, need: number, cap: number): number {
    copyValues(env, array, base(a), elem.rtype(), Math.min(n, length(a)));
    writeHeader(env, a, array, need, cap);
    return need;
  }

  /**
   * Go: `growslice`, for values that follow the first `n` elements. Those are copied, the old array stays. The slice gets
   * the new array when all is there: if memory runs out, it is as it was. `where`: see `writeElements`.
   */
  function pushGrown(a: number, n: number, values: ArrayLike<unknown>, count: number, where: string | null): number {
    const type = elem.rtype();
    const need = n + count;
    const cap = grownCap(env, type, capacity(a), need);
    const array = allocZeroed(env, size * cap, type);
    writeElements(env, elem, array, (array + n * size) | 0, values, count, where);
    return moveTo(a, array, n, need, cap);
  }

  /**
   * The slice has `len` elements now, in `array`. Making a value may have run code that gave it another one: then that is
   * undone, so that the length never exceeds what is there.
   */
  function settle(a: number, array: number, len: number, cap: number): number {
    if (base(a) !== array || capacity(a) !== cap) writeHeader(env, a, array, len, cap);
    else i32[(a + SLICE_LEN) >>> 2] = len;
    return len;
  }

  function pushOne(this: Place, value: unknown): number {
    const a = this.$a;
    const n = length(a);
    const cap = capacity(a);
    if (n >= cap) return pushGrown(a, n, [value], 1, null);
    const first = base(a);
    const addr = (first + Math.imul(n, size)) | 0;
    if (allocates) {
      writeRooted(env, elem, first, addr, value);
      return settle(a, first, n + 1, cap);
    }
    write(addr, value);
    i32[(a + SLICE_LEN) >>> 2] = n + 1;
    return n + 1;
  }

  function push(this: Place, ...values: unknown[]): number {
    if (this.$s.live === STALE) throwStale(this);
    for (let i = 0; i < values.length; i++) check(values[i], name);
    if (allocates) checkLive(this);
    if (t.depth === 0) return methodInRegion(env, pushAll, this, values);
    return values.length === 1 ? pushOne.call(this, values[0]) : pushAll.call(this, values);
  }

  function pushAll(this: Place, values: readonly unknown[]): number {
    return pushList(this.$a, values, values.length, null);
  }

  function pushList(a: number, values: ArrayLike<unknown>, count: number, where: string | null): number {
    const n = length(a);
    const cap = capacity(a);
    if (n + count > cap) return pushGrown(a, n, values, count, where);
    const first = base(a);
    // Behind the elements there is room that other slices may share, and values may be places in it.
    copyList(env, elem, (first + n * size) | 0, values, count, where);
    return settle(a, first, n + count, cap);
  }

  /** Elements of another slice or array, or of this one. Its array, of which `from` is a part, may be replaced meanwhile. */
  function pushCopies(a: number, from: number, count: number): number {
    const type = elem.rtype();
    const n = length(a);
    const need = n + count;
    if (need <= capacity(a)) {
      copyValues(env, (base(a) + n * size) | 0, from, type, count);
      i32[(a + SLICE_LEN) >>> 2] = need;
      return need;
    }
    return withRoot(env, from, () => {
      const cap = grownCap(env, type, capacity(a), need);
      const array = allocZeroed(env, size * cap, type);
      copyValues(env, (array + n * size) | 0, from, type, count);
      return moveTo(a, array, n, need, cap);
    });
  }

  function append(this: Place, values: unknown): number {
    checkLive(this);
    if (isSequence(values) && values.$elem === elem) {
      checkLive(values);
      return inRegion(env, () => {
        // In this order: a thread that appends to it writes the array before the length.
        const count = values.$length();
        return count === 0 ? length(this.$a) : pushCopies(this.$a, values.$base(), count);
      });
    }
    if (values instanceof Reference) refuseReference(env, values, `a slice or array of ${elem.name}`, name);
    const list = checkedElements(elem, collected(elem, values, name), name);
    checkLive(this);
    // What is made of literals may run the user's code, and that may give this slice up.
    return inRegion(env, () => withRoot(env, this.$a, () => pushList(this.$a, list, countOf(list, name), name)));
  }

  function pop(this: Place): unknown {
    checkLive(this);
    return inRegion(env, () => {
      const a = this.$a;
      const n = length(a);
      if (n === 0) return undefined;
      const addr = (base(a) + (n - 1) * size) | 0;
      const value = elem.isValue ? read(addr) : elem.place!.make(copyOut(env, elem, addr));
      i32[(a + SLICE_LEN) >>> 2] = n - 1;
      // What is not in the slice any more is not kept alive by it (Go: `slices.Delete` clears the tail since 1.22).
      clearValues(env, addr, elem.rtype(), 1);
      return value;
    });
  }

  define(Class.prototype, {
    push,
    append,
    pop,
    // In here, as the bundler would give a function another name, and the heap profile shows it.
    slice(this: Place, lo = 0, hi?: number): Place {
      checkLive(this);
      return inRegion(env, () => {
        const end = hi ?? length(this.$a);
        checkBounds(lo, end, capacity(this.$a), 'capacity');
        const header = allocZeroed(env, SLICE_SIZE, codec().rtype());
        const cap = capacity(this.$a) - lo;
        // A slice without room would point past its array, at somebody else's object.
        writeHeader(env, header, base(this.$a) + (cap === 0 ? 0 : lo * size), end - lo, cap);
        return make(header);
      });
    },
  });
  Object.defineProperties(Class.prototype, {
    length: { get: lengthGetter(length) },
    capacity: { get: lengthGetter(capacity) },
  });
}

function lengthGetter(of: (a: number) => number): (this: Place) => number {
  const stale = throwStale;
  return function (this: Place) {
    if (this.$s.live === STALE) stale(this);
    return of(this.$a);
  };
}

export function sliceCodec(env: Env, { Class, make }: PlaceClass, elem: Codec, codec: () => Codec): Scalar {
  function check(value: unknown, where: string): void {
    if (value instanceof Class) checkLive(value);
    else if (value instanceof Reference) refuseReference(env, value, codec().name, where);
    else checkedElements(elem, value, where);
  }

  function write(addr: number, value: unknown): void {
    inRegion(env, () => {
      if (value instanceof Class) {
        copyPlace(env, addr, value, codec().rtype());
        return;
      }
      const values = value as ArrayLike<unknown>;
      const { name } = codec();
      const n = countOf(values, name);
      const array = allocElements(env, elem, n, n);
      // The header last: if memory runs out, or a value turns out wrong, the slice is as it was.
      writeElements(env, elem, array, array, values, n, name);
      writeHeader(env, addr, array, n, n);
    });
  }

  return { read: make, check, write };
}
