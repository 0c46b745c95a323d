/** Who keeps an object alive: the shortest ways from the roots to it. */
import { type Dominators, UNREACHED } from './dominators.ts';
import type { HeapGraph } from './graph.ts';
import { sourceOf } from './labels.ts';

/** Edges one after the other: the first is one of node 0, the last leads to the object. */
export type Path = readonly number[];

export interface Paths {
  /** By length; each comes to `meeting` from another object, or another root. */
  readonly paths: readonly Path[];
  /** Whether there are more. */
  readonly more: boolean;
  /**
   * Where the ways meet: the object itself if several lead to it, else the nearest object up from there to which several
   * lead. Behind it there is one way only, so all paths end alike.
   */
  readonly meeting: number;
}

/**
 * The shortest way from a root to an object, then others that come from elsewhere, `most` in all; none to what no root
 * leads to.
 */
export function pathsTo(graph: HeapGraph, dominators: Dominators, target: number, most: number): Paths {
  if (target === 0 || dominators.idom[target] === UNREACHED) return { paths: [], more: false, meeting: target };
  const { meeting, tail } = whereWaysMeet(graph, dominators, target);
  const { via, last } = waysInto(graph, meeting, most + 1);
  const paths = last.slice(0, most).map((edge) => [...edgesBack(graph, via, sourceOf(graph, edge)), edge, ...tail]);
  return { paths, more: last.length > most, meeting };
}

/**
 * Up the dominators of the target, as long as each is entered by one edge from outside of what it dominates. (From within
 * come only ways that have been there before: those back from a child to its parent.)
 */
function whereWaysMeet(graph: HeapGraph, { idom }: Dominators, target: number): { meeting: number; tail: number[] } {
  const { nodes, firstEdge, edgeTo } = graph;
  const chain: number[] = [];
  for (let at = target; at !== 0 && at < nodes; at = idom[at]!) chain.push(at);
  const depth = depthsBelow(idom, nodes, chain);
  // For each of the chain: how many edges enter it, of each object one, and the last of them.
  const entries = new Uint32Array(chain.length);
  const entry = new Uint32Array(chain.length);
  const source = new Uint32Array(chain.length);
  for (let node = 0; node < nodes; node++) {
    if (idom[node] === UNREACHED) continue;
    const end = firstEdge[node + 1]!;
    for (let e = firstEdge[node]!; e < end; e++) {
      const to = edgeTo[e]!;
      const k = depth[to]!;
      if (chain[k] !== to || depth[node]! <= k) continue;
      if (entries[k]! > 0 && source[k] === node && node !== 0) continue;
      entries[k]!++;
      entry[k] = e;
      source[k] = node;
    }
  }
  const tail: number[] = [];
  for (let k = 0; ; k++) {
    if (entries[k]! > 1 || k === chain.length - 1) return { meeting: chain[k]!, tail: tail.reverse() };
    tail.push(entry[k]!);
  }
}

/** For each node, which of the chain is the first at or above it in the dominator tree; for others the chain's length. */
function depthsBelow(idom: Uint32Array, nodes: number, chain: readonly number[]): Uint32Array {
  const unknown = 0xffffffff;
  const depth = new Uint32Array(idom.length).fill(unknown);
  depth[0] = chain.length;
  for (const [k, node] of chain.entries()) depth[node] = k;
  const way: number[] = [];
  for (let node = 1; node < nodes; node++) {
    let at = node;
    while (depth[at] === unknown && idom[at] !== UNREACHED) {
      way.push(at);
      at = idom[at]!;
    }
    const found = depth[at] === unknown ? chain.length : depth[at]!;
    while (way.length > 0) depth[way.pop()!] = found;
  }
  return depth;
}

/**
 * Breadth first from the roots. `via`: for each node the edge that it was reached by, plus 1. `last`: the first edges that
 * lead to `meeting`, of each object one. As nothing is walked that lies behind it, all ways are without a circle.
 */
function waysInto(
  { nodes, firstEdge, edgeTo }: HeapGraph,
  meeting: number,
  most: number,
): { via: Uint32Array; last: number[] } {
  const via = new Uint32Array(nodes);
  const queue = new Uint32Array(nodes);
  const last: number[] = [];
  let length = 1;
  for (let head = 0; head < length; head++) {
    const node = queue[head]!;
    const end = firstEdge[node + 1]!;
    let hasLed = false;
    for (let e = firstEdge[node]!; e < end; e++) {
      const to = edgeTo[e]!;
      if (to === meeting && !hasLed) {
        hasLed = node !== 0;
        last.push(e);
        if (last.length === most) return { via, last };
      } else if (to !== meeting && via[to] === 0) {
        via[to] = e + 1;
        queue[length++] = to;
      }
    }
  }
  return { via, last };
}

/** The edges that a walk took from node 0 to `node`. */
function edgesBack(graph: HeapGraph, via: Uint32Array, node: number): number[] {
  const edges: number[] = [];
  for (let at = node; at !== 0; at = sourceOf(graph, edges.at(-1)!)) edges.push(via[at]! - 1);
  return edges.reverse();
}
