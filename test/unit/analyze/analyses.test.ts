/** Totals, paths, retainers and differences on graphs that are small enough to be looked through. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { greatest } from '../../../src/analyze/biggest.ts';
import { retainedByTypes, totalsBySize, totalsByType } from '../../../src/analyze/by-type.ts';
import { changesByType, keepThoseIn, matchObjects, newObjects } from '../../../src/analyze/diff.ts';
import { dominatorsOf } from '../../../src/analyze/dominators.ts';
import { aroundAddress, namesLike, nodeAt, typesNamed } from '../../../src/analyze/find.ts';
import type { GraphType, HeapGraph } from '../../../src/analyze/graph.ts';
import { edgeName, sourceOf } from '../../../src/analyze/labels.ts';
import { type Paths, pathsTo } from '../../../src/analyze/paths.ts';
import { dominatedBy, dominatorsAbove, holdersOfTypes, retainersOf } from '../../../src/analyze/retainers.ts';
import { graphOf, reachable, retainedBySet, UNKNOWN_TYPE } from '../../support/heap-graph.ts';

const POST: GraphType = {
  name: 'Post',
  size: 12,
  kind: 'struct',
  fields: [
    { name: 'id', offset: 0, type: 'u32' },
    { name: 'text', offset: 4, type: 'string' },
  ],
};
const REFS: GraphType = { name: 'slice(ref(Post)) elements', size: 4, kind: 'elements', fields: [] };
const TYPES = [UNKNOWN_TYPE, POST, REFS];

const typed = fc.integer({ min: 1, max: 20 }).chain((count) => {
  const node = fc.integer({ min: 1, max: count });
  return fc.record({
    edges: fc.array(fc.array(node, { maxLength: 3 }), { minLength: count, maxLength: count }),
    roots: fc.array(fc.tuple(fc.constantFrom('a', 'b'), node), { maxLength: 4 }),
    sizes: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: count, maxLength: count }),
    typeOf: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: count, maxLength: count }),
    types: fc.constant(TYPES),
  });
});

test('the greatest of many are those that sorting finds', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 20 })), fc.integer({ min: 0, max: 12 }), (weights, most) => {
      const sorted = weights
        .map((weight, i) => ({ weight, i }))
        .filter(({ weight }) => weight >= 0)
        .sort((a, b) => b.weight - a.weight || a.i - b.i);
      expect(greatest(0, weights.length, most, (i) => weights[i]!)).toEqual(sorted.slice(0, most).map(({ i }) => i));
    }),
  );
});

describe('by type', () => {
  test('what a type retains is what is unreachable without all of it', () => {
    fc.assert(
      fc.property(typed, (sketch) => {
        const graph = graphOf(sketch);
        const lists = [[0], [1], [2], [1, 2]];
        const expected = lists.map((list) => retainedBySet(graph, (node) => list.includes(graph.type[node]!)));
        expect(retainedByTypes(graph, dominatorsOf(graph), lists)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test('more lists than fit in one pass', () => {
    // Node 1 leads to all others, each of a type of its own.
    const count = 70;
    const types = Array.from({ length: count + 1 }, (_, i) => ({ ...POST, name: `T${i}` }));
    const graph = graphOf({
      edges: Array.from({ length: count }, (_, i) =>
        i === 0 ? Array.from({ length: count - 1 }, (_, k) => k + 2) : [],
      ),
      roots: [['r', 1]],
      typeOf: Array.from({ length: count }, (_, i) => i + 1),
      types,
    });
    const parts: number[] = [];
    const lists = Array.from({ length: count }, (_, i) => [i + 1]);
    const retained = retainedByTypes(graph, dominatorsOf(graph), lists, (part) => parts.push(part));
    expect(retained).toEqual([16 * count, ...Array(count - 1).fill(16)]);
    expect(parts).toHaveLength(3);
    expect(parts.at(-1)).toBe(1);
  });

  test('counts and bytes, unreachable ones too; types of one name are one', () => {
    const graph = graphOf({
      edges: [[], [], [], []],
      roots: [['r', 1]],
      sizes: [10, 20, 40, 80],
      typeOf: [1, 1, 2, 3],
      types: [...TYPES, { ...REFS, name: 'Post' }],
    });
    expect(totalsByType(graph, dominatorsOf(graph).idom)).toEqual([
      { name: 'Post', types: [1, 3], count: 3, bytes: 110, unreachableCount: 2, unreachableBytes: 100 },
      { name: REFS.name, types: [2], count: 1, bytes: 40, unreachableCount: 1, unreachableBytes: 40 },
    ]);
    expect(totalsByType(graph, null)[0]).toMatchObject({ unreachableCount: 0 });
  });

  test('by size: slots one by one, large objects together', () => {
    const graph = graphOf({ edges: [[], [], [], [], []], roots: [], sizes: [16, 32768, 16, 50_000, 40_000] });
    expect(totalsBySize(graph)).toEqual([
      { size: 16, isLarge: false, count: 2, bytes: 32 },
      { size: 32768, isLarge: false, count: 1, bytes: 32768 },
      { size: 40_000, isLarge: true, count: 2, bytes: 90_000 },
    ]);
  });
});

/** Nodes along each path; throws if an edge does not begin where the one before it ended. */
function nodesAlong(graph: HeapGraph, { paths }: Paths): number[][] {
  return paths.map((path) => {
    let at = 0;
    return path.map((edge) => {
      expect(sourceOf(graph, edge)).toBe(at);
      at = graph.edgeTo[edge]!;
      return at;
    });
  });
}

