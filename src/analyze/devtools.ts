/**
 * A heap graph as Chrome's DevTools read it: the JSON of V8's heap snapshots (src/profiler/heap-snapshot-generator.cc), with
 * the fields that V8 14 writes. Nodes are the root of all, then a synthetic one for each group of roots, then the objects
 * that roots lead to; what is garbage already is left out, because V8's snapshots have none and DevTools would count its
 * pointers as retainers.
 *
 * A node's id is its address, so DevTools' comparison of two snapshots finds the same object in both.
 */
import { type Dominators, UNREACHED } from './dominators.ts';
import type { HeapGraph } from './graph.ts';
import { JsonWriter } from './json-writer.ts';
import { edgeLabels } from './labels.ts';

const NODE_TYPES = [
  'hidden',
  'array',
  'string',
  'object',
  'code',
  'closure',
  'regexp',
  'number',
  'native',
  'synthetic',
  'concatenated string',
  'sliced string',
  'symbol',
  'bigint',
  'object shape',
] as const;
const EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'] as const;
const NODE_FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count', 'detachedness'] as const;

const META = {
  node_fields: NODE_FIELDS,
  node_types: [NODE_TYPES, 'string', 'number', 'number', 'number', 'number'],
  edge_fields: ['type', 'name_or_index', 'to_node'],
  edge_types: [EDGE_TYPES, 'string_or_number', 'node'],
  trace_function_info_fields: ['function_id', 'name', 'script_name', 'script_id', 'line', 'column'],
  trace_node_fields: ['id', 'function_info_index', 'count', 'size', 'children'],
  sample_fields: ['timestamp_us', 'last_assigned_id'],
  location_fields: ['object_index', 'script_id', 'line', 'column'],
};
const STRING = NODE_TYPES.indexOf('string');
const OBJECT = NODE_TYPES.indexOf('object');
const SYNTHETIC = NODE_TYPES.indexOf('synthetic');
const ELEMENT = EDGE_TYPES.indexOf('element');
const PROPERTY = EDGE_TYPES.indexOf('property');
const INTERNAL = EDGE_TYPES.indexOf('internal');

/** Kinds of types whose pointers are no fields of the program's. */
const INTERNAL_KINDS: ReadonlySet<string> = new Set(['raw', 'map']);

/** Characters of a text that are shown; V8 cuts them, too. */
const TEXT_SHOWN = 256;
/** Different texts that are shown; further ones are called after their type. */
const MOST_TEXTS = 1 << 20;

const COMMA = 44;
const BRACKET = 91;

export interface DevToolsOptions {
  /** The text that a node is; undefined if it is none. */
  readonly textOf?: (node: number) => string | undefined;
  readonly onProgress?: (part: number) => void;
}

/** What went into the file. */
export interface DevToolsTotals {
  readonly nodes: number;
  readonly edges: number;
  readonly strings: number;
}

/** Strings by their number, in the order in which they were first asked for. */
class StringTable {
  readonly #numbers = new Map<string, number>();

  get count(): number {
    return this.#numbers.size;
  }

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  texts(): Iterable<string> {
    return this.#numbers.keys();
  }
}

/** Writes the snapshot; `write` gets chunks of bytes, one after the other, and must have used each when it returns. */
export function writeDevToolsSnapshot(
  graph: HeapGraph,
  dominators: Dominators,
  write: (bytes: Uint8Array) => void,
  options: DevToolsOptions = {},
): DevToolsTotals {
  const out = new JsonWriter(write);
  const strings = new StringTable();
  const plan = planOf(graph, dominators);
  const { onProgress = () => {} } = options;
  const counts = { node_count: plan.nodes, edge_count: plan.edges, trace_function_count: 0, extra_native_bytes: 0 };
  out.text(`{"snapshot":${JSON.stringify({ meta: META, ...counts })},\n"nodes":`);
  writeNodes(out, strings, plan, options.textOf ?? (() => undefined));
  onProgress(0.5);
  out.text('],\n"edges":');
  writeEdges(out, strings, plan);
  onProgress(0.9);
  out.text('],\n"trace_function_infos":[],\n"trace_tree":[],\n"samples":[],\n"locations":[],\n"strings":[');
  let separator = '';
  for (const text of strings.texts()) {
    out.text(separator).text(JSON.stringify(text));
    separator = ',\n';
  }
  out.text(']}\n').flush();
  onProgress(1);
  return { nodes: plan.nodes, edges: plan.edges, strings: strings.count };
}

