/** Two snapshots side by side, or three. */
import { changesByType, keepThoseIn, matchObjects, newObjects, type ObjectList } from '../../analyze/diff.ts';
import { addressText } from '../../analyze/labels.ts';
import type { DiffView } from './outcome.ts';
import type { Subject } from './subject.ts';

export interface OlderSnapshot {
  readonly file: string;
  readonly objects: ObjectList;
}

/** `middle`: taken in between; only what was there then counts as new. */
export function diffOf(subject: Subject, older: OlderSnapshot, middle: OlderSnapshot | null): DiffView {
  const { graph, dominators } = subject;
  const matching = matchObjects(older.objects, graph);
  if (middle !== null) keepThoseIn(matching.isNew, graph, middle.objects);
  const types = changesByType(older.objects, graph, matching);
  const sum = (figure: (change: (typeof types)[number]) => number): number =>
    types.reduce((total, change) => total + figure(change), 0);
  return {
    older: older.file,
    middle: middle?.file ?? null,
    objectsChange: sum((c) => c.countChange),
    bytesChange: sum((c) => c.bytesChange),
    newObjects: sum((c) => c.newCount),
    newBytes: sum((c) => c.newBytes),
    goneObjects: sum((c) => c.goneCount),
    goneBytes: sum((c) => c.goneBytes),
    types,
    held: newObjects(graph, dominators, matching.isNew).map(({ type, heldBy, count, retained, biggest }) => ({
      type,
      heldBy,
      objects: count,
      retainedBytes: retained,
      biggest: addressText(graph.address[biggest]!),
    })),
  };
}
