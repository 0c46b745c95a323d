/** Texts and keys of maps, read from snapshots of heaps whose contents are known. */
import { describe, expect, test } from 'vitest';
import { duplicateTexts } from '../../../src/analyze/duplicates.ts';
import type { HeapGraph } from '../../../src/analyze/graph.ts';
import { typeNameOf } from '../../../src/analyze/labels.ts';
import { MapKeys } from '../../../src/analyze/map-keys.ts';
import { SnapshotObjects } from '../../../src/analyze/read-object.ts';
import type { Snapshot } from '../../../src/analyze/snapshot.ts';
import { TextReader, textLengths } from '../../../src/analyze/texts.ts';
import {
  array,
  bytes,
  createHeap,
  type Heap,
  i32,
  i64,
  type Kind,
  map,
  ref,
  slice,
  string,
  struct,
  u32,
  u64,
} from '../../../src/index.ts';
import { snapshotOf } from '../../support/snapshots.ts';

const heapOf = (): Heap => createHeap({ maxBytes: 64 << 20, shared: false });

const Note = struct('Note', { text: string, data: bytes });

/** Bytes around the ends of size classes, tiny ones, those of several pages, and more than a section of the file has. */
const LENGTHS = [1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 100, 1024, 8192, 32768, 32769, 100_000, 3_000_000];
const textOf = (length: number): string => `${length}:`.padEnd(length, 'äöü€').slice(0, length);

describe('texts', () => {
  test('are as long as they were, and say the same', () => {
    const heap = heapOf();
    const list = heap.new(slice(ref(Note)));
    heap.roots.set('notes', list);
    for (const length of LENGTHS) {
      list.push(heap.new(Note, { text: textOf(length), data: new Uint8Array(length).fill(length) }));
    }
    const { snapshot, graph } = snapshotOf(heap);
    const lengths = textLengths(snapshot, graph);
    const reader = new TextReader(snapshot, graph, lengths);
    const found = { 'string bytes': new Set<string>(), bytes: new Set<number>() };
    for (let node = 1; node < graph.nodes; node++) {
      const name = typeNameOf(graph, node);
      if (name === 'string bytes') {
        found[name].add(reader.textOf(node, 2 ** 30) as string);
        expect(reader.textOf(node, 1)).toHaveLength(1);
      } else if (name === 'bytes') {
        const data = reader.bytesOf(node, 2 ** 30) as Uint8Array;
        expect(data.every((byte) => byte === data.length % 256)).toBe(true);
        found[name].add(data.length);
        expect(reader.textOf(node, 10)).toBeUndefined();
      } else expect(reader.bytesOf(node, 10)).toBeUndefined();
    }
    expect(found['string bytes']).toEqual(new Set(LENGTHS.map(textOf)));
    expect(found.bytes).toEqual(new Set(LENGTHS));
    heap.detach();
  });

  test('in a slice of more than a section: lengths stand on both sides of the border', () => {
    const heap = heapOf();
    // Rows of 12 bytes: pointers and lengths come to lie on both sides of the ends of sections.
    const Row = struct('Row', { n: u32, text: string });
    const list = heap.new(slice(Row));
    heap.roots.set('list', list);
    const count = 300_000;
    for (let i = 0; i < count; i++) list.push({ n: i, text: `text ${i}` });
    const { snapshot, graph } = snapshotOf(heap);
    const lengths = textLengths(snapshot, graph);
    const reader = new TextReader(snapshot, graph, lengths);
    const texts = new Set<string>();
    for (let node = 1; node < graph.nodes; node++)
      if (lengths[node] !== 0) texts.add(reader.textOf(node, 99) as string);
    expect(texts.size).toBe(count);
    expect(texts.has(`text ${count - 1}`)).toBe(true);
    expect(duplicateTexts(snapshot, graph, lengths, 5)).toMatchObject({ texts: count, distinct: count, list: [] });
    heap.detach();
  });

  test('wherever sections of the file end', () => {
    const Large = struct('Large', { data: array(u32, 15), next: ref(Note) });
    const heap = heapOf();
    const all = heap.new(map(string, Large));
    heap.roots.set('all', all);
    const keys = Array.from({ length: 5000 }, (_, i) => `a key of so many bytes ${i}`);
    for (const key of keys) all.set(key, { next: heap.new(Note, { text: key.repeat(20) }) });
    const { snapshot, graph } = snapshotOf(heap);
    const lengths = textLengths(snapshot, graph);
    expect([...textLengths(pageByPage(snapshot), graph)]).toEqual([...lengths]);
    const reader = new TextReader(snapshot, graph, lengths);
    const found: string[] = [];
    for (let node = 1; node < graph.nodes; node++) {
      if (typeNameOf(graph, node) === 'map key bytes') found.push(reader.textOf(node, 99) as string);
    }
    expect(found.sort()).toEqual(keys.sort());
    const duplicates = duplicateTexts(snapshot, graph, lengths, 5);
    expect(duplicates.distinct).toBe(2 * keys.length);
    expect(duplicateTexts(pageByPage(snapshot), graph, lengths, 5)).toEqual(duplicates);
    heap.detach();
  });

  test('that are there several times', () => {
    const heap = heapOf();
    const list = heap.new(slice(ref(Note)));
    heap.roots.set('notes', list);
    const long = 'x'.repeat(2_000_000);
    const add = (text: string, times: number): void => {
      for (let i = 0; i < times; i++) list.push(heap.new(Note, { text }));
    };
    add(long, 3);
    add(`${long.slice(1)}y`, 1);
    add('twice in the heap', 2);
    add('tiny', 10);
    add('once', 1);
    list.push(heap.new(Note, { data: new Uint8Array(4096).fill(7) }));
    list.push(heap.new(Note, { data: new Uint8Array(4096).fill(7) }));
    const { snapshot, graph } = snapshotOf(heap);
    const lengths = textLengths(snapshot, graph);
    const reader = new TextReader(snapshot, graph, lengths);
    const found = duplicateTexts(snapshot, graph, lengths, 10);
    expect(found).toMatchObject({ texts: 19, distinct: 6 });
    const list3 = found.list.map(({ copies, nodes, wastedBytes }) => {
      expect(wastedBytes).toBe(graph.size[nodes[0]!]! * (copies - 1));
      expect(nodes).toHaveLength(Math.min(3, copies));
      return [copies, reader.textOf(nodes[0]!, 20)];
    });
    expect(list3).toEqual([
      [3, 'x'.repeat(20)],
      [2, undefined],
      [10, 'tiny'],
      [2, 'twice in the heap'],
    ]);
    expect(found.wastedBytes).toBe(found.list.reduce((sum, { wastedBytes }) => sum + wastedBytes, 0));
    expect(duplicateTexts(snapshot, graph, lengths, 1).list).toHaveLength(1);
    heap.detach();
  });
});

