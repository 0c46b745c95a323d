/** Dominators and retained sizes against their definition: what cannot be reached without an object. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dominatorsOf, UNREACHED } from '../../../src/analyze/dominators.ts';
import type { HeapGraph } from '../../../src/analyze/graph.ts';
import { type GraphSketch, graphOf, reachable } from '../../support/heap-graph.ts';

/** Random graphs: some sparse, some dense, with cycles, unreachable parts, double edges and edges to oneself. */
const sketches: fc.Arbitrary<GraphSketch> = fc.integer({ min: 1, max: 24 }).chain((count) => {
  const node = fc.integer({ min: 1, max: count });
  return fc.record({
    edges: fc.array(fc.array(node, { maxLength: 4 }), { minLength: count, maxLength: count }),
    roots: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), node), { maxLength: 5 }),
    sizes: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: count, maxLength: count }),
  });
});

/** Immediate dominators by removing each node, and each group of roots, in turn. */
function naive(graph: HeapGraph): { idom: number[]; retained: number[] } {
  const { groups } = dominatorsOf(graph);
  const all = reachable(graph, () => false);
  const count = graph.nodes + groups.list.length;
  const groupName = (g: number): string => JSON.parse(groups.list[g]!.name.replace('root ', ''));
  const lostWithout = Array.from({ length: count }, (_, i) => {
    const left =
      i < graph.nodes
        ? reachable(graph, (node) => node === i)
        : reachable(
            graph,
            () => false,
            (root) => graph.roots[root]!.name === groupName(i - graph.nodes),
          );
    return i === 0 ? all : new Set([...all].filter((node) => !left.has(node)));
  });
  const dominators = (node: number): number[] =>
    [...lostWithout.keys()].filter((i) => i !== node && lostWithout[i]!.has(node));
  // Of all dominators the immediate one is that which dominates least.
  const idom = Array.from({ length: count }, (_, node) => {
    if (node === 0 || node >= graph.nodes) return 0;
    if (!all.has(node)) return UNREACHED;
    return dominators(node).reduce((a, b) => {
      if (lostWithout[a]!.size !== lostWithout[b]!.size) return lostWithout[a]!.size < lostWithout[b]!.size ? a : b;
      // Root of all, group, object: the later the nearer.
      const rank = (i: number): number => (i === 0 ? 0 : i >= graph.nodes ? 1 : 2);
      return rank(a) > rank(b) ? a : b;
    });
  });
  const retained = lostWithout.map((lost) => [...lost].reduce((sum, node) => sum + graph.size[node]!, 0));
  return { idom, retained };
}

