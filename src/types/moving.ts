/**
 * References that are moved, those of cursors: so that going over a million elements makes no objects.
 *
 * Where one stands is in a Spot of its own, which its cursor moves. A store into the reference itself would have to find out
 * its class each time, since the cursors over all types share their code and its type feedback; of spots there is one class
 * for all types. And a cursor that its program drops, with its reference and its spot, need not be made at all: the compiler
 * keeps what they hold in registers, as long as a cursor's methods give none of them to a call that ever was made.
 */
import { StaleRefError } from '../base/errors.ts';
import { SEGMENT_MASK, SEGMENT_WORDS } from '../layout/proc.ts';
import { Frame, NO_SCOPE, STALE } from '../threads/frame.ts';
import type { ShadowStack } from '../threads/shadow-stack.ts';
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
  /** What the cursor and its reference belong to. Here, so that one look at it is for both. */
  s: Frame;

  constructor(slot: number, s: Frame) {
    this.slot = slot;
    this.at = 0;
    this.s = s;
  }
}

// What V8 learns from these. `at` may be anything, so that a store of a number into a spot that need not be made is nothing at
// all: into a field that always held small integers it would make one of them, for the case that the spot is made
// after all. And `s` changes, though it never does: what is read anew has the class that V8 knows of the field, what it
// remembers of a constructor's argument has not.
const anySpot = new Spot(0, NO_SCOPE);
anySpot.at = null as never;
anySpot.s = new Frame(STALE, 0, null);

/** How often a function must have run for V8 to take it into another; the shortest of those here takes longest. */
const REHEARSALS = 200;
/** Most slots of the shadow stack that a cursor takes. */
const ROOTS = 2;

/** Of one sort of cursors: whether none was made in this thread. */
export interface Rehearsal {
  isDue: boolean;
}

/**
 * Makes cursors for nothing, the first time that a thread makes one of a sort. A loop over a large slice is compiled while
 * it runs for the first time, and V8 takes no function into it that has not run for a while: then the cursor is made, and
 * stays in memory, for as long as that code is used. An element takes 8 ns instead of 1.5 there. (All types share these
 * functions.) Another time, if the shadow stack might need another segment for it, which only the cursor asked for may take.
 */
export function rehearse(rehearsal: Rehearsal, shadow: ShadowStack, make: () => void): void {
  const mark = shadow.mark();
  if (mark !== 0 && SEGMENT_WORDS - (mark & SEGMENT_MASK) <= ROOTS * (REHEARSALS + 1)) return;
  rehearsal.isDue = false;
  try {
    for (let i = 0; i < REHEARSALS; i++) make();
  } finally {
    shadow.reset(mark);
  }
}

export type MovingClass = new (spot: Spot) => Place;

/** No argument, and so nothing that a call would need to have made. */
function throwNowhere(): never {
  throw new StaleRefError('ERR_STALE_REF', 'reference of a cursor that stands on an element which is null');
}

/**
 * The class of moving references to one kind of place: they are references like any other, but for `$a` and `$s`.
 * `mayBeNull`: a program may still have one when its cursor has come to where there is nothing, and what lies at address 0
 * is not what it refers to. (Asking where the address is read costs a loop nothing: `value` has asked before. Two frames to
 * choose from, one of them stale, made it 14 times as slow.)
 */
export function makeMovingClass({ Class }: PlaceClass, mayBeNull: boolean): MovingClass {
  const Moving = class {
    $spot: Spot;
    constructor(spot: Spot) {
      this.$spot = spot;
    }
  };
  type This = InstanceType<typeof Moving>;
  const nowhere = throwNowhere;
  Object.setPrototypeOf(Moving.prototype, Class.prototype);
  Object.defineProperties(Moving.prototype, {
    constructor: { value: Class },
    $a: {
      get: mayBeNull
        ? function (this: This): number {
            const { at } = this.$spot;
            if (at === 0) nowhere();
            return at;
          }
        : function (this: This): number {
            return this.$spot.at;
          },
    },
    $s: {
      get(this: This): Frame {
        return this.$spot.s;
      },
      /** It is carried out of its scope, or disposed of, and stands still from then on: its cursor moves on without it. */
      set(this: This, s: Frame) {
        const still = new Spot(0, s);
        still.at = this.$spot.at;
        this.$spot = still;
      },
    },
  });
  return Moving as unknown as MovingClass;
}
