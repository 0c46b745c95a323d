// The graph in our heap: an object per node, and a slice of references by id.
import {
  array,
  attachHeap,
  createHeap,
  f64,
  type Heap,
  ref,
  type SharedHeap,
  slice,
  struct,
  u32,
} from '../../src/index.ts';
import { edges, NEIGHBOURS, type Reader, weightOf } from './graph.ts';

const Node = struct('Node', {
  id: u32,
  weight: f64,
  get neighbours() {
    return array(ref(Node), NEIGHBOURS);
  },
});
const Nodes = slice(ref(Node));

const BYTES = 1 << 30;
const PER_SCOPE = 10_000;

export function build(n: number): Heap {
  // The collector runs, as V8's does while the other forms are made.
  const heap = createHeap({ maxBytes: BYTES, gc: 'on' });
  const to = edges(n);
  const nodes = heap.make(Nodes, n);
  heap.roots.set('nodes', nodes);
  const inScopes = (fn: (i: number) => void): void => {
    for (let at = 0; at < n; at += PER_SCOPE) {
      heap.scope(() => {
        for (let i = at; i < Math.min(n, at + PER_SCOPE); i++) fn(i);
      });
    }
  };
  inScopes((i) => nodes.set(i, heap.new(Node, { id: i, weight: weightOf(i) })));
  inScopes((i) => {
    const { neighbours } = nodes.at(i)!;
    for (let k = 0; k < NEIGHBOURS; k++) neighbours.set(k, nodes.at(to[i * NEIGHBOURS + k]!));
  });
  return heap;
}

export function receive(graph: unknown): Reader {
  const heap = attachHeap(graph as SharedHeap);
  const nodes = heap.roots.get('nodes', Nodes)!;
  const last = NEIGHBOURS - 1;
  const readAll = (ids: Uint32Array, from: number, to: number): number => {
    let sum = 0;
    for (let i = from; i < to; i++) {
      const node = nodes.at(ids[i]!)!;
      sum += node.weight + node.neighbours.at(i & last)!.weight;
    }
    return sum;
  };
  return { read: (ids, from, to) => heap.scope(() => readAll(ids, from, to)) };
}
