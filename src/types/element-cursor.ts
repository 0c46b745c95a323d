/**
 * Cursors over slices and arrays. A cursor goes over the elements that the sequence has when it is made (Go: `range`),
 * and makes no objects. Two slots of the shadow stack are its own: one keeps the elements alive, one what it stands on.
 */
import { ArgumentError } from '../base/errors.ts';
import type { Frame } from '../threads/shadow-stack.ts';
import type { Codec } from './codec.ts';
import type { Env } from './env.ts';
import { type Place, type PlaceClass, throwStale } from './reference.ts';

/**
 * What a cursor over places gives: one reference whose address is not its own but what the cursor's slot of the shadow
 * stack holds. Moving it is one store into memory; a store into the reference would have to find out its class, each
 * time, since cursors over all types share their code and its type feedback.
 */
function makeItemClass(i32: Int32Array<ArrayBufferLike>, { Class }: PlaceClass): new (slot: number, s: Frame) => Place {
  const Item = class {
    declare readonly $slot: number;
    declare $s: Frame;
    constructor(slot: number, s: Frame) {
      this.$slot = slot;
      this.$s = s;
    }
  };
  Object.setPrototypeOf(Item.prototype, Class.prototype);
  Object.defineProperties(Item.prototype, {
    constructor: { value: Class },
    $a: {
      get(this: { $slot: number }): number {
        return i32[this.$slot]!;
      },
      // Carried out of its scope it becomes a reference like any other.
      set(this: object, value: number) {
        Object.defineProperty(this, '$a', { value, writable: true });
      },
    },
  });
  return Item as unknown as new (
    slot: number,
    s: Frame,
  ) => Place;
}

/** The class of cursors over elements of one kind. Made inside a scope. */
export function makeCursorClass(env: Env, elem: Codec): new (base: number, length: number) => unknown {
  const { t, shadow } = env;
  const { i32 } = t.mem;
  const { read, size, indirect } = elem;
  // A map's place is made when it is first read.
  const Item = elem.isValue && !indirect ? undefined : makeItemClass(i32, elem.place!);
  const isPlace = Item !== undefined;

  return class Cursor {
    declare index: number;
    declare readonly $base: number;
    declare $s: Frame;
    declare readonly $length: number;
    declare readonly $slot: number;
    declare readonly $item: Place | null;
    declare readonly $codec: { readonly name: string };

    constructor(base: number, length: number) {
      this.index = -1;
      this.$base = base;
      this.$s = shadow.cur!;
      this.$length = length;
      shadow.push(base);
      shadow.push(0);
      this.$slot = shadow.mark() - 1;
      this.$item = Item === undefined ? null : new Item(this.$slot, this.$s);
    }

    /** Everything is read before the safepoint: after a call the compiler does not know the cursor's class any more. */
    next(): boolean {
      const i = this.index + 1;
      if (i >= this.$length) return false;
      if (this.$s.live === 0) throwStale(this as unknown as Place);
      this.index = i;
      if (isPlace) {
        const addr = (this.$base + Math.imul(i, size)) | 0;
        i32[this.$slot] = indirect ? i32[addr >>> 2]! : addr;
      }
      // Each 1024 elements a safepoint. The number is here because a constant of the module would be read each time.
      if ((i & 1023) === 1023) t.poll();
      return true;
    }

    /** Reads the cursor first, for the same reason. */
    get value(): unknown {
      const item = this.$item;
      const slot = this.$slot;
      if (this.index < 0 || !isPlace) return this.$scalar();
      if (!indirect || i32[slot] !== 0) return item;
      if (item!.$s.live === 0) throwStale(item!);
      return null;
    }

    $scalar(): unknown {
      if (this.$s.live === 0) throwStale(this as unknown as Place);
      if (this.index < 0) throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: it has no value before next()');
      return read((this.$base + Math.imul(this.index, size)) | 0);
    }

    static {
      Object.defineProperties(Cursor.prototype, {
        $codec: { value: { name: `cursor(${elem.name})` } },
        $env: { value: env },
      });
    }
  };
}
