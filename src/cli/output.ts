/** Files that results go to: whether they can be written is found out before the work, not after it. */
import { accessSync, constants, type Stats, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { realPathOf } from '../serve/draft.ts';
import { CliError, fileReason, printable, UsageError } from './errors.ts';

/**
 * Looks at all options that name files to write to. `-` is standard output for --json, and no file for the others. No two may
 * be the same file, nor one of `inputs`, which the command reads and calls `inputNoun`: by whatever names and links.
 */
export function checkOutputs(
  options: readonly (readonly [option: string, output: string | undefined])[],
  inputs: readonly string[],
  inputNoun: string,
): void {
  const users = new Map(inputs.map((input) => [identityOfInput(input), inputNoun]));
  for (const [option, output] of options) {
    if (output === undefined || (output === '-' && option === '--json')) continue;
    if (output === '' || output === '-') throw new UsageError(`${option} needs the name of a file`);
    try {
      const stats = statSync(output, { throwIfNoEntry: false });
      const identity = identityOf(output, stats);
      const user = users.get(identity);
      if (user === inputNoun) throw new UsageError(`${option}: ${printable(output)} is one of the ${inputNoun}`);
      if (user !== undefined) throw new UsageError(`${user} and ${option} name the same file`);
      checkWritable(output, stats);
      // A device takes from all, and loses nothing by it.
      if (stats?.isCharacterDevice() !== true) users.set(identity, option);
    } catch (error) {
      throw unwritable(output, error);
    }
  }
}

function checkWritable(output: string, stats: Stats | undefined): void {
  if (stats?.isDirectory() === true || (stats === undefined && /[/\\]$/.test(output))) {
    throw new CliError(`${printable(output)}: is a directory`);
  }
  if (stats?.isSocket() === true) throw new CliError(`${printable(output)}: is a socket`);
  accessSync(stats === undefined ? dirname(realPathOf(output)) : output, constants.W_OK);
}

/** What is wrong with an input is told by those who read it. */
function identityOfInput(input: string): string | undefined {
  try {
    const stats = statSync(input, { throwIfNoEntry: false });
    return stats?.isCharacterDevice() === true ? undefined : identityOf(input, stats);
  } catch {
    return undefined;
  }
}

/** A file that exists may have several names (hard links); one that does not has the one that it would be made with. */
function identityOf(path: string, stats: Stats | undefined): string {
  return stats === undefined ? realPathOf(path) : `${stats.dev}:${stats.ino}`;
}

/** The error to show for a file that could not be written. What is no error of the file system stays what it is. */
export function unwritable(output: string, error: unknown): unknown {
  const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such directory' : fileReason(error);
  return reason === undefined ? error : new CliError(`${printable(output)}: cannot be written (${reason})`);
}

export function writeOutput(output: string, text: string): void {
  try {
    writeFileSync(output, text);
  } catch (error) {
    throw unwritable(output, error);
  }
}
