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
 * Nothing recurses, and there are no objects per node: all is in typed arrays, indexed by the number that a node gets in the
 * depth-first walk (from 1 on; 0 is "none"), which lie closer together in memory than addresses do.
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

/** The work as a whole has `STEPS` parts of about the same time. */
const STEPS = 4;
/** Nodes between two calls of `onProgress`, less one. */
const TICK = (1 << 18) - 1;

export function dominatorsOf(graph: HeapGraph, onProgress: (part: number) => void = () => {}): Dominators {
  const groups = groupRoots(graph);
  const walk = walkDepthFirst(graph, groups, (part) => onProgress(part / STEPS));
  const into = predecessors(graph, groups, walk, (part) => onProgress((1 + part) / STEPS));
  const dom = lengauerTarjan(walk, into, (part) => onProgress((2 + 2 * part) / STEPS));
  onProgress(1);
  return { groups, ...retainedSizes(graph, walk, dom) };
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
  /** By number, how many edges lead to it from nodes that were reached. */
  readonly edgesInto: Uint32Array;
}

/** Objects that are being walked are each other's parents; `cursor` says where in its edges each one is. */
function walkDepthFirst(graph: HeapGraph, groups: RootGroups, onProgress: (part: number) => void): Walk {
  const { nodes, firstEdge, edgeTo } = graph;
  const size = nodes + groups.list.length;
  const numberOf = new Uint32Array(size);
  const nodeAt = new Uint32Array(size + 1);
  const parent = new Uint32Array(size + 1);
  const edgesInto = new Uint32Array(size + 2);
  const cursor = new Uint32Array(size + 1);
  let count = 0;
  const enter = (node: number, from: number): number => {
    numberOf[node] = ++count;
    nodeAt[count] = node;
    parent[count] = from;
    edgesInto[count] = 1;
    if ((count & TICK) === 0) onProgress(count / size);
    return count;
  };
  const walkFrom = (start: number, from: number): void => {
    let at = enter(start, from);
    cursor[at] = firstEdge[start]!;
    let end = firstEdge[start + 1]!;
    while (at !== from) {
      let edge = cursor[at]!;
      let next = 0;
      while (edge < end) {
        const to = edgeTo[edge++]!;
        const number = numberOf[to]!;
        if (number === 0) {
          next = to;
          break;
        }
        edgesInto[number]!++;
      }
      if (next === 0) {
        at = parent[at]!;
        if (at !== from) end = firstEdge[nodeAt[at]! + 1]!;
      } else {
        cursor[at] = edge;
        at = enter(next, at);
        cursor[at] = firstEdge[next]!;
        end = firstEdge[next + 1]!;
      }
    }
  };
  enter(0, 0);
  edgesInto[1] = 0;
  for (let g = 0; g < groups.list.length; g++) {
    const from = enter(nodes + g, 1);
    for (let i = groups.first[g]!; i < groups.first[g + 1]!; i++) {
      const to = edgeTo[groups.edges[i]!]!;
      if (numberOf[to] === 0) walkFrom(to, from);
      else edgesInto[numberOf[to]!]!++;
    }
  }
  return { count, numberOf, nodeAt, parent, edgesInto };
}

/** Who leads to each number, as numbers: those of w are from[first[w] … first[w+1]-1]. */
interface Predecessors {
  readonly first: Uint32Array;
  readonly from: Uint32Array;
}

