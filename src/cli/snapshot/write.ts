/** `--snapshot FILE` of the commands that have a heap. */
import { type Heap, SpanheapError } from '../../index.ts';
import { writeSnapshotSync } from '../../serve/snapshot-file.ts';
import { CliError, printable } from '../errors.ts';
import { unwritable } from '../output.ts';
import { snapshotProgress } from '../progress.ts';

/** Writes a snapshot of the heap. Throws CliError. Returns the bytes of the file. */
export function takeSnapshot(heap: Heap, file: string): number {
  const progress = snapshotProgress(file);
  try {
    return writeSnapshotSync(heap, file, { onProgress: progress.update });
  } catch (error) {
    if (error instanceof SpanheapError) throw new CliError(`${printable(file)}: no snapshot: ${error.message}`);
    throw unwritable(file, error);
  } finally {
    progress.stop();
  }
}
