/**
 * Dominators and retained sizes. An object is dominated by another if every way from the roots to it goes through that
 * other one; the nearest is its immediate dominator. What an object dominates would be garbage without it, so the bytes of
 * all that is what it retains.
 *
 * The algorithm is the "simple" one of Lengauer and Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph" (ACM
 * TOPLAS 1(1), 1979): O(edges · log nodes) with path compression alone. Semi-NCA (Georgiadis, Tarjan, Werneck, "Finding
 * Dominators in Practice", 2006) is often faster, but walks up the tree for each node: a linked list of n nodes with a
 * value each, which an array beside the list holds as well, takes it n²/2 steps, and such heaps are common.
 *
 * Nothing recurses, and there are no objects per node: all is in typed arrays. In a large graph the time goes into waiting for
 * memory, so nodes get the numbers of the depth-first walk (from 1 on; 0 is "none"), which lie closer together than
 * addresses do; words that are read together lie together; the edges of the walk, for which the result is known, are not
 * kept; and the others are kept as lists of predecessors when the walk meets them, which takes no second look at the graph.
 */
import type { HeapGraph } from './graph.ts';
import { groupRoots, type RootGroups } from './root-groups.ts';

/** Immediate dominator of what no root leads to. */
export const UNREACHED = 0xffffffff;

export interface Dominators {
  readonly groups: RootGroups;
  /**
   * Immediate dominators. 0 … nodes-1 are the nodes of the graph, nodes+g is group g of the roots; 0 dominates what
   * several groups lead to. 0 for node 0 itself, UNREACHED for what no root leads to.
   */
  readonly idom: Uint32Array;
  /** Bytes that each of them retains, its own included; 0 for what no root leads to. */
  readonly retained: Float64Array;
  /** How many objects the roots lead to. */
  readonly reached: number;
}

/** Nodes between two calls of `onProgress`, less one. */
const TICK = (1 << 18) - 1;

export function dominatorsOf(graph: HeapGraph, onProgress: (part: number) => void = () => {}): Dominators {
  const groups = groupRoots(graph);
  const walk = walkDepthFirst(graph, groups, (part) => onProgress(part / 2));
  const dom = lengauerTarjan(walk, (part) => onProgress((1 + part) / 2));
  const result = retainedSizes(graph, walk, dom);
  onProgress(1);
  return { groups, ...result };
}

/** A depth-first walk. Numbers begin with 1, which is node 0. */
interface Walk {
  readonly count: number;
  /** By node or nodes + group: its number, 0 if not reached. */
  readonly numberOf: Uint32Array;
  /** By number: the node. */
  readonly nodeAt: Uint32Array;
  /** By number: the number of the node that it was reached from. */
  readonly parent: Uint32Array;
  /**
   * By number: the first in its list of edges that lead to it, besides that of its parent. Edge k comes from number
   * others[2k]; others[2k + 1] is the next edge in the list. 0: none.
   */
  readonly firstOther: Uint32Array;
  readonly others: Uint32Array;
}

function walkDepthFirst(graph: HeapGraph, groups: RootGroups, onProgress: (part: number) => void): Walk {
  const { nodes, firstEdge, edgeTo } = graph;
  const size = nodes + groups.list.length;
  const numberOf = new Uint32Array(size);
  const nodeAt = new Uint32Array(size + 1);
  const parent = new Uint32Array(size + 1);
  const firstOther = new Uint32Array(size + 1);
  const others = new Uint32Array(2 * (edgeTo.length + 1));
  // The nodes from the start to the one that is being looked at: their numbers, and which of their edges are left.
  const way = new Uint32Array(size + 1);
  const edgeAt = new Uint32Array(size + 1);
  const edgeEnd = new Uint32Array(size + 1);
  let count = 0;
  let kept = 0;
  const enter = (node: number, from: number): number => {
    numberOf[node] = ++count;
    nodeAt[count] = node;
    parent[count] = from;
    if ((count & TICK) === 0) onProgress(count / size);
    return count;
  };
  const keep = (from: number, to: number): void => {
    others[2 * ++kept] = from;
    others[2 * kept + 1] = firstOther[to]!;
    firstOther[to] = kept;
  };
  const walkFrom = (start: number, from: number): void => {
    let depth = 0;
    let number = enter(start, from);
    let edge = firstEdge[start]!;
    let end = firstEdge[start + 1]!;
    for (;;) {
      if (edge === end) {
        if (depth === 0) return;
        number = way[--depth]!;
        edge = edgeAt[depth]!;
        end = edgeEnd[depth]!;
        continue;
      }
      const to = edgeTo[edge++]!;
      const known = numberOf[to]!;
      if (known !== 0) keep(number, known);
      else {
        way[depth] = number;
        edgeAt[depth] = edge;
        edgeEnd[depth++] = end;
        number = enter(to, number);
        edge = firstEdge[to]!;
        end = firstEdge[to + 1]!;
      }
    }
  };
  enter(0, 0);
  for (let g = 0; g < groups.list.length; g++) {
    const from = enter(nodes + g, 1);
    for (let i = groups.first[g]!; i < groups.first[g + 1]!; i++) {
      const to = edgeTo[groups.edges[i]!]!;
      if (numberOf[to] === 0) walkFrom(to, from);
      else keep(from, numberOf[to]!);
    }
  }
  return { count, numberOf, nodeAt, parent, firstOther, others };
}

