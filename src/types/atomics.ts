/** Atomic integers in the heap (Go: `sync/atomic`'s types). Each operation is sequentially consistent. */
import { describe } from '../base/describe.ts';
import { WrongTypeError } from '../base/errors.ts';
import type { Mem } from '../sys/mem.ts';
import { STALE } from '../threads/frame.ts';
import { define } from './memory.ts';
import { type Place, type PlaceClass, throwStale } from './reference.ts';
import { type BigName, checkInteger, type IntName, type Scalar } from './scalars.ts';

/** Any integer view. The operations are the same for all, but TypeScript has overloads that keep bigints apart. */
type View = Int32Array<ArrayBufferLike>;
type Int = number;

function viewOf(mem: Mem, name: IntName | BigName): View {
  const { data } = mem;
  const make = {
    i8: () => new Int8Array(data),
    u8: () => new Uint8Array(data),
    i16: () => new Int16Array(data),
    u16: () => new Uint16Array(data),
    i32: () => new Int32Array(data),
    u32: () => new Uint32Array(data),
    i64: () => new BigInt64Array(data),
    u64: () => new BigUint64Array(data),
  };
  return make[name]() as unknown as View;
}

/** Operands wrap around, as in Go, so only their type is checked. */
function checkOperand(isBig: boolean, value: unknown, where: string): void {
  if (isBig ? typeof value === 'bigint' : Number.isInteger(value)) return;
  throw new WrongTypeError(`${where}: expected ${isBig ? 'a bigint' : 'an integer'}, got ${describe(value)}`);
}

export function defineAtomic(mem: Mem, Class: PlaceClass['Class'], int: IntName | BigName): void {
  const view = viewOf(mem, int);
  const shift = Math.log2(view.BYTES_PER_ELEMENT);
  const isBig = int === 'i64' || int === 'u64';
  const name = `atomic(${int})`;

  const operation = (op: (view: View, i: number, value: Int) => unknown, checked: boolean) =>
    function (this: Place, value: Int): unknown {
      if (this.$s.live === STALE) throwStale(this);
      if (checked) checkInteger(int, value, name);
      else checkOperand(isBig, value, name);
      return op(view, this.$a >>> shift, value);
    };

  define(Class.prototype, {
    load(this: Place): unknown {
      if (this.$s.live === STALE) throwStale(this);
      return Atomics.load(view, this.$a >>> shift);
    },
    toJSON(this: Place & { load(): unknown }): unknown {
      return isBig ? String(this.load()) : this.load();
    },
    store: operation((v, i, x) => void Atomics.store(v, i, x), true),
    exchange: operation((v, i, x) => Atomics.exchange(v, i, x), true),
    add: operation((v, i, x) => Atomics.add(v, i, x), false),
    sub: operation((v, i, x) => Atomics.sub(v, i, x), false),
    and: operation((v, i, x) => Atomics.and(v, i, x), false),
    or: operation((v, i, x) => Atomics.or(v, i, x), false),
    xor: operation((v, i, x) => Atomics.xor(v, i, x), false),
    compareExchange(this: Place, expected: Int, replacement: Int): unknown {
      if (this.$s.live === STALE) throwStale(this);
      checkInteger(int, expected, name);
      checkInteger(int, replacement, name);
      return Atomics.compareExchange(view, this.$a >>> shift, expected, replacement);
    },
  });
}

/** Assigning to an atomic field is a `store`; reading it gives what the operations are called on. */
export function atomicCodec(mem: Mem, { make }: PlaceClass, int: IntName | BigName): Scalar {
  const view = viewOf(mem, int);
  const shift = Math.log2(view.BYTES_PER_ELEMENT);
  return {
    // Not `make` itself: other places inside of an object need no root of their own, but that makes them no safepoint either, and
    // a loop that waits for another thread by an atomic is to come to some.
    read: (addr) => make(addr),
    check: (value, where) => checkInteger(int, value, where),
    write: (addr, value) => void Atomics.store(view, addr >>> shift, value as Int),
  };
}