function predecessors(
  { nodes, firstEdge, edgeTo }: HeapGraph,
  groups: RootGroups,
  { count, numberOf, nodeAt, edgesInto }: Walk,
  onProgress: (part: number) => void,
): Predecessors {
  // Where those of each number end; each that is written moves it down, until it is where they begin.
  const first = edgesInto;
  for (let w = 2; w <= count + 1; w++) first[w]! += first[w - 1]!;
  const from = new Uint32Array(first[count]!);
  for (let v = 1; v <= count; v++) {
    if ((v & TICK) === 0) onProgress(v / count);
    const node = nodeAt[v]!;
    if (node === 0) {
      for (let g = 0; g < groups.list.length; g++) from[--first[numberOf[nodes + g]!]!] = v;
    } else if (node >= nodes) {
      const end = groups.first[node - nodes + 1]!;
      for (let i = groups.first[node - nodes]!; i < end; i++) {
        from[--first[numberOf[edgeTo[groups.edges[i]!]!]!]!] = v;
      }
    } else {
      const end = firstEdge[node + 1]!;
      for (let e = firstEdge[node]!; e < end; e++) from[--first[numberOf[edgeTo[e]!]!]!] = v;
    }
  }
  return { first, from };
}

/** Immediate dominators by number, as numbers; 0 for number 1. */
function lengauerTarjan({ count, parent }: Walk, into: Predecessors, onProgress: (part: number) => void): Uint32Array {
  const { first, from } = into;
  const semi = numbersTo(count);
  const label = numbersTo(count);
  const ancestor = new Uint32Array(count + 1);
  const dom = new Uint32Array(count + 1);
  // Lists of those that have the same semidominator.
  const bucket = new Uint32Array(count + 1);
  const nextInBucket = new Uint32Array(count + 1);
  const path = new Uint32Array(count + 1);

  /** Of those on the way from v up its tree in the forest, without the tree's root: the one of the least semi. */
  const evaluate = (v: number): number => {
    let u = v;
    let up = ancestor[u]!;
    if (up === 0) return v;
    let length = 0;
    for (let above = ancestor[up]!; above !== 0; above = ancestor[up]!) {
      path[length++] = u;
      u = up;
      up = above;
    }
    while (length > 0) {
      const below = path[--length]!;
      const through = ancestor[below]!;
      if (semi[label[through]!]! < semi[label[below]!]!) label[below] = label[through]!;
      ancestor[below] = up;
    }
    return label[v]!;
  };

  for (let w = count; w > 1; w--) {
    if ((w & TICK) === 0) onProgress(1 - w / count);
    let least = w;
    for (let i = first[w]!; i < first[w + 1]!; i++) {
      const v = from[i]!;
      // Smaller numbers are not in the forest yet.
      const s = v < w ? v : semi[evaluate(v)]!;
      if (s < least) least = s;
    }
    semi[w] = least;
    nextInBucket[w] = bucket[least]!;
    bucket[least] = w;
    const p = parent[w]!;
    ancestor[w] = p;
    for (let v = bucket[p]!; v !== 0; v = nextInBucket[v]!) {
      const u = evaluate(v);
      dom[v] = semi[u]! < p ? u : p;
    }
    bucket[p] = 0;
  }
  for (let w = 2; w <= count; w++) if (dom[w] !== semi[w]) dom[w] = dom[dom[w]!]!;
  return dom;
}

/** 0, 1, … last. */
function numbersTo(last: number): Uint32Array {
  const numbers = new Uint32Array(last + 1);
  for (let i = 1; i <= last; i++) numbers[i] = i;
  return numbers;
}

function retainedSizes(
  { nodes, size }: HeapGraph,
  { count, numberOf, nodeAt }: Walk,
  dom: Uint32Array,
): Pick<Dominators, 'idom' | 'retained' | 'reached'> {
  const idom = numberOf;
  const retained = new Float64Array(numberOf.length);
  for (let w = count; w > 1; w--) {
    const node = nodeAt[w]!;
    const above = nodeAt[dom[w]!]!;
    if (node < nodes) retained[node]! += size[node]!;
    retained[above]! += retained[node]!;
  }
  // The numbers are not needed any more: their array becomes the result.
  let reached = 0;
  for (let node = 1; node < idom.length; node++) {
    const number = idom[node]!;
    if (number !== 0 && node < nodes) reached++;
    idom[node] = number === 0 ? UNREACHED : nodeAt[dom[number]!]!;
  }
  idom[0] = 0;
  return { idom, retained, reached };
}
