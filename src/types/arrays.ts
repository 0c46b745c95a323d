/** Arrays (Go's): a fixed number of elements in place. */
import { OutOfRangeError } from '../base/errors.ts';
import { SLICE_SIZE } from '../layout/slice.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import { allocZeroed, copyPlace, define, refuseCopy, writeLiteral } from './memory.ts';
import { refuseReference } from './pointers.ts';
import { checkLive, type Place, type PlaceClass, Reference } from './reference.ts';
import type { Scalar } from './scalars.ts';
import { checkBounds, checkedElements, countOf, defineSequence, writeElements } from './sequence.ts';
import { writeHeader } from './slices.ts';

/** `sliceOf`: the slice kind of the same elements, for `array.slice()`. */
export function defineArray(
  env: Env,
  Class: PlaceClass['Class'],
  elem: Codec,
  length: number,
  name: string,
  sliceOf: () => Codec,
): void {
  defineSequence(env, Class, elem, { base: (a) => a, length: () => length }, name);
  Object.defineProperty(Class.prototype, 'length', { value: length });
  define(Class.prototype, {
    /** Go: `array[lo:hi]`. */
    slice(this: Place, lo = 0, hi = length): Place {
      checkLive(this);
      checkBounds(lo, hi, length, 'length');
      return inRegion(env, () => {
        const slice = sliceOf();
        const header = allocZeroed(env, SLICE_SIZE, slice.rtype());
        const cap = length - lo;
        writeHeader(env, header, this.$a + (cap === 0 ? 0 : lo * elem.size), hi - lo, cap);
        return slice.place!.make(header);
      });
    },
  });
}

export function arrayCodec(
  env: Env,
  { Class, make }: PlaceClass,
  elem: Codec,
  length: number,
  codec: () => Codec,
): Scalar & Required<Pick<Codec, 'initialise'>> {
  function check(value: unknown, where: string): void {
    if (value instanceof Class) {
      checkLive(value);
      refuseCopy(codec(), where);
      return;
    }
    if (value instanceof Reference) refuseReference(env, value, codec().name, where);
    fittingCount(checkedElements(elem, value, where), where);
  }

  /** How many elements there are now, if there is room for all. */
  function fittingCount(values: ArrayLike<unknown>, where: string): number {
    const given = countOf(values, where);
    if (given > length) throw new OutOfRangeError(`${where}: ${given} elements do not fit in ${codec().name}`);
    return given;
  }

  function initialise(addr: number, value: unknown): void {
    if (value instanceof Class) {
      copyPlace(env, addr, value, codec().rtype());
      return;
    }
    const values = value as ArrayLike<unknown>;
    const { name } = codec();
    writeElements(env, elem, addr, addr, values, fittingCount(values, name), name);
  }

  /** Elements that are not given become zero, as in Go's array literals. */
  function write(addr: number, value: unknown): void {
    refuseCopy(codec(), 'assigning');
    inRegion(env, () => {
      if (value instanceof Class) initialise(addr, value);
      else writeLiteral(env, codec(), addr, value);
    });
  }

  return { read: make, check, write, initialise };
}
