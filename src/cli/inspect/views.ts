/** The parts of the report, each for an option. */
import { greatest } from '../../analyze/biggest.ts';
import { totalsByType } from '../../analyze/by-type.ts';
import { UNREACHED } from '../../analyze/dominators.ts';
import { sourceOf } from '../../analyze/labels.ts';
import { pathsTo } from '../../analyze/paths.ts';
import { dominatedBy, dominatorsAbove, holdersOfTypes, retainersOf } from '../../analyze/retainers.ts';
import type { SnapshotMeta } from '../../observe/snapshot/format.ts';
import type {
  FieldLine,
  ObjectView,
  Overview,
  PathView,
  RetainersView,
  RootsView,
  Summary,
  TypeView,
  ValueLine,
} from './outcome.ts';
import { findObject, findTypes, objectLine, placeOf, rootLine, type Subject, typeLines } from './subject.ts';

/** `meta`: what the snapshot says of the heap. */
export function summaryOf({ graph, dominators }: Subject, meta: SnapshotMeta, namedRoots: boolean): Summary {
  const { nodes, size, firstEdge } = graph;
  let bytes = 0;
  let unreachableBytes = 0;
  for (let node = 1; node < nodes; node++) {
    bytes += size[node]!;
    if (dominators.idom[node] === UNREACHED) unreachableBytes += size[node]!;
  }
  return {
    time: meta.time,
    gc: meta.gc,
    threads: meta.threads.length,
    namedRoots,
    objects: nodes - 1,
    bytes,
    pointers: firstEdge[nodes]! - firstEdge[1]!,
    unreachableObjects: nodes - 1 - dominators.reached,
    unreachableBytes,
  };
}

export function overviewOf(subject: Subject, top: number): Overview {
  const { graph, dominators } = subject;
  const { retained, idom } = dominators;
  const lines = (weightOf: (node: number) => number) =>
    greatest(1, graph.nodes, top, weightOf).map((node) => objectLine(subject, node));
  return {
    types: typeLines(subject, totalsByType(graph, idom), top),
    biggestByRetained: lines((node) => (idom[node] === UNREACHED ? -1 : retained[node]!)),
    biggestByOwn: lines((node) => graph.size[node]!),
    roots: rootsOf(subject),
  };
}

export function rootsOf(subject: Subject): RootsView {
  const { list } = subject.dominators.groups;
  const roots = list.map((_, g) => rootLine(subject, g)).sort((a, b) => b.retainedBytes - a.retainedBytes);
  const alone = roots.reduce((sum, { retainedBytes }) => sum + retainedBytes, 0);
  return { roots, sharedBytes: subject.dominators.retained[0]! - alone };
}

export function typeOf(subject: Subject, name: string, top: number): TypeView {
  const { graph, dominators } = subject;
  const types = new Set(findTypes(subject, name));
  const total = totalsByType(graph, dominators.idom).find((line) => line.name === name);
  const nothing = { name, types: [...types], count: 0, bytes: 0, unreachableCount: 0, unreachableBytes: 0 };
  const biggest = greatest(1, graph.nodes, top, (node) =>
    types.has(graph.type[node]!) ? dominators.retained[node]! : -1,
  );
  return {
    total: typeLines(subject, [total ?? nothing], 1)[0]!,
    biggest: biggest.map((node) => objectLine(subject, node)),
    heldBy: holdersOfTypes(graph, types)
      .slice(0, top)
      .map(({ place, count }) => ({ place, pointers: count })),
  };
}

/** `contentsOf`: what the snapshot's contents say of the fields. */
export function objectOf(
  subject: Subject,
  address: number,
  top: number,
  contentsOf: (node: number) => readonly ValueLine[] | null,
): ObjectView {
  const { graph, dominators } = subject;
  const node = findObject(subject, address, '--object');
  const first = graph.firstEdge[node]!;
  const edges = graph.firstEdge[node + 1]! - first;
  const pointers = Array.from({ length: Math.min(edges, top) }, (_, i): FieldLine => {
    const edge = first + i;
    return { place: placeOf(subject, node, edge), object: objectLine(subject, graph.edgeTo[edge]!) };
  });
  const above = dominatorsAbove(dominators, node);
  const below = dominatedBy(graph, dominators, node, top);
  return {
    object: objectLine(subject, node),
    offset: address - graph.address[node]!,
    value: contentsOf(node),
    pointers,
    morePointers: edges - pointers.length,
    dominators: above
      .slice(0, top)
      .map((at) => (at < graph.nodes ? objectLine(subject, at) : rootLine(subject, at - graph.nodes))),
    moreDominators: Math.max(0, above.length - top),
    dominates: below.nodes.map((at) => objectLine(subject, at)),
    moreDominated: below.count - below.nodes.length,
  };
}

export function pathOf(subject: Subject, address: number, most: number): PathView {
  const { graph, dominators } = subject;
  const node = findObject(subject, address, '--path');
  const { paths, more, meeting } = pathsTo(graph, dominators, node, most);
  return {
    object: objectLine(subject, node),
    paths: paths.map((path) => path.map((edge) => stepAlong(subject, edge))),
    more,
    meeting: meeting === node || paths.length < 2 ? null : objectLine(subject, meeting),
  };
}

function stepAlong(subject: Subject, edge: number): PathView['paths'][number][number] {
  const { graph } = subject;
  return {
    place: placeOf(subject, sourceOf(graph, edge), edge),
    object: objectLine(subject, graph.edgeTo[edge]!),
  };
}

export function retainersView(subject: Subject, address: number, top: number): RetainersView {
  const { graph, dominators } = subject;
  const node = findObject(subject, address, '--retainers');
  const all = retainersOf(graph, dominators, node);
  return {
    object: objectLine(subject, node),
    count: all.length,
    retainers: all.slice(0, top).map(({ from, edge }) => ({
      place: placeOf(subject, from, edge),
      object: from === 0 ? null : objectLine(subject, from),
    })),
  };
}
