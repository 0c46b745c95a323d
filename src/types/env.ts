/** What the types of one heap are built on, as one thread holds it. */
import { ArgumentError } from '../base/errors.ts';
import type { Barrier } from '../gc/barrier.ts';
import type { Malloc } from '../malloc/malloc.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import type { Frame } from '../threads/frame.ts';
import type { HandleTable } from '../threads/handles.ts';
import type { ShadowStack } from '../threads/shadow-stack.ts';
import type { Text } from './text.ts';

export interface Env {
  readonly mem: Mem;
  readonly t: Proc;
  readonly malloc: Malloc;
  readonly table: TypeTable;
  readonly shadow: ShadowStack;
  readonly handles: HandleTable;
  readonly barrier: Barrier;
  readonly text: Text;
  /** Releases the handles of persistent references that the program has dropped. */
  readonly dropped: FinalizationRegistry<Frame>;
}

/** Runs a call as a region of its own, unless it is inside one. Outside of scopes, references it makes are persistent. */
export function inRegion<T>({ t }: Env, fn: () => T): T {
  const { depth } = t;
  try {
    t.enter();
    return fn();
  } finally {
    t.leaveTo(depth);
  }
}

/**
 * A call of a function on an address, as a region of its own. Hot functions use this for their rare way: a function that
 * makes a closure over its parameters allocates them at every call.
 */
export function callInRegion<T, A extends unknown[]>({ t }: Env, fn: (...args: A) => T, ...args: A): T {
  const { depth } = t;
  try {
    t.enter();
    return fn(...args);
  } finally {
    t.leaveTo(depth);
  }
}

/** The same for a method of a reference. */
export function methodInRegion<T, P, A extends unknown[]>(
  { t }: Env,
  method: (this: P, ...args: A) => T,
  self: P,
  ...args: A
): T {
  const { depth } = t;
  try {
    t.enter();
    return method.apply(self, args);
  } finally {
    t.leaveTo(depth);
  }
}

/**
 * Runs `fn` as a scope; see Heap.scope. `carry` gets the result when the scope has ended, but its references have not
 * been overwritten: no safepoint lies between.
 */
export function inScope<T>(env: Env, fn: () => T, carry: (env: Env, result: T, ended: Frame) => void): T {
  const { t, shadow } = env;
  const { depth } = t;
  try {
    t.enter();
    const frame = shadow.open();
    let result: T;
    try {
      result = fn();
      refusePromise('scope', result);
    } finally {
      shadow.close(frame);
    }
    carry(env, result, frame);
    return result;
  } finally {
    t.leaveTo(depth);
  }
}

/** Throws if what a function returned is a promise: what it was called in is over. `call`: by whom, for the message. */
export function refusePromise(call: 'scope' | 'withLock', result: unknown): void {
  if (typeof result !== 'object' || result === null) return;
  if (typeof (result as { then?: unknown }).then !== 'function') return;
  const what = call === 'scope' ? 'a scope is synchronous, and ends' : 'the lock is given up';
  const instead = call === 'scope' ? 'Open a scope inside each step instead' : 'Lock inside each step instead';
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    `${call}: the function returned a promise; ${what} before the promise is settled. ${instead}`,
  );
}
