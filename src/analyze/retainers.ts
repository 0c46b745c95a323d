/** Who points to an object, or to objects of a type; and what an object alone keeps alive. */
import { greatest } from './biggest.ts';
import { type Dominators, UNREACHED } from './dominators.ts';
import type { HeapGraph } from './graph.ts';
import { placeKinds } from './labels.ts';

/** One pointer to the object. */
export interface Retainer {
  /** 0: a root. */
  readonly from: number;
  readonly edge: number;
}

/** All pointers to an object: those of roots first, then by what the objects that they are in retain. */
export function retainersOf(graph: HeapGraph, { retained }: Dominators, node: number): Retainer[] {
  const found: Retainer[] = [];
  eachEdgeTo(
    graph,
    (to) => to === node,
    (from, edge) => found.push({ from, edge }),
  );
  return found.sort((a, b) => (b.from === 0 ? 1 : 0) - (a.from === 0 ? 1 : 0) || retained[b.from]! - retained[a.from]!);
}

function eachEdgeTo(
  { nodes, firstEdge, edgeTo }: HeapGraph,
  isMeant: (to: number) => boolean,
  visit: (from: number, edge: number) => void,
): void {
  for (let from = 0; from < nodes; from++) {
    const end = firstEdge[from + 1]!;
    for (let e = firstEdge[from]!; e < end; e++) if (isMeant(edgeTo[e]!)) visit(from, e);
  }
}

/** The same place in objects of the same type. */
export interface HolderTotals {
  /** `Post.replies`, `slice(ref(Post)) elements[…]`, `root "posts"`. */
  readonly place: string;
  /** Pointers from there. */
  readonly count: number;
}

/** From where objects of some types are pointed to, the most frequent first. */
export function holdersOfTypes(graph: HeapGraph, types: ReadonlySet<number>): HolderTotals[] {
  const counts = new Map<string, number>();
  const placeOf = placeKinds(graph);
  eachEdgeTo(
    graph,
    (to) => types.has(graph.type[to]!),
    (from, edge) => {
      const place = placeOf(from, edge);
      counts.set(place, (counts.get(place) ?? 0) + 1);
    },
  );
  return [...counts].map(([place, count]) => ({ place, count })).sort((a, b) => b.count - a.count);
}

/**
 * What a node (or group of roots: nodes + g; or 0) dominates immediately: the `most` that retain most, and how many
 * there are.
 */
export function dominatedBy(
  { nodes }: HeapGraph,
  { idom, retained }: Dominators,
  above: number,
  most: number,
): { count: number; nodes: number[] } {
  let count = 0;
  for (let node = 1; node < nodes; node++) if (idom[node] === above) count++;
  return { count, nodes: greatest(1, nodes, most, (node) => (idom[node] === above ? retained[node]! : -1)) };
}

/** The dominators of a node from the nearest to the outermost: objects, and at last a group of roots if all is of one. */
export function dominatorsAbove({ idom }: Dominators, node: number): number[] {
  const above: number[] = [];
  if (idom[node] === UNREACHED) return above;
  for (let at = idom[node]!; at !== 0; at = idom[at]!) above.push(at);
  return above;
}
