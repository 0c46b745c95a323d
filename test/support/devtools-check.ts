/**
 * The rules of V8's heap-snapshot files, as whoever loads one relies on them: counts, strides, indices. Throws at the first
 * thing that is wrong.
 */

interface Meta {
  readonly node_fields: string[];
  readonly node_types: (string | string[])[];
  readonly edge_fields: string[];
  readonly edge_types: (string | string[])[];
}

export interface DevToolsFile {
  readonly snapshot: { readonly meta: Meta; readonly node_count: number; readonly edge_count: number };
  readonly nodes: number[];
  readonly edges: number[];
  readonly strings: string[];
}

export interface DevToolsNode {
  readonly type: string;
  readonly name: string;
  readonly id: number;
  readonly size: number;
  readonly edges: readonly { readonly type: string; readonly name: string | number; readonly to: number }[];
}

/** All nodes with their edges, whose `to` are numbers of nodes. */
export function readDevToolsFile(text: string): DevToolsNode[] {
  const { snapshot, nodes, edges, strings } = JSON.parse(text) as DevToolsFile;
  const { meta, node_count, edge_count } = snapshot;
  const fail = (what: string): never => {
    throw new Error(what);
  };
  const width = meta.node_fields.length;
  const edgeWidth = meta.edge_fields.length;
  // V8 13 names more types than fields.
  if (meta.node_types.length < width) fail(`${meta.node_types.length} types of ${width} node fields`);
  if (nodes.length !== node_count * width) fail(`${nodes.length} numbers of ${node_count} nodes`);
  if (edges.length !== edge_count * edgeWidth) fail(`${edges.length} numbers of ${edge_count} edges`);
  for (const n of [...nodes, ...edges]) if (!Number.isInteger(n) || n < 0 || n > 0xffffffff) fail(`${n} is no index`);
  const at = (field: string): number => meta.node_fields.indexOf(field);
  const [TYPE, NAME, ID, SIZE, COUNT] = ['type', 'name', 'id', 'self_size', 'edge_count'].map(at) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const nameOf = (index: number): string => strings[index] ?? fail(`string ${index} of ${strings.length}`);
  const typeName = (list: string | string[] | undefined, index: number): string =>
    list?.[index] ?? fail(`type ${index}`);
  const ids = new Set<number>();
  let next = 0;
  const result: DevToolsNode[] = [];
  for (let i = 0; i < nodes.length; i += width) {
    const own = Array.from({ length: nodes[i + COUNT]! }, (_, k) => {
      const [type = -1, name = -1, to = -1] = edges.slice((next + k) * edgeWidth, (next + k + 1) * edgeWidth);
      if (to % width !== 0 || to < 0 || to >= nodes.length) fail(`an edge leads to ${to}`);
      const kind = typeName(meta.edge_types[0], type);
      return { type: kind, name: kind === 'element' || kind === 'hidden' ? name : nameOf(name), to: to / width };
    });
    next += own.length;
    const id = nodes[i + ID]!;
    if (ids.has(id)) fail(`two nodes have the id ${id}`);
    ids.add(id);
    const type = typeName(meta.node_types[0], nodes[i + TYPE]!);
    result.push({ type, name: nameOf(nodes[i + NAME]!), id, size: nodes[i + SIZE]!, edges: own });
  }
  if (next !== edge_count) fail(`the nodes have ${next} edges, the file ${edge_count}`);
  return result;
}
