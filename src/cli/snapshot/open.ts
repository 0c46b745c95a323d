/** Opening a snapshot file that the command line names: what is wrong with it is told in one line. */
import { type Stats, statSync } from 'node:fs';
import { SnapshotError } from '../../analyze/errors.ts';
import { Snapshot } from '../../analyze/snapshot.ts';
import { openSnapshotFile } from '../../serve/snapshot-file.ts';
import { CliError, InputError, printable, unreadable } from '../errors.ts';

/** Throws InputError. `close` it. */
export async function openSnapshot(file: string): Promise<Snapshot> {
  refusePipe(file);
  const source = await explaining(file, () => openSnapshotFile(file));
  return explaining(file, async () => new Snapshot(source)).catch((error: unknown) => {
    source.close();
    throw error;
  });
}

/** Before it is opened: that waits until somebody writes into it. */
function refusePipe(file: string): void {
  let stats: Stats | undefined;
  try {
    stats = statSync(file);
  } catch {
    return; // Whoever opens it says why not.
  }
  if (stats.isFIFO() || stats.isSocket()) {
    throw new InputError(file, 0, 'is a pipe: a snapshot is read at random, save it to a file first');
  }
}

/** What `fn` finds wrong with a file, as an InputError. */
export async function explaining<T>(file: string, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    throw explained(file, error);
  }
}

function explained(file: string, error: unknown): unknown {
  if (error instanceof CliError) return error;
  if (error instanceof SnapshotError) return new InputError(file, 0, `${error.message} (${error.code})`);
  if (error instanceof RangeError)
    return new InputError(file, 0, `there is not enough memory for it: ${printable(error.message)}`);
  return unreadable(file, error);
}
