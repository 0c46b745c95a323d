/** The file that Chrome's DevTools open: written piece by piece under another name, and renamed when it is whole. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { writeDevToolsSnapshot } from '../../analyze/devtools.ts';
import type { Snapshot } from '../../analyze/snapshot.ts';
import { unwritable } from '../output.ts';
import { exportProgress } from '../progress.ts';
import type { Subject } from './subject.ts';
import { textReader } from './texts-view.ts';

/** Bytes of a text that are read: enough for as many characters as are shown. */
const TEXT_BYTES = 1024;

export function writeForDevTools(subject: Subject, snapshot: Snapshot, output: string): void {
  const { graph, dominators } = subject;
  const { reader } = textReader(subject, snapshot);
  const partial = `${output}.partial`;
  const progress = exportProgress(output, graph.nodes);
  try {
    const fd = openSync(partial, 'w');
    try {
      writeDevToolsSnapshot(graph, dominators, (bytes) => writeWhole(fd, bytes), {
        textOf: (node) => reader.textOf(node, TEXT_BYTES),
        onProgress: (part) => progress.update(part * graph.nodes),
      });
    } finally {
      closeSync(fd);
    }
    renameSync(partial, output);
  } catch (error) {
    rmSync(partial, { force: true });
    throw unwritable(output, error);
  } finally {
    progress.stop();
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
