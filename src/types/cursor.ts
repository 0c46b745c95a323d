/**
 * A cursor over linked structs: one reference that is moved along pointers, so that following a list or descending a tree
 * makes no objects. It has one slot of the shadow stack, and ends with its scope.
 */
import { ArgumentError, WrongTypeError } from '../base/errors.ts';
import type { Codec } from './codec.ts';
import type { Env } from './env.ts';
import { asReference, type Place, throwStale } from './reference.ts';

/** Moves between two safepoints, less one. */
const POLL_MASK = 1023;

/** `links`: byte offsets of the fields that are `ref`s to the struct itself, by name. */
export function makeNodeCursorClass(env: Env, codec: Codec, links: ReadonlyMap<string, number>): new () => unknown {
  const { t, shadow } = env;
  const { i32 } = t.mem;
  const { Class } = codec.place!;

  return class NodeCursor {
    /** What the cursor stands on; moves with it. */
    declare readonly $item: Place;
    declare readonly $slot: number;
    declare $moves: number;

    constructor() {
      this.$moves = 0;
      shadow.push(0);
      this.$slot = shadow.mark() - 1;
      this.$item = new Class(0, shadow.cur!);
    }

    get value(): Place {
      const item = this.$item;
      if (item.$a === 0) throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: it has no value before set()');
      return item;
    }

    set(ref: unknown): this {
      const item = this.$item;
      if (item.$s.live === 0) throwStale(item);
      const place = asReference(env, ref, 'cursor.set');
      if (!(place instanceof Class)) {
        throw new WrongTypeError(`cursor.set: expected a reference to ${codec.name}, got one to ${place.$codec.name}`);
      }
      i32[this.$slot] = place.$a;
      item.$a = place.$a;
      return this;
    }

    follow(field: string): boolean {
      const item = this.$item;
      if (item.$s.live === 0) throwStale(item);
      const offset = links.get(field);
      if (offset === undefined) throwNoLink(codec, field, links);
      if ((++this.$moves & POLL_MASK) === 0) t.poll();
      const to = i32[(this.value.$a + offset) >>> 2]!;
      if (to === 0) return false;
      i32[this.$slot] = to;
      item.$a = to;
      return true;
    }
  };
}

function throwNoLink(codec: Codec, field: unknown, links: ReadonlyMap<string, number>): never {
  const names = [...links.keys()].join(', ') || 'none';
  throw new WrongTypeError(
    `cursor.follow: ${String(field)} is no field of ${codec.name} that refers to ${codec.name} (those are: ${names})`,
    'ERR_UNKNOWN_FIELD',
  );
}
