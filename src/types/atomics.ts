/** Atomic integers in the heap (Go: `sync/atomic`'s types). Each operation is sequentially consistent. */
import { checkTimeout } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError, OutOfRangeError, WrongTypeError } from '../base/errors.ts';
import { canWait, sleepUntilWoken, unpark, type WaitView } from '../sync/park.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { STALE } from '../threads/frame.ts';
import type { Env } from './env.ts';
import { define } from './memory.ts';
import { checkLive, type Place, type PlaceClass, throwStale } from './reference.ts';
import { type BigName, checkInteger, type IntName, type Scalar } from './scalars.ts';

/** Any integer view. The operations are the same for all, but TypeScript has overloads that keep bigints apart. */
type View = Int32Array<ArrayBufferLike>;
type Int = number;

function viewOf(mem: Mem, name: IntName | BigName): View {
  const make = {
    i8: () => mem.from(Int8Array, 0),
    u8: () => mem.from(Uint8Array, 0),
    i16: () => mem.from(Int16Array, 0),
    u16: () => mem.from(Uint16Array, 0),
    i32: () => mem.from(Int32Array, 0),
    u32: () => mem.from(Uint32Array, 0),
    i64: () => mem.from(BigInt64Array, 0),
    u64: () => mem.from(BigUint64Array, 0),
  };
  return make[name]() as unknown as View;
}

/** Operands wrap around, as in Go, so only their type is checked. */
function checkOperand(isBig: boolean, value: unknown, where: string): void {
  if (isBig ? typeof value === 'bigint' : Number.isInteger(value)) return;
  throw new WrongTypeError(`${where}: expected ${isBig ? 'a bigint' : 'an integer'}, got ${describe(value)}`);
}

export function defineAtomic({ mem, t }: Env, Class: PlaceClass['Class'], int: IntName | BigName): void {
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
    ...(shift < 2 ? refusedWaits(name) : waits(mem, t, int, name)),
  });
}

/** What a thread can sleep on is a word of 32 or of 64 bits. */
function refusedWaits(name: string): Record<'wait' | 'notify', () => never> {
  const refuse = (): never => {
    throw new WrongTypeError(`${name}: only atomics of 32 and 64 bits can be waited for`);
  };
  return { wait: refuse, notify: refuse };
}

function waits(mem: Mem, t: Proc, int: IntName | BigName, name: string): Record<'wait' | 'notify', unknown> {
  const isBig = int === 'i64' || int === 'u64';
  const view: WaitView = isBig ? mem.from(BigInt64Array, 0) : mem.i32;
  const shift = isBig ? 3 : 2;
  const signed = (value: Int | bigint): Int | bigint =>
    typeof value === 'bigint' ? BigInt.asIntN(64, value) : value | 0;

  return {
    wait(this: Place, expected: Int | bigint, timeoutMs: number = Number.POSITIVE_INFINITY): string {
      checkLive(this);
      checkInteger(int, expected, name);
      checkTimeout(timeoutMs, name);
      const word = this.$a >>> shift;
      const value = signed(expected);
      if (!mem.shared) return waitAlone(view, word, value, timeoutMs, name);
      if (!canWait(mem.m)) throw new ArgumentError('ERR_INVALID_ARGUMENT', `${name}: ${MAY_NOT_WAIT}`);
      return sleepOutside(t, view, word, value, timeoutMs);
    },
    notify(this: Place, count: number = Number.POSITIVE_INFINITY): number {
      checkLive(this);
      checkCount(count, name);
      return unpark(view, this.$a >>> shift, count);
    },
  };
}

const MAY_NOT_WAIT =
  'this thread may not wait, as the main thread of a page may not; wait in a worker, and have it post a message';

/**
 * One sleep, without naps: a `notify` that came between two would be lost. The thread is outside of its region meanwhile, so
 * that nobody who stops the world waits for it; what it waits for, its reference keeps alive.
 */
function sleepOutside(t: Proc, view: WaitView, word: number, expected: Int | bigint, timeoutMs: number): string {
  const inside = t.depth > 0;
  if (inside) t.release();
  try {
    t.trace.readForOthers();
    return sleepUntilWoken(view, word, expected, timeoutMs);
  } finally {
    if (inside) t.resume();
  }
}

/** The same in a heap of one thread, which would never be woken. */
function waitAlone(view: WaitView, word: number, expected: Int | bigint, timeoutMs: number, name: string): string {
  if (view[word] !== expected) return 'not-equal';
  if (timeoutMs <= 0) return 'timed-out';
  const text = `${name}: nobody could wake this thread, for the heap was made with shared: false`;
  throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
}

function checkCount(value: unknown, name: string): void {
  if (typeof value !== 'number') {
    throw new WrongTypeError(`${name}: expected a number of threads to wake, got ${describe(value)}`);
  }
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 0)) return;
  throw new OutOfRangeError(`${name}: ${value} is no number of threads to wake`);
}

/** Assigning to an atomic field is a `store`; reading it gives what the operations are called on. */
export function atomicCodec(mem: Mem, { make }: PlaceClass, int: IntName | BigName): Scalar {
  const view = viewOf(mem, int);
  const shift = Math.log2(view.BYTES_PER_ELEMENT);
  return {
    // Not `make` itself: other places inside of an object need no root of their own, but that makes them no safepoint
    // either, and a loop that waits for another thread by an atomic is to come to some.
    read: (addr) => make(addr),
    check: (value, where) => checkInteger(int, value, where),
    write: (addr, value) => void Atomics.store(view, addr >>> shift, value as Int),
  };
}