describe('paths', () => {
  test('are real, begin at a root, are the shortest, and come from different objects', () => {
    fc.assert(
      fc.property(typed, fc.nat(), (sketch, pick) => {
        const graph = graphOf(sketch);
        const target = 1 + (pick % (graph.nodes - 1));
        const found = pathsTo(graph, dominatorsOf(graph), target, 3);
        const lists = nodesAlong(graph, found);
        expect(lists.length > 0).toBe(reachable(graph, () => false).has(target));
        for (const list of lists) {
          expect(list.at(-1)).toBe(target);
          expect(list).toContain(found.meeting);
          expect(new Set(list).size).toBe(list.length);
        }
        if (lists.length > 0) expect(lists[0]).toHaveLength(distance(graph, target));
        expect(lists.map((list) => list.length)).toEqual(lists.map((list) => list.length).toSorted((a, b) => a - b));
        expect(new Set(found.paths.map((path) => path.join())).size).toBe(lists.length);
      }),
      { numRuns: 2000 },
    );
  });

  test('lead to where the ways meet when one object holds the target alone', () => {
    // Two roots lead to 3 through 1 and 2; 3 holds 4, 4 holds 5, and 5 points back to 4 and 3.
    const graph = graphOf({
      edges: [[3], [3], [4], [5], [4, 3]],
      roots: [
        ['a', 1],
        ['b', 2],
      ],
    });
    const found = pathsTo(graph, dominatorsOf(graph), 5, 10);
    expect(found.meeting).toBe(3);
    expect(found.more).toBe(false);
    expect(nodesAlong(graph, found)).toEqual([
      [1, 3, 4, 5],
      [2, 3, 4, 5],
    ]);
    expect(pathsTo(graph, dominatorsOf(graph), 5, 1)).toMatchObject({ more: true });
  });

  test('two roots that hold one object are two ways', () => {
    const graph = graphOf({
      edges: [[]],
      roots: [
        ['a', 1],
        ['b', 1],
      ],
    });
    expect(pathsTo(graph, dominatorsOf(graph), 1, 5).paths).toEqual([[0], [1]]);
  });

  test('a chain of a million is no problem', () => {
    const count = 1_000_000;
    const graph: HeapGraph = {
      ...graphOf({ edges: [], roots: [['r', 1]] }),
      nodes: count + 1,
      address: Uint32Array.from({ length: count + 1 }, (_, i) => 16 * i),
      size: new Uint32Array(count + 1).fill(16, 1),
      type: new Uint16Array(count + 1),
      firstEdge: Uint32Array.from({ length: count + 2 }, (_, i) => Math.min(i, count)),
      edgeTo: Uint32Array.from({ length: count }, (_, i) => i + 1),
      edgeOffset: new Uint32Array(count),
    };
    const dominators = dominatorsOf(graph);
    expect(pathsTo(graph, dominators, count, 3).paths[0]).toHaveLength(count);
    expect(dominatorsAbove(dominators, count)).toHaveLength(count);
  });
});

