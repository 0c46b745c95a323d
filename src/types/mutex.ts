/**
 * A lock that is a field of a struct, or an element of an array (Go: `sync.Mutex`). Its word is that of locks.ts, so who has it
 * is known; and of a thread that is gone it is taken over. Whoever gets it then is told, for what it guards may be half
 * changed.
 *
 * A value with a mutex in it is not copied (`noCopy`, as Go's vet calls it): the copy would be locked, or the lock that it
 * overwrites lost to who has it. So it is no element of a slice, whose elements move when it grows, and no value of a map.
 *
 * Taking a free one is one compare-and-exchange, giving it up a plain store. Nobody waits inside a region.
 */
import { checkFunction, checkTimeout } from '../base/check.ts';
import { millitime } from '../base/clock.ts';
import { ArgumentError, WrongTypeError } from '../base/errors.ts';
import { HELD } from '../threads/frame.ts';
import { type Env, refusePromise } from './env.ts';
import { makeLocks, OWNER_MASK } from './locks.ts';
import { define } from './memory.ts';
import { checkLive, type Place, type PlaceClass, type Reference } from './reference.ts';
import type { Scalar } from './scalars.ts';

function throwRecursive(): never {
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    'mutex: this thread has locked it already, and would wait for itself',
  );
}

export function defineMutex(env: Env, { Class, make }: PlaceClass): void {
  const { t } = env;
  const { i32 } = env.mem;
  const locks = makeLocks(env, throwRecursive);

  function lock(this: Place, timeoutMs = Number.POSITIVE_INFINITY): 'ok' | 'abandoned' | 'timed-out' {
    checkLive(this);
    checkTimeout(timeoutMs, 'mutex');
    const word = this.$a >>> 2;
    return locks.tryLock(word) ? 'ok' : wait(word, timeoutMs);
  }

  function wait(word: number, timeoutMs: number): 'ok' | 'abandoned' | 'timed-out' {
    const end = millitime() + timeoutMs;
    let takenOver = false;
    const take = (): void => {
      takenOver = true;
    };
    for (let left = timeoutMs; ; left = end - millitime()) {
      locks.wait(word, take, left);
      if (takenOver) return 'abandoned';
      if (locks.tryLock(word)) return 'ok';
      if (left > 0) continue;
      // A loop of calls that do not wait comes to safepoints too: who has the lock may need one of this thread.
      if (t.depth > 0) t.poll();
      return 'timed-out';
    }
  }

  function unlock(this: Place): void {
    checkLive(this);
    const word = this.$a >>> 2;
    if (!locks.isMine(word)) {
      throw new ArgumentError('ERR_INVALID_ARGUMENT', 'mutex: unlock by a thread that has not locked it');
    }
    locks.unlock(word, false);
  }

  define(Class.prototype, {
    lock,
    unlock,
    tryLock(this: Place): boolean {
      return lock.call(this, 0) !== 'timed-out';
    },
    withLock<T>(this: Place, fn: (state: 'ok' | 'abandoned') => T): T {
      checkFunction(fn, 'withLock');
      checkLive(this);
      // The function may dispose of a persistent one, and what it refers to must stay until it is unlocked.
      const own = this.$s.live === HELD ? make(this.$a) : this;
      const word = own.$a >>> 2;
      try {
        const state = lock.call(own) as 'ok' | 'abandoned';
        try {
          const result = fn(state);
          refusePromise('withLock', result);
          return result;
        } finally {
          // Not if it was given up in there, or with the whole heap: then another may have it.
          if (t.attached && locks.isMine(word)) locks.unlock(word, false);
        }
      } finally {
        // A local one ends with its scope.
        if (own !== this && own.$s.live === HELD) (own as Place & Reference).dispose();
      }
    },
    get holder(): number {
      const place = this as unknown as Place;
      checkLive(place);
      return Atomics.load(i32, place.$a >>> 2) & OWNER_MASK;
    },
    // Who has a lock is nothing to store: in JSON there is no such field.
    toJSON(): undefined {},
  });
}

/** A mutex is locked and unlocked, never assigned. */
export function mutexCodec({ make }: PlaceClass): Scalar {
  const refuse = (_value: unknown, where: string): never => {
    throw new WrongTypeError(`${where}: a mutex cannot be assigned; it is there, unlocked, in every new object`);
  };
  return {
    // As atomics are read, and for the same reason: a loop that asks for one comes to safepoints.
    read: (addr) => make(addr),
    check: refuse,
    write: () => refuse(undefined, 'mutex'),
  };
}
