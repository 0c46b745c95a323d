/** Wrong command lines: what Commander says of them, as we say everything, and combinations of options that it lets pass. */
import { UsageError } from './errors.ts';

/**
 * In one line; what may have been meant only if it is near. An option that `explore` does not know is mostly its
 * program's.
 */
export function inOneLine(text: string, command: string | undefined): string {
  const said = text
    .trimEnd()
    .replace(/^error: /, 'spanheap: ')
    .replace(/ '([^']*)'\n\(Did you mean (?:one of )?(.+)\?\)/, (_, given: string, meant: string) => {
      const near = meant.split(', ').filter((name) => isNear(bare(given), bare(name)));
      return near.length === 0 ? ` '${given}'` : ` '${given}'; did you mean ${near.join(' or ')}?`;
    });
  const isUnknownOption = said.startsWith('spanheap: unknown option ');
  return `${said}${isUnknownOption && command === 'explore' ? " (the program's own options go after --)" : ''}\n`;
}

const bare = (name: string): string => name.replace(/^--/, '');

/** A slip leaves half of a word or more at its place, at the beginning or the end. */
function isNear(given: string, meant: string): boolean {
  const shorter = Math.min(given.length, meant.length);
  let before = 0;
  while (before < shorter && given[before] === meant[before]) before++;
  let after = 0;
  while (after < shorter - before && given.at(-1 - after) === meant.at(-1 - after)) after++;
  return before + after >= Math.max(given.length, meant.length) / 2;
}

/** Throws UsageError if options of this object are given, which `needed` alone would make sense of. */
export function refuseWithout(needed: string, options: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(options)) {
    if (value !== undefined) throw new UsageError(`${option} needs ${needed}`);
  }
}
