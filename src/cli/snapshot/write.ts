/** `--snapshot FILE` of the commands that have a heap. */
import { resolve } from 'node:path';
import { type Heap, SpanheapError } from '../../index.ts';
import { writeSnapshotSync } from '../../serve/snapshot-file.ts';
import { CliError, printable, UsageError } from '../errors.ts';
import { checkOutput } from '../output.ts';
import { snapshotProgress } from '../progress.ts';

/** Finds out before the work whether the snapshot has a place to go. `others`: files that other options write. */
export function checkSnapshotOption(
  file: string | undefined,
  inputs: readonly string[],
  inputNoun: string,
  others: readonly (string | undefined)[],
): void {
  if (file === undefined) return;
  if (file === '-') throw new UsageError('--snapshot needs the name of a file');
  checkOutput(file, '--snapshot', inputs, inputNoun);
  for (const other of others) {
    if (other !== undefined && other !== '-' && resolve(other) === resolve(file)) {
      throw new UsageError(`--snapshot: ${printable(file)} is written by another option too`);
    }
  }
}

/** Writes a snapshot of the heap. Throws CliError. Returns the bytes of the file. */
export function takeSnapshot(heap: Heap, file: string): number {
  const progress = snapshotProgress(file);
  try {
    return writeSnapshotSync(heap, file, { onProgress: progress.update });
  } catch (error) {
    const isKnown = error instanceof SpanheapError || (error as NodeJS.ErrnoException).code !== undefined;
    if (isKnown) throw new CliError(`${printable(file)}: no snapshot: ${(error as Error).message}`);
    throw error;
  } finally {
    progress.stop();
  }
}
