/** Reading snapshots for `spanheap inspect`, with bars on stderr. */
import { type Dominators, dominatorsOf } from '../../analyze/dominators.ts';
import type { HeapGraph } from '../../analyze/graph.ts';
import { graphOf } from '../../analyze/load-graph.ts';
import type { Snapshot } from '../../analyze/snapshot.ts';
import { printable } from '../errors.ts';
import { analysisProgress, readingProgress } from '../progress.ts';
import { explaining, openSnapshot } from '../snapshot/open.ts';
import type { OlderSnapshot } from './diff-view.ts';

/** Opens a file, runs `use` on what it holds, and closes it. What is wrong with the file is told with its name. */
export async function withSnapshot<T>(file: string, use: (snapshot: Snapshot) => T | Promise<T>): Promise<T> {
  const snapshot = await openSnapshot(file);
  try {
    return await explaining(file, async () => use(snapshot));
  } finally {
    snapshot.close();
  }
}

export function readGraph(file: string, snapshot: Snapshot): HeapGraph {
  const progress = readingProgress(file, snapshot.bytes);
  try {
    return graphOf(snapshot, { onProgress: progress.update });
  } finally {
    progress.stop();
  }
}

export function analyse(file: string, graph: HeapGraph): Dominators {
  const progress = analysisProgress(file, graph.nodes);
  try {
    return dominatorsOf(graph, (part) => progress.update(part * graph.nodes));
  } finally {
    progress.stop();
  }
}

/**
 * What a comparison with `newer` needs of an older snapshot: its objects, not their pointers. Warns if it is of another
 * heap.
 */
export async function readOlder(file: string, newer: Snapshot): Promise<OlderSnapshot> {
  return withSnapshot(file, (snapshot) => {
    if (snapshot.meta.heap !== newer.meta.heap)
      process.stderr.write(
        `spanheap: warning: ${printable(file)} is of another heap: objects of two have addresses in common by chance\n`,
      );
    const { nodes, address, size, type, types } = readGraph(file, snapshot);
    return { file, objects: { nodes, address, size, type, types } };
  });
}