/** The same snapshot, as if each page were a section. */
function pageByPage(snapshot: Snapshot): Snapshot {
  const eachPages: Snapshot['eachPages'] = (visit) =>
    snapshot.eachPages((page, npages, words) => {
      for (let i = 0; i < npages; i++) visit(page + i, 1, words.slice(i * 2048, (i + 1) * 2048));
    });
  return { eachPages } as Snapshot;
}

const Thing = struct('Thing', { n: i32 });

describe('keys of maps', () => {
  const cases: [string, Kind, readonly (string | number | bigint | Uint8Array)[]][] = [
    ['string', string, ['', 'a', 'eleven byte', 'twelve bytes', 'a key that is longer than its slot', 'ü']],
    ['bytes', bytes, [Uint8Array.of(1, 2), new Uint8Array(40).fill(9)]],
    ['i32', i32, [0, -1, 2 ** 31 - 1]],
    ['u32', u32, [0, 2 ** 32 - 1]],
    ['i64', i64, [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
    ['u64', u64, [0n, 2n ** 64n - 1n]],
  ];
  test.each(cases)('%s', (_, kind, keys) => {
    const heap = heapOf();
    const things = heap.new(map(kind as typeof string, ref(Thing)));
    heap.roots.set('things', things);
    for (const key of keys) things.set(key as string, heap.new(Thing, { n: 1 }));
    const { snapshot, graph } = snapshotOf(heap);
    const places = placesOf(graph, new MapKeys(graph, new SnapshotObjects(snapshot)));
    const told = (key: unknown): string => (key instanceof Uint8Array ? key.join() : String(key));
    expect(
      places
        .filter(({ field }) => field === 'value')
        .map(({ key }) => told(key))
        .sort(),
    ).toEqual(keys.map(told).sort());
    // Long keys lie outside of the slot, and the pointer to them is of the same key.
    for (const { key, field } of places) if (field === 'key') expect((key as string).length).toBeGreaterThan(11);
    heap.detach();
  });

  test('many groups, values with pointers inside', () => {
    const Pair = struct('Pair', { a: ref(Thing), b: ref(Thing) });
    const heap = heapOf();
    const pairs = heap.new(map(u32, Pair));
    heap.roots.set('pairs', pairs);
    for (let i = 0; i < 5000; i++) pairs.set(i, { a: heap.new(Thing, { n: i }), b: heap.new(Thing, { n: -i }) });
    const { snapshot, graph } = snapshotOf(heap);
    const objects = new SnapshotObjects(snapshot);
    const places = placesOf(graph, new MapKeys(graph, objects));
    expect(places).toHaveLength(10_000);
    for (const { key, field, to } of places.slice(0, 500)) {
      const n = (objects.readObject(graph.address[to]!, 'Thing').value as { n: number }).n;
      expect(n + 0).toBe((field === 'value.a' ? 1 : -1) * (key as number) + 0);
    }
    heap.detach();
  });
});

function placesOf(graph: HeapGraph, keys: MapKeys) {
  const places = [];
  for (let node = 1; node < graph.nodes; node++) {
    for (let e = graph.firstEdge[node]!; e < graph.firstEdge[node + 1]!; e++) {
      const place = keys.at(node, graph.edgeOffset[e]!);
      if (place !== undefined) places.push({ ...place, to: graph.edgeTo[e]! });
    }
  }
  return places;
}
