/** How the checks of a snapshot say what is broken. */
import { VerifyError } from '../base/errors.ts';

export function fail(invariant: string, detail: string): never {
  throw new VerifyError(invariant, detail);
}

export const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;
