/** Checks of arguments that several calls share. */
import { describe } from './describe.ts';
import { ArgumentError, WrongTypeError } from './errors.ts';

/** Throws unless `fn` can be called. `what`: the call it was passed to. */
export function checkFunction(fn: unknown, what: string): void {
  if (typeof fn !== 'function') throw new WrongTypeError(`${what}: expected a function, got ${describe(fn)}`);
}

/** Throws ArgumentError unless `options` is an object that has no other names than these. `call`: the one it was passed to. */
export function checkNames(call: string, options: unknown, known: readonly string[], kind = 'option'): void {
  const bad = (text: string): never => {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `${call}: ${text}`);
  };
  if (typeof options !== 'object' || options === null) bad(`${kind}s must be an object`);
  for (const name of Object.keys(options as object)) {
    if (!known.includes(name)) bad(`unknown ${kind} ${JSON.stringify(name)}; known are ${known.join(', ')}`);
  }
}

/**
 * Throws ArgumentError unless `value` is a whole number in this range, or undefined. `name`: of the option, after its
 * call.
 */
export function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= least && (value as number) <= most))
    return;
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be a whole number from ${least} to ${most}, not ${describe(value)}`,
  );
}

/** Throws WrongTypeError unless `value` is a number of milliseconds; Infinity is one. `what`: would wait. */
export function checkTimeout(value: unknown, what: string): void {
  if (typeof value === 'number' && !Number.isNaN(value)) return;
  throw new WrongTypeError(`${what}: expected a number of milliseconds to wait for, got ${describe(value)}`);
}
