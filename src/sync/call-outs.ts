/** Calls of a program's functions from the middle of the library. Of one thread. */
import { ArgumentError } from '../base/errors.ts';
import type { Gate } from './wired.ts';

export class CallOuts {
  /** Each keeps what a part of the library has in scratch memory of this thread, and returns what puts it back. */
  readonly scratches: (() => () => void)[] = [];
  readonly #gate: () => Gate;
  #reader: string | undefined;
  #isInHand = false;

  constructor(gate: () => Gate) {
    this.#gate = gate;
  }

  /** Whether a hook runs that may only read: no safepoint, and nothing is allocated. */
  get isReading(): boolean {
    return this.#reader !== undefined;
  }

  /** Whether it is one that may neither wait for a lock nor need pages. */
  get isInHand(): boolean {
    return this.#isInHand;
  }

  /**
   * A function that may use the heap: what its caller has in scratch memory, such as text to be copied, is there again
   * then.
   */
  call<T>(fn: () => T): T {
    const restores = this.scratches.map((keep) => keep());
    try {
      return fn();
    } finally {
      for (const restore of restores) restore();
    }
  }

  /**
   * The hook of this name, where the heap is in the middle of a change: it may only read. `isInHand`: the caller has pages
   * in hand that a repair of the heap would take for lost, so nor may it wait for a lock, or need pages.
   */
  callReader<T>(hook: string, isInHand: boolean, fn: () => T): T {
    const gate = this.#gate();
    this.#reader = hook;
    this.#isInHand = isInHand;
    gate.setPaused(true);
    try {
      return this.call(fn);
    } finally {
      gate.setPaused(false);
      this.#reader = undefined;
      this.#isInHand = false;
    }
  }

  /** Throws ArgumentError if what wants this is a hook that may only read. */
  refuseInHook(what: string): void {
    if (this.#reader === undefined) return;
    const why = 'it is called in the middle of a change, and may only read the heap';
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `${what}: not in the hook ${this.#reader}: ${why}`);
  }
}
