// Graphs as the reader of snapshots makes them, in shapes that a heap may have.
import type { HeapGraph } from '../../src/analyze/graph.ts';
import { permutation, random } from '../workload.ts';

export const GRAPH_SHAPES = ['in order', 'random', 'list and index'] as const;
/**
 * A tree whose nodes lie in the order in which they were made and point to their parents; the same anywhere in memory; and
 * a linked list whose nodes have a value each, which an array holds as well.
 */
export type GraphShape = (typeof GRAPH_SHAPES)[number];

export interface AnalyzeTask {
  readonly objects: number;
  readonly shape: GraphShape;
}

const SEED = 815;
const BYTES = 16;
const TYPES = 40;

export function heapGraph({ objects, shape }: AnalyzeTask): HeapGraph {
  const nodes = objects + 1;
  const firstEdge = new Uint32Array(nodes + 1);
  const to = new Uint32Array(3 * objects + 1);
  let edges = 0;
  const add = (node: number): void => {
    if (node >= 1 && node <= objects) to[edges++] = node;
  };
  const pointers = POINTERS[shape](objects, add);
  add(pointers.first);
  for (let node = 1; node <= objects; node++) {
    firstEdge[node] = edges;
    pointers.of(node);
  }
  firstEdge[nodes] = edges;
  return {
    nodes,
    address: Uint32Array.from({ length: nodes }, (_, node) => node * BYTES),
    size: new Uint32Array(nodes).fill(BYTES, 1),
    type: new Uint16Array(nodes).map((_, node) => node % TYPES),
    firstEdge,
    edgeTo: to.slice(0, edges),
    edgeOffset: new Uint32Array(edges),
    types: Array.from({ length: TYPES }, (_, i) => ({ name: `T${i}`, size: BYTES, kind: 'struct', fields: [] })),
    roots: [{ kind: 'named', name: 'root', thread: 0, address: pointers.first * BYTES }],
  };
}

interface Pointers {
  /** What the root leads to. */
  readonly first: number;
  /** Adds what a node points to. */
  readonly of: (node: number) => void;
}

const POINTERS: Readonly<Record<GraphShape, (objects: number, add: (node: number) => void) => Pointers>> = {
  'in order': (_, add) => {
    const of = (node: number): void => {
      add(2 * node);
      add(2 * node + 1);
      add(node >>> 1);
    };
    return { first: 1, of };
  },
  random: (objects, add) => {
    const place = permutation(objects, SEED);
    const rank = new Int32Array(objects);
    for (const [i, at] of place.entries()) rank[at] = i;
    const next = random(SEED);
    const of = (node: number): void => {
      const child = 2 * rank[node - 1]! + 1;
      for (const i of [child, child + 1]) add((i < objects ? place[i]! : Math.floor(next() * objects)) + 1);
      if (next() < 0.3) add(1 + Math.floor(next() * objects));
    };
    return { first: place[0]! + 1, of };
  },
  // 1 holds the list, whose nodes are 3, 5, 7 … with the values 4, 6, 8 …, and the array, 2.
  'list and index': (objects, add) => {
    const of = (node: number): void => {
      if (node === 1) for (const held of [3, 2]) add(held);
      else if (node === 2) for (let value = 4; value <= objects; value += 2) add(value);
      else if (node % 2 === 1) for (const held of [node + 1, node + 2]) add(held);
    };
    return { first: 1, of };
  },
};
