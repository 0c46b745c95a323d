/** Names for people: of objects, of what is in them, of edges. */
import type { GraphType, HeapGraph } from './graph.ts';

/** `0x1f40`. */
export function addressText(address: number): string {
  return `0x${address.toString(16)}`;
}

export function typeNameOf(graph: HeapGraph, node: number): string {
  return graph.types[graph.type[node]!]!.name;
}

/** The least slot. */
const LEAST_SLOT = 8;

/**
 * Whether an object of so many bytes holds several values. No size class is twice as large as what it is taken for, but the
 * first: a struct of one pointer has room for two of them, and is one all the same.
 */
function isRowOf(size: number, isStruct: boolean, objectBytes: number): boolean {
  return size > 0 && objectBytes >= 2 * size && (objectBytes > LEAST_SLOT || !isStruct);
}

/** What is at a byte offset in an object. */
interface Place {
  /** Which of the values that the object holds in a row; −1 when it holds one, or nothing is known. */
  readonly index: number;
  /** '' if the type has no fields. */
  readonly field: string;
}

function placeAt({ size, fields, kind }: GraphType, objectBytes: number, offset: number): Place | undefined {
  if (size === 0) return undefined;
  const index = Math.floor(offset / size);
  const rest = offset - index * size;
  const field = fields.findLast((f) => f.offset <= rest)?.name ?? (kind === 'slice' ? 'array' : '');
  const isRow = isRowOf(size, fields.length > 0, objectBytes);
  return isRow || field !== '' ? { index: isRow ? index : -1, field } : undefined;
}

/**
 * What is at a byte offset in an object: `.replies`, or `[3].replies` when the object holds several values of its type in
 * a row, `[3]` of an array, `.array` of a slice, `+12` when nothing is known.
 */
function placeIn(type: GraphType, objectBytes: number, offset: number): string {
  const place = placeAt(type, objectBytes, offset);
  if (place === undefined) return `+${offset}`;
  const { index, field } = place;
  return (index < 0 ? '' : `[${index}]`) + (field === '' || field.startsWith('[') ? field : `.${field}`);
}

/** Elements of structs that get names of their own. */
const MOST_INDEXED = 1000;

/**
 * A function that names edges for others to show: with an index if the object is a row of pointers, else with a text without
 * the point. Made for many edges: there are few different texts.
 */
export function edgeLabels(graph: HeapGraph): (from: number, edge: number) => number | string {
  const known = new Map<number, Map<number, string>>();
  return (from, edge) => {
    const offset = graph.edgeOffset[edge]!;
    const number = graph.type[from]!;
    const type = graph.types[number]!;
    const bytes = graph.size[from]!;
    const isRow = isRowOf(type.size, type.fields.length > 0, bytes);
    if (isRow && type.fields.length === 0 && type.kind !== 'slice') return Math.floor(offset / type.size);
    if (isRow && offset >= MOST_INDEXED * type.size) {
      return `[…].${placeAt(type, bytes, offset)?.field}`;
    }
    let names = known.get(number * 2 + (isRow ? 1 : 0));
    if (names === undefined) known.set(number * 2 + (isRow ? 1 : 0), (names = new Map()));
    let name = names.get(offset);
    if (name === undefined) names.set(offset, (name = placeIn(type, bytes, offset).replace(/^\./, '')));
    return name;
  };
}

/** The place that the pointer of an edge is in; of an edge of node 0 the root's name. */
export function edgeName(graph: HeapGraph, from: number, edge: number): string {
  const offset = graph.edgeOffset[edge]!;
  if (from === 0) return rootName(graph, offset);
  return placeIn(graph.types[graph.type[from]!]!, graph.size[from]!, offset);
}

/**
 * A function that tells what kind of place a pointer is in: `Post.replies`, `slice(ref(Post)) elements[…]`, `root "posts"`.
 * Made for many edges: it remembers what it has told.
 */
export function placeKinds(graph: HeapGraph): (from: number, edge: number) => string {
  const known = new Map<number, Map<number, string>>();
  return (from, edge) => {
    const offset = graph.edgeOffset[edge]!;
    if (from === 0) return rootName(graph, offset);
    const number = graph.type[from]!;
    const type = graph.types[number]!;
    const inValue = type.size === 0 ? 0 : offset % type.size;
    let names = known.get(number);
    if (names === undefined) known.set(number, (names = new Map()));
    let name = names.get(inValue);
    if (name === undefined) names.set(inValue, (name = type.name + kindOfPlace(type, inValue)));
    return name;
  };
}

/** Of slots of a map's groups not the number, as of elements. */
function kindOfPlace(type: GraphType, inValue: number): string {
  const field = placeAt(type, type.size, inValue)?.field ?? '';
  if (field !== '') return `.${field.replace(/^slot \d+ /, '')}`;
  return type.size === 0 || type.kind === 'raw' ? '' : '[…]';
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