interface Plan {
  readonly graph: HeapGraph;
  readonly dominators: Dominators;
  readonly nodes: number;
  readonly edges: number;
  /** By node of the graph: its place among the nodes of the file. */
  readonly placeOf: Uint32Array;
}

function planOf(graph: HeapGraph, dominators: Dominators): Plan {
  const { idom, groups } = dominators;
  const placeOf = new Uint32Array(graph.nodes);
  let nodes = 1 + groups.list.length;
  let edges = groups.list.length + groups.edges.length;
  for (let node = 1; node < graph.nodes; node++) {
    if (idom[node] === UNREACHED) continue;
    placeOf[node] = nodes++;
    edges += graph.firstEdge[node + 1]! - graph.firstEdge[node]!;
  }
  return { graph, dominators, nodes, edges, placeOf };
}

function writeNodes(
  out: JsonWriter,
  strings: StringTable,
  { graph, dominators, placeOf }: Plan,
  textOf: (node: number) => string | undefined,
): void {
  const { size, address, type, types, firstEdge } = graph;
  const { groups } = dominators;
  let before = BRACKET;
  const node = (kind: number, name: number, id: number, bytes: number, edges: number): void => {
    out.number(before, kind);
    out.number(COMMA, name);
    out.number(COMMA, id);
    out.number(COMMA, bytes);
    out.number(COMMA, edges);
    out.number(COMMA, 0);
    before = COMMA;
  };
  const ids = freeIds(graph, groups.list.length + 1);
  node(SYNTHETIC, strings.numberOf(''), ids[0]!, 0, groups.list.length);
  for (const [g, { name }] of groups.list.entries()) {
    node(SYNTHETIC, strings.numberOf(`(${name})`), ids[g + 1]!, 0, groups.first[g + 1]! - groups.first[g]!);
  }
  const names = types.map(({ name }) => strings.numberOf(name));
  for (let i = 1; i < graph.nodes; i++) {
    if (placeOf[i] === 0) continue;
    const text = textOf(i);
    const isShown = text !== undefined && strings.count < MOST_TEXTS;
    const name = isShown ? strings.numberOf(text.slice(0, TEXT_SHOWN)) : names[type[i]!]!;
    node(text === undefined ? OBJECT : STRING, name, address[i]!, size[i]!, firstEdge[i + 1]! - firstEdge[i]!);
  }
}

/** So many numbers, from 1 on, that are the address of no object. */
function freeIds({ nodes, address }: HeapGraph, count: number): number[] {
  const ids: number[] = [];
  for (let id = 1, node = 1; ids.length < count; id++) {
    while (node < nodes && address[node]! < id) node++;
    if (node === nodes || address[node] !== id) ids.push(id);
  }
  return ids;
}

function writeEdges(out: JsonWriter, strings: StringTable, plan: Plan): void {
  const { graph, dominators, placeOf } = plan;
  const { groups } = dominators;
  const { firstEdge, edgeTo, edgeOffset, type, types, roots } = graph;
  let before = plan.edges === 0 ? 0 : BRACKET;
  if (before === 0) out.text('[');
  const edge = (kind: number, name: number, to: number): void => {
    out.number(before, kind);
    out.number(COMMA, name);
    out.number(COMMA, to * NODE_FIELDS.length);
    before = COMMA;
  };
  for (let g = 0; g < groups.list.length; g++) edge(ELEMENT, g + 1, g + 1);
  for (let g = 0; g < groups.list.length; g++) {
    for (let i = groups.first[g]!; i < groups.first[g + 1]!; i++) {
      const e = groups.edges[i]!;
      const root = roots[edgeOffset[e]!]!;
      const to = placeOf[edgeTo[e]!]!;
      if (root.kind === 'named') edge(PROPERTY, strings.numberOf(root.name), to);
      else edge(ELEMENT, i - groups.first[g]!, to);
    }
  }
  const labels = edgeLabels(graph);
  const isInternal = Uint8Array.from(types, ({ kind }) => (INTERNAL_KINDS.has(kind) ? 1 : 0));
  for (let i = 1; i < graph.nodes; i++) {
    if (placeOf[i] === 0) continue;
    const end = firstEdge[i + 1]!;
    for (let e = firstEdge[i]!; e < end; e++) {
      const label = labels(i, e);
      const to = placeOf[edgeTo[e]!]!;
      if (typeof label === 'number') edge(ELEMENT, label, to);
      else edge(isInternal[type[i]!] === 1 ? INTERNAL : PROPERTY, strings.numberOf(label), to);
    }
  }
}
