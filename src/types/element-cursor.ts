/**
 * Cursors over slices and arrays. A cursor goes over the elements that the sequence has when it is made (Go: `range`),
 * and makes no objects. Two slots of the shadow stack are its own: one keeps the elements alive, one what it stands on.
 */
import { ArgumentError } from '../base/errors.ts';
import type { Frame } from '../threads/shadow-stack.ts';
import type { Codec } from './codec.ts';
import type { Env } from './env.ts';
import { type Place, throwStale } from './reference.ts';

/** Elements between two safepoints of a cursor, less one. */
const POLL_MASK = 1023;

/** The class of cursors over elements of one kind. Made inside a scope. */
export function makeCursorClass(env: Env, elem: Codec): new (base: number, length: number) => unknown {
  const { t, shadow } = env;
  const { i32 } = t.mem;
  const { read, size, indirect } = elem;
  // A map's place is made when it is first read.
  const place = elem.isValue && !indirect ? undefined : elem.place;

  return class Cursor {
    declare index: number;
    declare $a: number;
    declare readonly $s: Frame;
    declare readonly $length: number;
    declare readonly $slot: number;
    declare readonly $item: Place | null;
    declare readonly $codec: { readonly name: string };

    constructor(base: number, length: number) {
      this.index = -1;
      this.$a = base - size;
      this.$s = shadow.cur!;
      this.$length = length;
      shadow.push(base);
      shadow.push(0);
      this.$slot = shadow.mark() - 1;
      this.$item = place === undefined ? null : new place.Class(0, this.$s);
    }

    next(): boolean {
      if (this.$s.live === 0) throwStale(this);
      const i = this.index + 1;
      if (i >= this.$length) return false;
      this.index = i;
      if ((i & POLL_MASK) === POLL_MASK) t.poll();
      const addr = (this.$a + size) | 0;
      this.$a = addr;
      const item = this.$item;
      if (item === null) return true;
      if (indirect) {
        const to = i32[addr >>> 2]!;
        i32[this.$slot] = to;
        item.$a = to;
      } else {
        item.$a = addr;
      }
      return true;
    }

    get value(): unknown {
      const item = this.$item;
      if (item === null || this.index < 0) return this.$scalar();
      if (!indirect || item.$a !== 0) return item;
      if (this.$s.live === 0) throwStale(this);
      return null;
    }

    $scalar(): unknown {
      if (this.$s.live === 0) throwStale(this);
      if (this.index < 0) throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: it has no value before next()');
      return read(this.$a);
    }

    static {
      Object.defineProperties(Cursor.prototype, {
        $codec: { value: { name: `cursor(${elem.name})` } },
        $env: { value: env },
      });
    }
  };
}
