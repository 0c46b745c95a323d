/**
 * Cursors over slices and arrays. A cursor goes over the elements that the sequence has when it is made (Go: `range`),
 * and makes no objects. A slot of the shadow stack keeps the elements alive; if they are pointers, another one what the
 * cursor stands on.
 */
import { cold } from '../base/cold.ts';
import { ArgumentError } from '../base/errors.ts';
import { H_STOP } from '../layout/header.ts';
import { NO_SCOPE, STALE } from '../threads/frame.ts';
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

/**
 * Makes cursors over `length` elements from this address on. Inside a scope.
 *
 * A loop over a cursor is to need no memory for it, and few registers: then V8 takes some 27 instructions an element, for two
 * fields. So `next` counts up to 0 and stays there, by arithmetic: what would be set on one of two ways only, or
 * returned as true on one and false on the other, would have to be kept until they meet. `value` asks the same question
 * as `next` has, whose answer V8 knows, and forgets it. Methods of each kind of element have functions of their own, and read
 * all they need of `this` before their first branch or call, after which V8 does not know its class any more.
 */
export function makeCursors(env: Env, elem: Codec): (base: number, length: number) => unknown {
  const { t, shadow } = env;
  const { i32, m } = t.mem;
  const { read, size, indirect } = elem;
  const stale = throwStale;
  const beforeNext = throwBeforeNext;
  // A map's place is made when it is first read.
  const isPlace = !elem.isValue || indirect;
  const Item = isPlace ? makeMovingClass(elem.place!, indirect) : undefined;

  class Cursor {
    /** Address of the last element. If there is none: 0, or for pointers that of the cursor's own slot, which holds null. */
    readonly $end: number;
    readonly $length: number;
    /** Elements that come after the one it stands on, as a negative number. */
    $rest: number;
    /** What that was before the last `next()`; of structs in place 0 once the value was taken. */
    $before: number;
    readonly $spot: Spot;
    readonly $item: Place | null;
    declare readonly $codec: { readonly name: string };

    constructor(end: number, length: number, spot: Spot, item: Place | null) {
      this.$end = end;
      this.$length = length;
      this.$rest = -length | 0;
      this.$before = 0;
      this.$spot = spot;
      this.$item = item;
    }

    /** Past the end it stays on the last element (and reads it anew, if that is a pointer). */
    next(): boolean {
      const spot = this.$spot;
      const before = this.$rest;
      const rest = (before - (before >> 31)) | 0;
      const addr = (this.$end + Math.imul(rest, size)) | 0;
      this.$before = before;
      this.$rest = rest;
      if (isPlace && !indirect) spot.at = addr;
      if (spot.s.live === STALE) stale(this as unknown as Place);
      if (indirect) {
        const to = i32[addr >>> 2]!;
        i32[spot.slot] = to;
        spot.at = to;
      }
      // Each 256 elements a safepoint. The number is here because a constant of the module would be read each time, the look
      // that `poll` takes because a call, which V8 inlines here or does not, keeps it from seeing that nobody has the cursor.
      if ((rest & 255) === 0 && m[H_STOP] !== 0) t.poll();
      return before < 0;
    }

    /** Of the element that it stands on; -1 before the first. */
    get index(): number {
      return (this.$rest + this.$length - 1) | 0;
    }

    static {
      Object.defineProperties(Cursor.prototype, {
        value: { get: isPlace ? (indirect ? pointed : inline) : plain },
        $codec: { value: { name: `cursor(${elem.name})` } },
        $env: { value: env },
      });
    }
  }

  /** `value` of elements that are places themselves. */
  function inline(this: Cursor): Place {
    const item = this.$item!;
    if (!(this.$before < 0)) mustHave((this.$rest + this.$length) | 0);
    this.$before = 0;
    return item;
  }

  /** Of pointers. */
  function pointed(this: Cursor): Place | null {
    const item = this.$item!;
    const spot = this.$spot;
    if (spot.at !== 0) return item;
    mustHave((this.$rest + this.$length) | 0);
    if (spot.s.live === STALE) stale(this as unknown as Place);
    return nothing();
  }

  /** Of all others. */
  function plain(this: Cursor): unknown {
    const addr = (this.$end + Math.imul(this.$rest, size)) | 0;
    if (this.$spot.s.live === STALE) stale(this as unknown as Place);
    mustHave((this.$rest + this.$length) | 0);
    return read(addr);
  }

  function mustHave(elements: number): void {
    if (elements <= 0) beforeNext();
  }

  // As with those of spots (moving.ts): these fields may hold anything.
  const any = new Cursor(0, 0, new Spot(0, NO_SCOPE), null);
  any.$rest = null as never;
  any.$before = null as never;

  /** Roots the elements, and has a slot on top for what the cursor stands on, if it needs one. Returns `$end`. */
  const root = cold((base: number, length: number): number => {
    shadow.moving();
    shadow.push(base);
    if (indirect) shadow.push(0);
    // `next` may be called too few times for its safepoint.
    if (m[H_STOP] !== 0) t.poll();
    if (length === 0) return indirect ? slotOnTop() << 2 : 0;
    return (base + Math.imul(length - 1, size)) | 0;
  });

  const slotOnTop = (): number => shadow.mark() - 1;

  return (base, length) => {
    const end = root(base, length) | 0;
    const spot = new Spot(slotOnTop(), shadow.cur.moving!);
    const item = Item === undefined ? null : new Item(spot);
    return new Cursor(end, length, spot, item);
  };
}
