// The graph that is marked: nodes of two pointers, all of which can be reached from one. The same in go/gc/mark.go.
import { permutation, random } from '../workload.ts';

export const SHAPES = ['random', 'in order'] as const;
/** Neighbours anywhere in memory, or where a program puts them that makes one after the other. */
export type Shape = (typeof SHAPES)[number];

const SEED = 4711;

export interface Edges {
  /** The node that all others can be reached from. */
  readonly first: number;
  /** Where the two pointers of each node lead. */
  readonly a: Int32Array;
  readonly b: Int32Array;
}

/** A binary tree over all nodes; what it leaves open points to any node, or back to one made before. */
export function edges(nodes: number, shape: Shape): Edges {
  const next = random(SEED + 1);
  const order = shape === 'random' ? permutation(nodes, SEED) : new Int32Array(nodes).map((_, i) => i);
  const a = new Int32Array(nodes);
  const b = new Int32Array(nodes);
  const child = (i: number, k: number): number => {
    if (k < nodes) return order[k]!;
    return order[shape === 'random' ? Math.floor(next() * nodes) : i >>> 1]!;
  };
  for (let i = 0; i < nodes; i++) {
    const node = order[i]!;
    a[node] = child(i, 2 * i + 1);
    b[node] = child(i, 2 * i + 2);
  }
  return { first: order[0]!, a, b };
}

/** One number for the whole graph: Go's must be the same. */
export function checksum({ first, a, b }: Edges): number {
  let sum = first;
  for (let i = 0; i < a.length; i++) {
    sum = (Math.imul(sum, 31) + a[i]!) | 0;
    sum = (Math.imul(sum, 31) + b[i]!) | 0;
  }
  return sum >>> 0;
}
