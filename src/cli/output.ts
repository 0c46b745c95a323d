/** Files that results go to: whether they can be written is found out before the work, not after it. */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CliError, printable, UsageError } from './errors.ts';

/** `inputs` are what the command reads, `inputNoun` what they are called: a result must not replace one. */
export function checkOutput(output: string, option: string, inputs: readonly string[], inputNoun: string): void {
  if (output === '') throw new UsageError(`${option} needs the name of a file`);
  if (inputs.some((input) => resolve(input) === resolve(output))) {
    throw new UsageError(`${option}: ${printable(output)} is one of the ${inputNoun}`);
  }
  const existing = statSync(output, { throwIfNoEntry: false });
  if (existing?.isDirectory() === true) throw new CliError(`${printable(output)}: is a directory`);
  try {
    accessSync(existing === undefined ? dirname(resolve(output)) : output, constants.W_OK);
  } catch (error) {
    throw unwritable(output, error);
  }
}

/**
 * All options that name files to write to: `-`, which is standard output for --json, is no file for the others, and no two
 * may name the same.
 */
export function checkOutputs(
  options: readonly (readonly [option: string, output: string | undefined])[],
  inputs: readonly string[],
  inputNoun: string,
): void {
  const seen = new Map<string, string>();
  for (const [option, output] of options) {
    if (output === undefined || (output === '-' && option === '--json')) continue;
    if (output === '-') throw new UsageError(`${option} needs the name of a file`);
    const other = seen.get(resolve(output));
    if (other !== undefined) throw new UsageError(`${other} and ${option} name the same file`);
    seen.set(resolve(output), option);
    checkOutput(output, option, inputs, inputNoun);
  }
}

/** The error to show for a file that could not be written. Mistakes of ours stay what they are. */
export function unwritable(output: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).syscall === undefined) return error;
  return new CliError(`${printable(output)}: cannot be written (${reasonOf(error)})`);
}

export function writeOutput(output: string, text: string): void {
  try {
    writeFileSync(output, text);
  } catch (error) {
    throw unwritable(output, error);
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such directory';
  if (code === 'ENOSPC') return 'no space left';
  if (code === 'EACCES' || code === 'EROFS') return 'permission denied';
  return code ?? String(error);
}
