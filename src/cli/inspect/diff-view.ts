/** Two snapshots side by side, or three. */
import { changesByType, keepThoseIn, matchObjects, newAndOutermost, type ObjectList } from '../../analyze/diff.ts';
import { addressText, typeNameOf } from '../../analyze/labels.ts';
import type { DiffView } from './outcome.ts';
import { objectLine, placeOf, type Subject } from './subject.ts';

export interface OlderSnapshot {
  readonly file: string;
  readonly objects: ObjectList;
}

/** `middle`: taken in between; only what was there then counts as new. */
export function diffOf(subject: Subject, older: OlderSnapshot, middle: OlderSnapshot | null, top: number): DiffView {
  const { graph, dominators } = subject;
  const matching = matchObjects(older.objects, graph);
  if (middle !== null) keepThoseIn(matching.isNew, graph, middle.objects);
  const types = changesByType(older.objects, graph, matching);
  const sum = (figure: (change: (typeof types)[number]) => number): number =>
    types.reduce((total, change) => total + figure(change), 0);
  const outermost = newAndOutermost(graph, dominators, matching.isNew, top);
  const holders = holdersOf(subject, outermost, matching.isNew);
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
    outermost: outermost.map((node) => ({ ...objectLine(subject, node), heldBy: holders.get(node) ?? '' })),
  };
}

/** A place that each of the objects is pointed to from: a root, else an old object, else a new one. */
function holdersOf(subject: Subject, objects: readonly number[], isNew: Uint8Array): Map<number, string> {
  const { graph } = subject;
  const wanted = new Set(objects);
  const found = new Map<number, { from: number; edge: number }>();
  const rank = (from: number): number => (from === 0 ? 2 : isNew[from] === 0 ? 1 : 0);
  for (let from = 0; from < graph.nodes; from++) {
    const end = graph.firstEdge[from + 1]!;
    for (let edge = graph.firstEdge[from]!; edge < end; edge++) {
      const to = graph.edgeTo[edge]!;
      if (!wanted.has(to)) continue;
      const known = found.get(to);
      if (known === undefined || rank(from) > rank(known.from)) found.set(to, { from, edge });
    }
  }
  const told = ({ from, edge }: { from: number; edge: number }): string => {
    const place = placeOf(subject, from, edge);
    return from === 0 ? place : `${typeNameOf(graph, from)} ${addressText(graph.address[from]!)} ${place}`;
  };
  return new Map([...found].map(([node, holder]) => [node, told(holder)]));
}