describe('random graphs', () => {
  test('agree with the definition', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        const graph = graphOf(sketch);
        const found = dominatorsOf(graph);
        const expected = naive(graph);
        expect([...found.idom]).toEqual(expected.idom);
        expect([...found.retained]).toEqual(expected.retained);
        expect(found.reached).toBe(reachable(graph, () => false).size);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Typed arrays by hand: what is too large for a sketch. */
function large(count: number, edges: (node: number, add: (to: number) => void) => void, rootTo: number[]): HeapGraph {
  const firstEdge = new Uint32Array(count + 2);
  const edgeTo: number[] = [...rootTo];
  for (let node = 1; node <= count; node++) {
    firstEdge[node] = edgeTo.length;
    edges(node, (to) => edgeTo.push(to));
  }
  firstEdge[count + 1] = edgeTo.length;
  return {
    ...graphOf({ edges: [], roots: rootTo.map((to) => ['r', to]) }),
    nodes: count + 1,
    address: Uint32Array.from({ length: count + 1 }, (_, i) => i * 16),
    size: new Uint32Array(count + 1).fill(16, 1),
    type: new Uint16Array(count + 1),
    firstEdge,
    edgeTo: Uint32Array.from(edgeTo),
    edgeOffset: new Uint32Array(edgeTo.length),
  };
}

const MILLION = 1_000_000;

describe('large shapes', () => {
  test('a chain of a million', () => {
    const graph = large(MILLION, (node, add) => node < MILLION && add(node + 1), [1]);
    const { idom, retained } = dominatorsOf(graph);
    for (let node = 2; node <= MILLION; node++) if (idom[node] !== node - 1) expect.fail(`node ${node}`);
    expect(retained[1]).toBe(16 * MILLION);
    expect(retained[MILLION]).toBe(16);
  });

  test('a chain that leads back at each step', () => {
    const graph = large(MILLION, (node, add) => node > 1 && add(node - 1), [MILLION]);
    const back = large(
      MILLION,
      (node, add) => {
        add(Math.max(1, node - 7));
        if (node < MILLION) add(node + 1);
      },
      [1],
    );
    expect(dominatorsOf(graph).retained[MILLION]).toBe(16 * MILLION);
    expect(dominatorsOf(back).idom[MILLION]).toBe(MILLION - 1);
  });

  test('a star', () => {
    const graph = large(
      MILLION,
      (node, add) => {
        if (node === 1) for (let to = 2; to <= MILLION; to++) add(to);
      },
      [1],
    );
    const { idom, retained } = dominatorsOf(graph);
    expect(idom[MILLION]).toBe(1);
    expect(retained[1]).toBe(16 * MILLION);
    expect(retained[2]).toBe(16);
  });

  test('a list of nodes with values that an array holds, too, in about the time of any other graph', () => {
    // 1: holder of the list, which begins with 3, and of the array, 2. Node 3 + 2i of the list has the value 4 + 2i.
    const count = 400_001;
    const graph = large(
      count + 1,
      (node, add) => {
        if (node === 1) {
          add(3);
          add(2);
        } else if (node === 2) for (let value = 4; value <= count + 1; value += 2) add(value);
        else if (node % 2 === 1) {
          add(node + 1);
          if (node + 2 <= count) add(node + 2);
        }
      },
      [1],
    );
    const { idom } = dominatorsOf(graph);
    for (let value = 4; value <= count + 1; value += 2) if (idom[value] !== 1) expect.fail(`value ${value}`);
    for (let node = 5; node <= count; node += 2) if (idom[node] !== node - 2) expect.fail(`node ${node}`);
  });

  test('sums that pass 2³²', () => {
    const graph = graphOf({ edges: [[2, 3], [], []], roots: [['r', 1]], sizes: [16, 3e9, 3e9] });
    expect(dominatorsOf(graph).retained[1]).toBe(6_000_000_016);
  });
});

test('what no root leads to, and a graph of nothing', () => {
  const graph = graphOf({ edges: [[], [3], [2, 1]], roots: [['r', 1]] });
  const { idom, retained, reached } = dominatorsOf(graph);
  expect([...idom]).toEqual([0, 4, UNREACHED, UNREACHED, 0]);
  expect([...retained]).toEqual([16, 16, 0, 0, 16]);
  expect(reached).toBe(1);
  const empty = dominatorsOf(graphOf({ edges: [], roots: [] }));
  expect([...empty.idom]).toEqual([0]);
  expect(empty.reached).toBe(0);
});

test('roots are put together as people think of them', () => {
  const stack = (thread: number) => ({ kind: 'stack' as const, name: `local reference of thread ${thread}`, thread });
  const graph = graphOf({
    edges: [[], [], [], [2]],
    roots: [
      [stack(2), 1],
      ['posts', 2],
      [stack(1), 4],
      [stack(2), 3],
    ],
  });
  const { groups, idom, retained } = dominatorsOf(graph);
  expect(groups.list).toEqual([
    { kind: 'named', name: 'root "posts"', thread: 0, count: 1 },
    { kind: 'stack', name: 'local references of thread 2', thread: 2, count: 2 },
    { kind: 'stack', name: 'local references of thread 1', thread: 1, count: 1 },
  ]);
  // 2 is held by the root "posts" and by what thread 1 holds.
  expect([...idom]).toEqual([0, 6, 0, 6, 7, 0, 0, 0]);
  expect([...retained].slice(5)).toEqual([0, 32, 16]);
});

test('progress goes up to 1', () => {
  const parts: number[] = [];
  dominatorsOf(
    large(600_000, (node, add) => node < 600_000 && add(node + 1), [1]),
    (part) => parts.push(part),
  );
  expect(parts.at(-1)).toBe(1);
  expect(parts.length).toBeGreaterThan(4);
  expect(parts).toEqual(parts.toSorted((a, b) => a - b));
});
