/** What all kinds do with the memory of one heap. In a region, all of it. */
import { WrongTypeError } from '../base/errors.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import type { RType } from '../malloc/rtype.ts';
import { moveBytes } from '../spans/move.ts';
import { zeroBytes } from '../spans/zero.ts';
import { NO_SCOPE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { type Env, inScope } from './env.ts';
import { checkLive, type Place } from './reference.ts';

/** Zeroed memory for values of a type. A safepoint. Throws OutOfMemoryError. */
export function allocZeroed(env: Env, size: number, type: RType): number {
  return env.malloc.mallocgc(size, type.ptrBytes === 0 ? null : type, true);
}

/** Overwrites `count` values with those at `src`; the areas may overlap (Go: `typedslicecopy`). */
export function copyValues(env: Env, dst: number, src: number, type: RType, count: number): void {
  env.barrier.bulkBarrier(dst, src, type, count);
  moveBytes(env.mem, dst >>> 0, src >>> 0, type.size * count);
}

/**
 * Overwrites a value with that of a place that was given. The user's code may have run since it was checked, and have disposed
 * of it.
 */
export function copyPlace(env: Env, dst: number, from: Place, type: RType): void {
  checkLive(from);
  copyValues(env, dst, from.$a, type, 1);
}

/** Throws if a value of this kind would be overwritten or copied as a whole, and is not to be. `where`: which. */
export function refuseCopy({ noCopy, name }: Codec, where: string): void {
  if (!noCopy) return;
  throw new WrongTypeError(
    `${where}: ${name} has a mutex and is not copied; assign its other fields, or use ref(${name})`,
  );
}

/** Overwrites `count` values with zeroes (Go: `typedmemclr`). */
export function clearValues(env: Env, dst: number, type: RType, count: number): void {
  env.barrier.bulkBarrier(dst, 0, type, count);
  zeroBytes(env.mem, dst >>> 0, type.size * count);
}

/** A copy of a value in memory of its own. A safepoint; `src` must be reachable. Throws OutOfMemoryError. */
export function copyOut(env: Env, codec: Codec, src: number): number {
  const type = codec.rtype();
  const addr = allocZeroed(env, codec.size, type);
  copyValues(env, addr, src, type, 1);
  return addr;
}

/** Runs `fn` while the object at `addr` is kept alive by the shadow stack. */
export function withRoot<T>(env: Env, addr: number, fn: () => T): T {
  if (env.shadow.cur === NO_SCOPE)
    return inScope(
      env,
      () => withRoot(env, addr, fn),
      () => {},
    );
  const { shadow } = env;
  const before = shadow.mark();
  shadow.push(addr);
  const after = shadow.mark();
  try {
    return fn();
  } finally {
    // `fn` may have run the user's code, whose references lie above. Then only the root itself goes.
    if (shadow.mark() === after) shadow.reset(before);
    else shadow.drop(after);
  }
}

/**
 * Frees an object that was made for a moment and that nothing else refers to. While the collector marks it may have seen
 * it on the shadow stack, so then it is left to the collector.
 */
export function freeTemporary(env: Env, addr: number): void {
  if (env.mem.m[H_WRITE_BARRIER] === 0) env.malloc.free(addr >>> 0);
}

/** Writes a value into the object at `root`, which is kept alive while the value is made. */
export function writeRooted(env: Env, codec: Codec, root: number, addr: number, value: unknown): void {
  withRoot(env, root, () => codec.write(addr, value));
}

/**
 * Overwrites a struct or array with what a literal says. It is made aside first: the literal may be made of parts of
 * what it replaces, and if memory runs out while it is made, nothing has changed.
 */
export function writeLiteral(env: Env, codec: Codec, addr: number, value: unknown): void {
  const type = codec.rtype();
  const made = allocZeroed(env, codec.size, type);
  withRoot(env, made, () => codec.initialise!(made, value));
  copyValues(env, addr, made, type, 1);
  freeTemporary(env, made);
}

/** Adds what is not to be enumerated: methods and accessors of a class made at run time. */
export function define(proto: object, members: Record<PropertyKey, unknown>): void {
  for (const [name, d] of Object.entries(Object.getOwnPropertyDescriptors(members))) {
    Object.defineProperty(proto, name, { ...d, enumerable: false });
  }
  for (const symbol of Object.getOwnPropertySymbols(members)) {
    Object.defineProperty(proto, symbol, { value: members[symbol], writable: true, configurable: true });
  }
}
