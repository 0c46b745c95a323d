/** The export for Chrome's DevTools, by the rules of V8's format; the same check accepts a snapshot that V8 has written. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import v8 from 'node:v8';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DevToolsOptions, writeDevToolsSnapshot } from '../../../src/analyze/devtools.ts';
import { dominatorsOf } from '../../../src/analyze/dominators.ts';
import type { HeapGraph } from '../../../src/analyze/graph.ts';
import { JsonWriter } from '../../../src/analyze/json-writer.ts';
import { type DevToolsNode, readDevToolsFile } from '../../support/devtools-check.ts';
import { addressOf, graphOf, reachable, UNKNOWN_TYPE } from '../../support/heap-graph.ts';

function textOf(graph: HeapGraph, options?: DevToolsOptions): string {
  const parts: Buffer[] = [];
  const totals = writeDevToolsSnapshot(graph, dominatorsOf(graph), (b) => void parts.push(Buffer.from(b)), options);
  const text = Buffer.concat(parts).toString();
  const { snapshot, strings } = JSON.parse(text);
  expect(totals).toEqual({ nodes: snapshot.node_count, edges: snapshot.edge_count, strings: strings.length });
  return text;
}

const nodesOf = (graph: HeapGraph, options?: DevToolsOptions): DevToolsNode[] =>
  readDevToolsFile(textOf(graph, options));

test('the check accepts what V8 writes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-v8-'));
  try {
    const text = readFileSync(v8.writeHeapSnapshot(join(folder, 'v8.heapsnapshot')), 'utf8');
    expect(readDevToolsFile(text).length).toBeGreaterThan(10_000);
    expect(() => readDevToolsFile(text.replace('"nodes":[', '"nodes":[0,'))).toThrow(/numbers of/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('a small graph', () => {
  const post = {
    name: 'Post "1"',
    size: 8,
    kind: 'struct',
    fields: [
      { name: 'text', offset: 0, type: 'string' },
      { name: 'next', offset: 4, type: 'ref(Post)' },
    ],
  };
  const refs = { name: 'slice(ref(Post)) elements', size: 4, kind: 'ref', fields: [] };
  const graph = graphOf({
    edges: [[2, 3], [2, 2], [], [], [3, 1]],
    roots: [
      ['posts', 1],
      [{ kind: 'stack', name: 'local reference of thread 1', thread: 1 }, 2],
      [{ kind: 'stack', name: 'local reference of thread 1', thread: 1 }, 5],
    ],
    sizes: [8, 16, 3_000_000_000, 16, 16],
    typeOf: [1, 2, 3, 0, 1],
    types: [UNKNOWN_TYPE, post, refs, { name: 'string bytes', size: 1, kind: 'bytes', fields: [] }],
    offsets: [[0, 4], [0, 12], [], [], [4, 8]],
  });

  test('nodes and edges, names and ids; garbage is left out', () => {
    expect(nodesOf(graph)).toEqual([
      {
        type: 'synthetic',
        name: '',
        id: 1,
        size: 0,
        edges: [
          { type: 'element', name: 1, to: 1 },
          { type: 'element', name: 2, to: 2 },
        ],
      },
      {
        type: 'synthetic',
        name: '(root "posts")',
        id: 2,
        size: 0,
        edges: [{ type: 'property', name: 'posts', to: 3 }],
      },
      {
        type: 'synthetic',
        name: '(local references of thread 1)',
        id: 3,
        size: 0,
        edges: [
          { type: 'element', name: 0, to: 4 },
          { type: 'element', name: 1, to: 6 },
        ],
      },
      {
        type: 'object',
        name: 'Post "1"',
        id: addressOf(1),
        size: 8,
        edges: [
          { type: 'property', name: 'text', to: 4 },
          { type: 'property', name: 'next', to: 5 },
        ],
      },
      {
        type: 'object',
        name: 'slice(ref(Post)) elements',
        id: addressOf(2),
        size: 16,
        edges: [
          { type: 'element', name: 0, to: 4 },
          { type: 'element', name: 3, to: 4 },
        ],
      },
      { type: 'object', name: 'string bytes', id: addressOf(3), size: 3_000_000_000, edges: [] },
      {
        type: 'object',
        name: 'Post "1"',
        id: addressOf(5),
        size: 16,
        edges: [
          { type: 'property', name: '[0].next', to: 5 },
          { type: 'property', name: '[1].text', to: 3 },
        ],
      },
    ]);
  });

  test('texts are the names of strings, whatever is in them', () => {
    const texts = ['"\\\n\u2028<script>', '', 'x'.repeat(1000), '😀'];
    for (const text of texts) {
      const node = nodesOf(graph, { textOf: (i) => (i === 3 ? text : undefined) })[5]!;
      expect(node).toMatchObject({ type: 'string', name: text.slice(0, 256), id: addressOf(3) });
    }
  });
});

test('random graphs keep all that is reachable', () => {
  const sketches = fc.integer({ min: 1, max: 20 }).chain((count) => {
    const node = fc.integer({ min: 1, max: count });
    return fc.record({
      edges: fc.array(fc.array(node, { maxLength: 4 }), { minLength: count, maxLength: count }),
      roots: fc.array(fc.tuple(fc.constantFrom('a', 'b'), node), { maxLength: 4 }),
    });
  });
  fc.assert(
    fc.property(sketches, (sketch) => {
      const graph = graphOf(sketch);
      const kept = [...reachable(graph, () => false)].sort((a, b) => a - b);
      const nodes = nodesOf(graph);
      const objects = nodes.filter(({ type }) => type === 'object');
      expect(objects.map(({ id }) => id)).toEqual(kept.map(addressOf));
      for (const [k, node] of kept.entries()) {
        expect(objects[k]!.edges.map(({ to }) => nodes[to]!.id)).toEqual(sketch.edges[node - 1]!.map(addressOf));
      }
    }),
  );
});

test('ids that objects have are not given to roots', () => {
  const graph = graphOf({
    edges: [[], []],
    roots: [
      ['a', 1],
      ['b', 2],
    ],
  });
  const low = { ...graph, address: Uint32Array.of(0, 2, 3) };
  expect(nodesOf(low).map(({ id }) => id)).toEqual([1, 4, 5, 2, 3]);
});

test('numbers and texts over the ends of chunks', () => {
  const parts: Buffer[] = [];
  const out = new JsonWriter((bytes) => parts.push(Buffer.from(bytes)));
  const expected: string[] = [];
  for (let i = 0; i < 400_000; i++) {
    const n = [0, 9, 10, 99, 2147483647, 2147483648, 4294967295, 2 ** 53 - 1][i % 8]!;
    out.number(44, n);
    out.text('é');
    expected.push(`,${n}é`);
  }
  out.text('ü'.repeat(1_000_000)).flush();
  expect(parts.length).toBeGreaterThan(3);
  expect(Buffer.concat(parts).toString() === `${expected.join('')}${'ü'.repeat(1_000_000)}`).toBe(true);
});