function distance(graph: HeapGraph, target: number): number {
  let layer = new Set([0]);
  const seen = new Set(layer);
  for (let steps = 0; layer.size > 0; steps++) {
    if (layer.has(target)) return steps;
    const next = new Set<number>();
    for (const node of layer) {
      for (let e = graph.firstEdge[node]!; e < graph.firstEdge[node + 1]!; e++) {
        if (!seen.has(graph.edgeTo[e]!)) next.add(graph.edgeTo[e]!);
        seen.add(graph.edgeTo[e]!);
      }
    }
    layer = next;
  }
  return Number.POSITIVE_INFINITY;
}

describe('retainers', () => {
  const graph = graphOf({
    edges: [[3, 3], [3], [], [3]],
    roots: [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ],
    sizes: [8, 16, 16, 16],
    typeOf: [2, 1, 1, 1],
    types: TYPES,
    offsets: [[0, 4], [4], [], [4]],
  });

  test('all that point to an object', () => {
    const found = retainersOf(graph, dominatorsOf(graph), 3);
    expect(found.map(({ from }) => from)).toEqual([0, 2, 1, 1, 4]);
    expect(found.map(({ from, edge }) => edgeName(graph, from, edge))).toEqual([
      'root "c"',
      '.text',
      '[0]',
      '[1]',
      '.text',
    ]);
  });

  test('places that objects of a type are held in', () => {
    expect(holdersOfTypes(graph, new Set([1]))).toEqual([
      { place: 'slice(ref(Post)) elements[…]', count: 2 },
      { place: 'Post.text', count: 2 },
      { place: 'root "b"', count: 1 },
      { place: 'root "c"', count: 1 },
    ]);
  });

  test('what is dominated', () => {
    const tree = graphOf({ edges: [[2, 3], [4], [], []], roots: [['r', 1]] });
    const dominators = dominatorsOf(tree);
    expect(dominatedBy(tree, dominators, 1, 1)).toEqual({ count: 2, nodes: [2] });
    expect(dominatorsAbove(dominators, 4)).toEqual([2, 1, 5]);
    expect(dominatedBy(tree, dominators, 5, 9)).toEqual({ count: 1, nodes: [1] });
  });
});

test('names of places: fields, rows of structs, elements, what is not known', () => {
  const at = (type: number, size: number, offset: number): string => {
    const sketch = { edges: [[2], []], roots: [], sizes: [size, 16], typeOf: [type, 0], types: TYPES };
    return edgeName(graphOf({ ...sketch, offsets: [[offset], []] }), 1, 0);
  };
  expect(at(1, 16, 4)).toBe('.text');
  expect(at(1, 16, 8)).toBe('.text');
  expect(at(1, 48, 4)).toBe('[0].text');
  expect(at(1, 48, 40)).toBe('[3].text');
  expect(at(2, 48, 40)).toBe('[10]');
  expect(at(0, 48, 40)).toBe('+40');
});

describe('finding', () => {
  const graph = graphOf({ edges: [[], []], roots: [], sizes: [16, 0], typeOf: [1, 2], types: TYPES });
  test('the object that an address is in', () => {
    expect([4160, 4170, 4175, 4176, 4224, 4225, 0, 9999].map((at) => nodeAt(graph, at))).toEqual([
      1, 1, 1, 0, 2, 0, 0, 0,
    ]);
  });

  test('what is around another address', () => {
    expect(aroundAddress(graph, 16)).toBe('the first object is Post 0x1040');
    expect(aroundAddress(graph, 4180)).toBe(
      'it lies between Post 0x1040, which ends at 0x1050, and slice(ref(Post)) elements 0x1080',
    );
    expect(aroundAddress(graph, 9999)).toBe(
      'the last object is slice(ref(Post)) elements 0x1080, which ends at 0x1080',
    );
    expect(aroundAddress(graphOf({ edges: [], roots: [] }), 1)).toBe('the snapshot has no objects');
  });

  test('types by name, and names that are like one', () => {
    expect(typesNamed(graph, 'Post')).toEqual([1]);
    expect(typesNamed(graph, 'post')).toEqual([]);
    expect(namesLike(graph, 'post', 3)[0]).toBe('Post');
    expect(namesLike(graph, 'Pots', 3)).toEqual(['Post']);
    expect(namesLike(graph, 'zebra crossing', 3)).toEqual([]);
  });
});

