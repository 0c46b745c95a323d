/** Graphs made by hand, for tests of the analyses, and the slow but obvious ways to the same results. */
import type { GraphRoot, GraphType, HeapGraph } from '../../src/analyze/graph.ts';

export interface GraphSketch {
  /** By node, from 1 on: whom it points to. Node i is at address 4096 + 64 · i. */
  readonly edges: readonly (readonly number[])[];
  /** Which roots there are, and to which node each leads. */
  readonly roots: readonly (readonly [root: string | Omit<GraphRoot, 'address'>, node: number])[];
  readonly sizes?: readonly number[];
  /** By node: index in `types`. */
  readonly typeOf?: readonly number[];
  readonly types?: readonly GraphType[];
  /** Offsets of the pointers; else 0, 4, 8 … */
  readonly offsets?: readonly (readonly number[])[];
}

export const UNKNOWN_TYPE: GraphType = { name: 'unknown', size: 0, kind: 'unknown', fields: [] };

export const addressOf = (node: number): number => (node === 0 ? 0 : 4096 + 64 * node);

export function graphOf(sketch: GraphSketch): HeapGraph {
  const { edges, roots, sizes, typeOf, types = [UNKNOWN_TYPE], offsets } = sketch;
  const nodes = edges.length + 1;
  const firstEdge = new Uint32Array(nodes + 1);
  const edgeTo: number[] = roots.map(([, node]) => node);
  const edgeOffset: number[] = roots.map((_, i) => i);
  edges.forEach((list, i) => {
    firstEdge[i + 1] = edgeTo.length;
    edgeTo.push(...list);
    edgeOffset.push(...list.map((_, k) => offsets?.[i]?.[k] ?? 4 * k));
  });
  firstEdge[nodes] = edgeTo.length;
  return {
    nodes,
    address: Uint32Array.from({ length: nodes }, (_, i) => addressOf(i)),
    size: Uint32Array.from({ length: nodes }, (_, i) => (i === 0 ? 0 : (sizes?.[i - 1] ?? 16))),
    type: Uint16Array.from({ length: nodes }, (_, i) => (i === 0 ? 0 : (typeOf?.[i - 1] ?? 0))),
    firstEdge,
    edgeTo: Uint32Array.from(edgeTo),
    edgeOffset: Uint32Array.from(edgeOffset),
    types,
    roots: roots.map(([root, node]) => ({
      ...(typeof root === 'string' ? { kind: 'named' as const, name: root, thread: 0 } : root),
      address: addressOf(node),
    })),
  };
}

/** What the roots lead to when some nodes are not passed through, nor counted. */
export function reachable(graph: HeapGraph, isGone: (node: number) => boolean, isRootGone = (_root: number) => false) {
  const seen = new Set<number>();
  const todo = [0];
  while (todo.length > 0) {
    const node = todo.pop()!;
    for (let e = graph.firstEdge[node]!; e < graph.firstEdge[node + 1]!; e++) {
      const to = graph.edgeTo[e]!;
      if (node === 0 && isRootGone(graph.edgeOffset[e]!)) continue;
      if (seen.has(to) || isGone(to)) continue;
      seen.add(to);
      todo.push(to);
    }
  }
  return seen;
}

/** Sum of the sizes of all that is reachable only with these nodes: what they retain together. */
export function retainedBySet(graph: HeapGraph, isGone: (node: number) => boolean): number {
  const all = reachable(graph, () => false);
  const left = reachable(graph, isGone);
  let bytes = 0;
  for (const node of all) if (!left.has(node)) bytes += graph.size[node]!;
  return bytes;
}
