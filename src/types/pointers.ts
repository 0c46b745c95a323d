/** `ref(T)` in the heap: a pointer to an object of T, or nil. */
import { describe } from '../base/describe.ts';
import { TypeMismatchError, WrongTypeError } from '../base/errors.ts';
import { callInRegion, type Env } from './env.ts';
import { checkLive, type Place, type PlaceClass, Reference } from './reference.ts';
import type { Scalar } from './scalars.ts';

/** Says why a value is no live reference to a `name` of this heap. */
export function refuseReference(env: Env, value: unknown, name: string, where: string): never {
  if (!(value instanceof Reference)) {
    throw new WrongTypeError(`${where}: expected a reference to ${name}, got ${describe(value)}`);
  }
  checkLive(value);
  if (value.$env !== env) {
    throw new TypeMismatchError('ERR_TYPE_MISMATCH', `${where}: the reference is to an object of another heap`);
  }
  throw new TypeMismatchError(
    'ERR_TYPE_MISMATCH',
    `${where}: expected a reference to ${name}, got one to ${value.$codec.name}`,
  );
}

export function refCodec(env: Env, target: PlaceClass, name: string): Scalar<Place | null> {
  const { t, barrier } = env;
  const { follow, followBehind, Class } = target;

  function check(value: unknown, where: string): void {
    if (value === null) return;
    // Nearly always it is one of this very class; a call of instanceof costs more than all the rest.
    if ((value as object | undefined)?.constructor !== Class && !(value instanceof Class))
      refuseReference(env, value, name, where);
    checkLive(value as Place);
  }

  function write(addr: number, value: Place | null): void {
    if (t.depth === 0) {
      callInRegion(env, write, addr, value);
      return;
    }
    // Between the check and this the user's own code may have run, and disposed of it.
    if (value !== null) checkLive(value);
    barrier.storePointer(addr, value === null ? 0 : value.$a);
  }

  return { read: follow, check, write, behind: (offset) => ({ read: followBehind(offset) }) };
}
