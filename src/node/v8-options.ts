/**
 * Options of V8 that are off for a while. Compiled code is for the options that are set when it is written down, and V8 knows
 * those by a tag, a hash of all of them, which it works out when somebody asks after a change. If another of its threads does
 * so at that moment, the tag of before the change may be what stays: then the code would fit no program that is started as
 * this one was (seen at one `spanheap warm` in forty). So the options are set until the tag is what it was.
 */
import { cachedDataVersionTag, setFlagsFromString } from 'node:v8';

/** What is used of `node:v8`. */
export interface V8Options {
  readonly cachedDataVersionTag: () => number;
  readonly setFlagsFromString: (flags: string) => void;
}

/** Times that all ways the options may have been set are tried. */
const ROUNDS = 8;

/**
 * Runs `fn` with options of V8 off (`sparkplug`, not `--sparkplug`). Afterwards they are as they were. Throws Error if V8
 * does not say so in the end.
 */
export function withoutOptions(
  options: readonly string[],
  fn: () => void,
  v8: V8Options = { cachedDataVersionTag, setFlagsFromString },
): void {
  const tag = v8.cachedDataVersionTag();
  for (const option of options) v8.setFlagsFromString(`--no-${option}`);
  try {
    fn();
  } finally {
    restore(options, tag, v8);
  }
}

/** Nobody tells which of them were on but the tag. All, most likely, so that comes first. */
function restore(options: readonly string[], tag: number, v8: V8Options): void {
  const all = 2 ** options.length - 1;
  for (let tries = 0; tries < ROUNDS * (all + 1); tries++) {
    const off = tries & all;
    for (const [i, option] of options.entries()) {
      v8.setFlagsFromString((off >>> i) & 1 ? `--no-${option}` : `--${option}`);
    }
    if (v8.cachedDataVersionTag() === tag) return;
  }
  throw new Error(`V8 does not have its options back (${options.join(', ')}): its tag is another one than before`);
}
