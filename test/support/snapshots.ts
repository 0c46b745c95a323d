/** Snapshots of heaps, in memory. */
import type { HeapGraph } from '../../src/analyze/graph.ts';
import { graphOf } from '../../src/analyze/load-graph.ts';
import { Snapshot } from '../../src/analyze/snapshot.ts';
import { bytesSource } from '../../src/analyze/source.ts';
import type { Heap } from '../../src/index.ts';

export function snapshotOf(heap: Heap): { snapshot: Snapshot; graph: HeapGraph } {
  const pieces: Uint8Array[] = [];
  heap.snapshotSync((piece) => pieces.push(piece.slice()));
  const snapshot = new Snapshot(bytesSource(Buffer.concat(pieces)));
  return { snapshot, graph: graphOf(snapshot) };
}
