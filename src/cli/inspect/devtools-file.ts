/** The file that Chrome's DevTools open. */
import { writeDevToolsSnapshot } from '../../analyze/devtools.ts';
import type { Snapshot } from '../../analyze/snapshot.ts';
import { writeWhole } from '../../serve/draft.ts';
import { unwritable } from '../output.ts';
import { exportProgress } from '../progress.ts';
import type { Subject } from './subject.ts';
import { textReader } from './texts-view.ts';

/** Bytes of a text that are read: enough for as many characters as are shown. */
const TEXT_BYTES = 1024;

export function writeForDevTools(subject: Subject, snapshot: Snapshot, output: string): void {
  const { graph, dominators } = subject;
  const { reader } = textReader(subject, snapshot);
  const progress = exportProgress(output, graph.nodes);
  try {
    writeWhole(output, (put) =>
      writeDevToolsSnapshot(graph, dominators, put, {
        textOf: (node) => reader.textOf(node, TEXT_BYTES),
        onProgress: (part) => progress.update(part * graph.nodes),
      }),
    );
  } catch (error) {
    throw unwritable(output, error);
  } finally {
    progress.stop();
  }
}
