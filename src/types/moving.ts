/**
 * References that are moved, those of cursors: so that going over a million elements makes no objects.
 *
 * Where one stands is in a Spot of its own, which its cursor moves. A store into the reference itself would have to find out
 * its class each time, since the cursors over all types share their code and its type feedback; of spots there is one class
 * for all types. And a cursor that its program drops, with its reference and its spot, need not be made at all: the compiler
 * keeps what they hold in registers, as long as a cursor's methods give none of them to a call that ever was made.
 */
import type { Frame } from '../threads/frame.ts';
import type { Place, PlaceClass } from './reference.ts';

/**
 * Where a moving reference stands. `at` is not the first field, since `live` is the first of a Frame: to V8 a store into one
 * may have changed the other, and each use of a reference would look anew whether its scope has ended.
 */
export class Spot {
  /** Word index of the slot of the shadow stack that is for what it stands on. */
  readonly slot: number;
  /** Byte address, as `$a` of a reference. */
  at: number;

  constructor(slot: number) {
    this.slot = slot;
    this.at = 0;
  }
}

export type MovingClass = new (spot: Spot, s: Frame) => Place;

/** The class of moving references to one kind of place: they are references like any other, but for `$a`. */
export function makeMovingClass({ Class }: PlaceClass): MovingClass {
  const Moving = class {
    readonly $spot: Spot;
    $s: Frame;
    constructor(spot: Spot, s: Frame) {
      this.$spot = spot;
      this.$s = s;
    }
  };
  Object.setPrototypeOf(Moving.prototype, Class.prototype);
  Object.defineProperties(Moving.prototype, {
    constructor: { value: Class },
    // Of one that is carried out of its scope as well: it stands still from then on, for its cursor ended with the scope.
    $a: {
      get(this: { $spot: Spot }): number {
        return this.$spot.at;
      },
    },
  });
  return Moving as unknown as MovingClass;
}
