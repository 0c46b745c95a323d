/**
 * Cursors over slices and arrays. A cursor goes over the elements that the sequence has when it is made (Go: `range`),
 * and makes no objects. A slot of the shadow stack keeps the elements alive; if they are pointers, another one what the
 * cursor stands on.
 */
import { cold } from '../base/cold.ts';
import { ArgumentError } from '../base/errors.ts';
import { H_STOP } from '../layout/header.ts';
import { type Frame, STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import type { Env } from './env.ts';
import { makeMovingClass, Spot } from './moving.ts';
import { type Place, throwStale } from './reference.ts';

/** No argument, and so nothing that a call would need to have made: see moving.ts. */
function throwBeforeNext(): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: it has no value before next()');
}

/** A call, so that the compiler leaves null out of account as long as no cursor has stood on one. */
const nothing = (): null => null;

/** Makes a cursor over `length` elements from this address on. Inside a scope. */
export function makeCursors(env: Env, elem: Codec): (base: number, length: number) => unknown {
  const { t, shadow } = env;
  const { i32, m } = t.mem;
  const { read, size, indirect } = elem;
  const stale = throwStale;
  const beforeNext = throwBeforeNext;
  // A map's place is made when it is first read.
  const isPlace = !elem.isValue || indirect;
  const Item = isPlace ? makeMovingClass(elem.place!) : undefined;

  class Cursor {
    readonly $base: number;
    readonly $length: number;
    index: number;
    readonly $s: Frame;
    readonly $spot: Spot;
    readonly $item: Place | null;
    declare readonly $codec: { readonly name: string };

    /** Calls nothing: after a call the compiler does not know the class of `this` any more, in code that all types share. */
    constructor(base: number, length: number, s: Frame, spot: Spot, item: Place | null) {
      this.$base = base;
      this.$length = length;
      this.index = -1;
      this.$s = s;
      this.$spot = spot;
      this.$item = item;
    }

    /**
     * Everything is read before the safepoint, for the same reason. That the scope is open is found out first, on the way to
     * both results: what was found on one only is forgotten where they meet, and found out again.
     */
    next(): boolean {
      const spot = this.$spot;
      if (this.$s.live === STALE) stale(this as unknown as Place);
      const i = (this.index + 1) | 0;
      if (i >= this.$length) return false;
      this.index = i;
      if (isPlace) {
        const addr = (this.$base + Math.imul(i, size)) | 0;
        const to = indirect ? i32[addr >>> 2]! : addr;
        if (indirect) i32[spot.slot] = to;
        spot.at = to;
      }
      // Each 256 elements a safepoint. The number is here because a constant of the module would be read each time, the look
      // that `poll` takes because a call, which V8 inlines here or does not, keeps it from seeing that nobody has the cursor.
      if ((i & 255) === 0 && m[H_STOP] !== 0) t.poll();
      return true;
    }

    get value(): unknown {
      const item = this.$item;
      if (isPlace && this.$spot.at !== 0) return item;
      if (this.index < 0) beforeNext();
      if (this.$s.live === STALE) stale(this as unknown as Place);
      return isPlace ? nothing() : read((this.$base + Math.imul(this.index, size)) | 0);
    }

    static {
      Object.defineProperties(Cursor.prototype, {
        $codec: { value: { name: `cursor(${elem.name})` } },
        $env: { value: env },
      });
    }
  }

  /** The slot that is for what the cursor stands on, if it needs one. */
  const root = cold((base: number): number => {
    shadow.moving();
    shadow.push(base);
    if (indirect) shadow.push(0);
    return shadow.mark() - 1;
  });

  return (base, length) => {
    const spot = new Spot(root(base) | 0);
    const s = shadow.cur.moving!;
    const item = Item === undefined ? null : new Item(spot, s);
    return new Cursor(base, length, s, spot, item);
  };
}
