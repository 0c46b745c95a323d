/** Checks of arguments that several calls share. */
import { describe } from './describe.ts';
import { WrongTypeError } from './errors.ts';

/** Throws unless `fn` can be called. `what`: the call it was passed to. */
export function checkFunction(fn: unknown, what: string): void {
  if (typeof fn !== 'function') throw new WrongTypeError(`${what}: expected a function, got ${describe(fn)}`);
}