describe('two snapshots', () => {
  // The older one has 1 … 4; in the newer one 2 is another type, 3 is gone (unknown now: it is the same), 5 is new.
  const older = graphOf({ edges: [[], [], [], []], roots: [['r', 1]], typeOf: [1, 1, 2, 2], types: TYPES });
  const newer = graphOf({
    edges: [[2], [5], [], [], []],
    roots: [['r', 1]],
    typeOf: [2, 1, 0, 1, 2],
    types: [UNKNOWN_TYPE, REFS, POST],
  });

  test('objects are the same by address, size and name of type', () => {
    const { isNew, isGone } = matchObjects(older, newer);
    expect([...isNew]).toEqual([0, 0, 1, 0, 0, 1]);
    expect([...isGone]).toEqual([0, 0, 1, 0, 0]);
    const changes = changesByType(older, newer, { isNew, isGone });
    expect(changes).toEqual([
      expect.objectContaining({ name: 'unknown', countChange: 1, newCount: 0 }),
      expect.objectContaining({ name: 'Post', count: 2, countChange: 0, newCount: 1, goneCount: 1, goneBytes: 16 }),
      expect.objectContaining({ name: REFS.name, count: 2, countChange: 0, newCount: 1, newBytes: 16, goneCount: 0 }),
    ]);
    // 5 is part of 2, which hangs on 1.
    expect(newObjects(newer, dominatorsOf(newer), isNew)).toEqual([
      { type: REFS.name, heldBy: 'Post.id', count: 1, retained: 32, biggest: 2 },
    ]);
  });

  test('what new objects retain counts once, and is all that new ones dominate', () => {
    fc.assert(
      fc.property(typed, fc.array(fc.boolean(), { minLength: 21, maxLength: 21 }), (sketch, marks) => {
        const graph = graphOf(sketch);
        const dominators = dominatorsOf(graph);
        const isNew = Uint8Array.from({ length: graph.nodes }, (_, i) => (i > 0 && marks[i] ? 1 : 0));
        const found = newObjects(graph, dominators, isNew);
        const isDominated = (from: number): boolean => {
          for (let at = from; at !== 0 && at < graph.nodes; at = dominators.idom[at]!) if (isNew[at] === 1) return true;
          return false;
        };
        const alive = [...reachable(graph, () => false)];
        const bytes = alive.filter(isDominated).reduce((sum, node) => sum + graph.size[node]!, 0);
        expect(found.reduce((sum, { retained }) => sum + retained, 0)).toBe(bytes);
        const outermost = alive.filter((node) => isNew[node] === 1 && !isDominated(dominators.idom[node]!));
        expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(outermost.length);
      }),
      { numRuns: 1000 },
    );
  });

  test('the bytes of both add up', () => {
    fc.assert(
      fc.property(typed, typed, (a, b) => {
        const [before, after] = [graphOf(a), graphOf(b)];
        const changes = changesByType(before, after, matchObjects(before, after));
        const bytes = (graph: HeapGraph): number => graph.size.reduce((sum, size) => sum + size, 0);
        expect(changes.reduce((sum, c) => sum + c.bytesChange, 0)).toBe(bytes(after) - bytes(before));
        const same = matchObjects(before, before);
        expect(same.isNew.includes(1) || same.isGone.includes(1)).toBe(false);
      }),
    );
  });

  test('three: what is new since the first and was there in the second', () => {
    const middle = graphOf({ edges: [[], []], roots: [], typeOf: [2, 1], types: [UNKNOWN_TYPE, REFS, POST] });
    const { isNew } = matchObjects(older, newer);
    keepThoseIn(isNew, newer, middle);
    expect([...isNew]).toEqual([0, 0, 1, 0, 0, 0]);
  });
});
