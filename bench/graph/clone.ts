// The graph as JS objects, for structuredClone: with pointers from node to node, and with ids instead.
import { edges, NEIGHBOURS, type Reader, weightOf } from './graph.ts';

interface Linked {
  readonly id: number;
  readonly weight: number;
  readonly neighbours: Linked[];
}

interface Numbered {
  readonly id: number;
  readonly weight: number;
  readonly neighbours: number[];
}

export function buildLinked(n: number): Linked[] {
  const to = edges(n);
  const nodes: Linked[] = Array.from({ length: n }, (_, id) => ({ id, weight: weightOf(id), neighbours: [] }));
  for (const { id, neighbours } of nodes) {
    for (let k = 0; k < NEIGHBOURS; k++) neighbours.push(nodes[to[id * NEIGHBOURS + k]!]!);
  }
  return nodes;
}

export function buildNumbered(n: number): Numbered[] {
  const to = edges(n);
  return Array.from({ length: n }, (_, id) => {
    return { id, weight: weightOf(id), neighbours: [...to.subarray(id * NEIGHBOURS, (id + 1) * NEIGHBOURS)] };
  });
}

export function receiveLinked(graph: unknown): Reader {
  const nodes = graph as Linked[];
  return {
    read(ids, from, to) {
      let sum = 0;
      for (let i = from; i < to; i++) {
        const node = nodes[ids[i]!]!;
        sum += node.weight + node.neighbours[i & (NEIGHBOURS - 1)]!.weight;
      }
      return sum;
    },
  };
}

export function receiveNumbered(graph: unknown): Reader {
  const nodes = graph as Numbered[];
  return {
    read(ids, from, to) {
      let sum = 0;
      for (let i = from; i < to; i++) {
        const node = nodes[ids[i]!]!;
        sum += node.weight + nodes[node.neighbours[i & (NEIGHBOURS - 1)]!]!.weight;
      }
      return sum;
    },
  };
}
