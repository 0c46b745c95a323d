/**
 * Sleeping until a word changes. The only file of the library that calls `Atomics.wait`.
 *
 * Where waiting is not allowed (the main thread of a browser) the thread spins instead, for a bounded time per call;
 * every caller loops and checks its condition again, so a spurious return is always harmless.
 */
import type { Words } from '../base/brand.ts';
import { millitime } from '../base/clock.ts';

/** The memories that a thread can sleep on: words of 32 bits, or of 64. */
export type WaitView = Words | BigInt64Array<ArrayBufferLike>;

let mayWait: boolean | undefined;

/** Whether this thread may sleep. `m`: of a shared heap. */
export function canWait(m: Words): boolean {
  if (mayWait === undefined) {
    try {
      Atomics.wait(m, 0, ~m[0], 0);
      mayWait = true;
    } catch {
      mayWait = false;
    }
  }
  return mayWait;
}

/** Longest spin of a thread that may not sleep, in milliseconds. */
const SPIN_MS = 2;

/** Returns when `m[word] !== expected`, after `timeoutMs`, when notified, or for no reason. May block. */
export function parkWhile(m: Words, word: number, expected: number, timeoutMs: number): void {
  if (canWait(m)) {
    Atomics.wait(m, word, expected, timeoutMs);
    return;
  }
  const until = millitime() + Math.min(timeoutMs, SPIN_MS);
  while (Atomics.load(m, word) === expected && millitime() < until);
}

/**
 * `Atomics.wait` as it is, for waits of the program's own, which must not see a return for no reason. Blocks. Only where
 * `canWait`.
 */
export function sleepUntilWoken(
  view: WaitView,
  word: number,
  expected: number | bigint,
  timeoutMs: number,
): 'ok' | 'not-equal' | 'timed-out' {
  return Atomics.wait(view as Words, word, expected as number, timeoutMs);
}

/**
 * Wakes up to `count` threads that sleep on the word, and returns how many. 25-35 ns even when nobody does: call it only if
 * somebody may.
 */
export function unpark(m: WaitView, word: number, count = Number.POSITIVE_INFINITY): number {
  return Atomics.notify(m as Words, word, count);
}
