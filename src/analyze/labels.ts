/** Names for people: of objects, of what is in them, of edges. */
import type { GraphType, HeapGraph } from './graph.ts';

/** `0x1f40`. */
export function addressText(address: number): string {
  return `0x${address.toString(16)}`;
}

export function typeNameOf(graph: HeapGraph, node: number): string {
  return graph.types[graph.type[node]!]!.name;
}

/**
 * What is at a byte offset in an object: `.replies`, or `[3].replies` when the object holds several values of its type in
 * a row, `[3]` of an array, `+12` when nothing is known.
 */
export function placeIn(type: GraphType, objectBytes: number, offset: number): string {
  const { size, fields } = type;
  if (size === 0) return `+${offset}`;
  const index = Math.floor(offset / size);
  const rest = offset - index * size;
  const isRow = objectBytes >= 2 * size;
  const field = fields.findLast((f) => f.offset <= rest);
  if (field === undefined) return isRow ? `[${index}]` : `+${offset}`;
  return isRow ? `[${index}].${field.name}` : `.${field.name}`;
}

/** The place that the pointer of an edge is in; of an edge of node 0 the root's name. */
export function edgeName(graph: HeapGraph, from: number, edge: number): string {
  const offset = graph.edgeOffset[edge]!;
  if (from === 0) return rootName(graph, offset);
  return placeIn(graph.types[graph.type[from]!]!, graph.size[from]!, offset);
}

export function rootName(graph: HeapGraph, root: number): string {
  const { kind, name } = graph.roots[root]!;
  return kind === 'named' ? `root ${JSON.stringify(name)}` : name;
}

/** The node that an edge comes from. */
export function sourceOf({ firstEdge, nodes }: HeapGraph, edge: number): number {
  let low = 0;
  let high = nodes;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (firstEdge[middle]! <= edge) low = middle;
    else high = middle;
  }
  return low;
}
