/**
 * A cursor over linked structs: one reference that is moved along pointers, so that following a list or descending a tree
 * makes no objects. It has one slot of the shadow stack, and ends with its scope.
 */
import { describe } from '../base/describe.ts';
import { ArgumentError, WrongTypeError } from '../base/errors.ts';
import { STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import type { Env } from './env.ts';
import { makeMovingClass, rehearse, Spot } from './moving.ts';
import { asReference, type Place, throwStale } from './reference.ts';

/** Moves between two safepoints, less one. */
const POLL_MASK = 1023;

const rehearsal = { isDue: true };

/** Makes cursors over one struct. `links`: byte offsets of the fields that are `ref`s to the struct itself, by name. */
export function makeNodeCursors(env: Env, codec: Codec, links: ReadonlyMap<string, number>): () => unknown {
  const { t, shadow } = env;
  const { i32 } = t.mem;
  const place = codec.place!;
  const { Class } = place;
  const Item = makeMovingClass(place, false);
  const stale = throwStale;

  // A loop follows one field mostly, and comparing a name takes less than looking it up.
  let lastField: unknown = links; // nothing that a program could pass
  let lastOffset = 0;

  function offsetOf(field: string): number {
    const offset = links.get(field);
    if (offset === undefined) throwNoLink(codec, field, links);
    lastField = field;
    lastOffset = offset;
    return offset;
  }

  class NodeCursor {
    $moves: number;
    readonly $spot: Spot;
    /** What the cursor stands on; moves with it. */
    readonly $item: Place;

    constructor(spot: Spot, item: Place) {
      this.$moves = 0;
      this.$spot = spot;
      this.$item = item;
    }

    get value(): Place {
      const item = this.$item;
      if (this.$spot.at === 0) throwBeforeSet();
      return item;
    }

    set(ref: unknown): this {
      if (this.$spot.s.live === STALE) stale(this.$item);
      const to = asReference(env, ref, 'cursor.set');
      if (!(to instanceof Class)) {
        throw new WrongTypeError(`cursor.set: expected a reference to ${codec.name}, got one to ${to.$codec.name}`);
      }
      move(this.$spot, to.$a);
      return this;
    }

    follow(field: string): boolean {
      const spot = this.$spot;
      const { at } = spot;
      if (spot.s.live === STALE) stale(this.$item);
      const offset = field === lastField ? lastOffset : offsetOf(field);
      if ((++this.$moves & POLL_MASK) === 0) t.poll();
      if (at === 0) throwBeforeSet();
      const to = i32[(at + offset) >>> 2]!;
      if (to === 0) return false;
      move(spot, to);
      return true;
    }
  }

  function move(spot: Spot, to: number): void {
    i32[spot.slot] = to;
    spot.at = to;
  }

  function make(): NodeCursor {
    const s = shadow.moving();
    shadow.push(0);
    const spot = new Spot(shadow.mark() - 1, s);
    return new NodeCursor(spot, new Item(spot));
  }

  return () => {
    if (rehearsal.isDue) rehearse(rehearsal, shadow, make);
    return make();
  };
}

function throwBeforeSet(): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: it has no value before set()');
}

function throwNoLink(codec: Codec, field: unknown, links: ReadonlyMap<string, number>): never {
  const names = [...links.keys()].join(', ') || 'none';
  const given = typeof field === 'string' ? field : describe(field);
  throw new WrongTypeError(
    `cursor.follow: ${given} is no field of ${codec.name} that refers to ${codec.name} (those are: ${names})`,
    'ERR_UNKNOWN_FIELD',
  );
}