// Of each number, in one array: its parent in the forest of those that have been dealt with, 0 if it is the root of its
// tree; of those on the way up that was last taken, the one of the least semidominator; that semidominator.
const ANCESTOR = 0;
const LABEL = 1;
const LABEL_SEMI = 2;
const WORDS = 4;

/** Immediate dominators by number, as numbers; 0 for number 1. */
function lengauerTarjan(walk: Walk, onProgress: (part: number) => void): Uint32Array {
  const { count, parent, firstOther, others } = walk;
  const semi = new Uint32Array(count + 1);
  const dom = new Uint32Array(count + 1);
  const forest = new Uint32Array((count + 1) * WORDS);
  // Lists of those that have the same semidominator, which is not their parent.
  const bucket = new Uint32Array(count + 1);
  const nextInBucket = new Uint32Array(count + 1);
  const evaluate = forestOf(forest, count);

  for (let w = count; w > 1; w--) {
    if ((w & TICK) === 0) onProgress(1 - w / count);
    const p = parent[w]!;
    let least = p;
    for (let k = firstOther[w]!; k !== 0; k = others[2 * k + 1]!) {
      const v = others[2 * k]!;
      // Smaller numbers, and w, are not in the forest yet.
      const s = v <= w ? v : forest[evaluate(v) + LABEL_SEMI]!;
      if (s < least) least = s;
    }
    semi[w] = least;
    forest[w * WORDS + ANCESTOR] = p;
    forest[w * WORDS + LABEL] = w;
    forest[w * WORDS + LABEL_SEMI] = least;
    if (least === p) dom[w] = p;
    else {
      nextInBucket[w] = bucket[least]!;
      bucket[least] = w;
    }
    for (let v = bucket[p]!; v !== 0; v = nextInBucket[v]!) {
      const at = evaluate(v);
      dom[v] = forest[at + LABEL_SEMI]! < p ? forest[at + LABEL]! : p;
    }
    bucket[p] = 0;
  }
  for (let w = 2; w <= count; w++) if (dom[w] !== semi[w]) dom[w] = dom[dom[w]!]!;
  return dom;
}

/** A function that finds the best label on the way from v up to the root of its tree, and shortens that way. */
function forestOf(forest: Uint32Array, count: number): (v: number) => number {
  const way = new Uint32Array(count + 1);
  /** Index of v's words, of which the label is that of the whole way then. Neither v nor its parent is new to the forest. */
  return (v) => {
    const start = v * WORDS;
    let at = start;
    let up = forest[at + ANCESTOR]! * WORDS;
    let length = 0;
    for (let above = forest[up + ANCESTOR]!; above !== 0; above = forest[up + ANCESTOR]!) {
      way[length++] = at;
      at = up;
      up = above * WORDS;
    }
    const root = up / WORDS;
    while (length > 0) {
      const below = way[--length]!;
      if (forest[at + LABEL_SEMI]! < forest[below + LABEL_SEMI]!) {
        forest[below + LABEL] = forest[at + LABEL]!;
        forest[below + LABEL_SEMI] = forest[at + LABEL_SEMI]!;
      }
      forest[below + ANCESTOR] = root;
      at = below;
    }
    return start;
  };
}

function retainedSizes(
  { nodes, size }: HeapGraph,
  { count, numberOf, nodeAt }: Walk,
  dom: Uint32Array,
): Pick<Dominators, 'idom' | 'retained' | 'reached'> {
  // The numbers are not needed any more: their array becomes the result.
  const idom = numberOf;
  for (let node = 0; node < idom.length; node++) if (idom[node] === 0) idom[node] = UNREACHED;
  const retained = new Float64Array(idom.length);
  const sums = new Float64Array(count + 1);
  let reached = 0;
  // What a node dominates has greater numbers than the node.
  for (let w = count; w > 0; w--) {
    const node = nodeAt[w]!;
    if (node < nodes && node > 0) {
      sums[w]! += size[node]!;
      reached++;
    }
    retained[node] = sums[w]!;
    sums[dom[w]!]! += sums[w]!;
    idom[node] = nodeAt[dom[w]!]!;
  }
  return { idom, retained, reached };
}
