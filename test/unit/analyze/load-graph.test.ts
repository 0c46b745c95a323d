/** The graph of a snapshot is that of the heap: each object, its type, each pointer, each root; and what objects hold. */
import { expect, test } from 'vitest';
import type { HeapGraph } from '../../../src/analyze/graph.ts';
import { graphOf, loadGraph } from '../../../src/analyze/load-graph.ts';
import { SnapshotObjects } from '../../../src/analyze/read-object.ts';
import { Snapshot } from '../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../src/analyze/source.ts';
import { createHeap, i32, map, ref, slice, struct, u32 } from '../../../src/index.ts';
import { newSeed, random } from '../../support/random.ts';
import { snapshotBytes } from '../../support/snapshot-edit.ts';
import { snapshotHeap, Thing } from '../../support/snapshot-heap.ts';

const typeOf = (g: HeapGraph, node: number): string => g.types[g.type[node]!]!.name;
const nodeAt = (g: HeapGraph, addr: number): number => g.address.indexOf(addr, 1);

function edges(g: HeapGraph, node: number): { to: number; offset: number }[] {
  const list: { to: number; offset: number }[] = [];
  for (let e = g.firstEdge[node]!; e < g.firstEdge[node + 1]!; e++)
    list.push({ to: g.edgeTo[e]!, offset: g.edgeOffset[e]! });
  return list;
}

function reachable(g: HeapGraph): Set<number> {
  const seen = new Set<number>();
  const queue = [0];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const { to } of edges(g, node)) {
      if (seen.has(to)) continue;
      seen.add(to);
      queue.push(to);
    }
  }
  return seen;
}

test('each object, where and as large as it is, and nothing but what is reachable', () => {
  const heap = snapshotHeap(60);
  const snapshot = new Snapshot(bytesSource(snapshotBytes(heap)));
  const g = graphOf(snapshot);
  for (let node = 1; node < g.nodes; node++) expect(g.address[node]!).toBeGreaterThan(g.address[node - 1]!);
  // The heap counts blocks of tiny objects as one.
  expect(snapshot.spans.slots).toBe(heap.stats().liveObjects);
  expect(snapshot.exact).toBe(true);
  expect(reachable(g).size).toBe(g.nodes - 1);
  expect(g.firstEdge[g.nodes]).toBe(g.edgeTo.length);
  expect(g.edgeOffset.length).toBe(g.edgeTo.length);
});

test('pointers by their fields, and types of objects with and without pointers', () => {
  const heap = snapshotHeap(30);
  const things = heap.roots.get('things', Thing)!;
  const addr = heap.addressOf(things);
  const g = loadGraph(bytesSource(snapshotBytes(heap)));
  const node = nodeAt(g, addr);
  expect(typeOf(g, node)).toBe('Thing');
  const type = g.types[g.type[node]!]!;
  const byField = new Map(
    edges(g, node).map(({ to, offset }) => [type.fields.find((f) => f.offset === offset)!.name, to] as const),
  );
  expect(typeOf(g, byField.get('name')!)).toBe('string bytes');
  expect(typeOf(g, byField.get('blob')!)).toBe('bytes');
  expect(typeOf(g, byField.get('next')!)).toBe('Thing');
  expect(g.address[byField.get('next')!]).toBe(heap.addressOf(things.next!));
  expect(typeOf(g, byField.get('kids')!)).toBe('slice(ref(Thing)) elements');
  expect(typeOf(g, byField.get('numbers')!)).toBe('slice(f64) elements');
  expect(typeOf(g, byField.get('point')!)).toBe('Point');
  expect(byField.get('pair[1]')).toBe(byField.get('point'));
  expect(byField.has('pair[0]')).toBe(false);
  const words = byField.get('words')!;
  expect(typeOf(g, words)).toBe('map(string, u32)');
  const counts = byField.get('counts')!;
  expect(typeOf(g, counts)).toBe('map(u32, u32)');
  const directory = edges(g, counts)[0]!.to;
  expect(typeOf(g, directory)).toBe('map(u32, u32) directory');
  const table = edges(g, directory)[0]!.to;
  expect(typeOf(g, table)).toBe('map(u32, u32) table');
  expect(typeOf(g, edges(g, table)[0]!.to)).toBe('map(u32, u32) group');
  const names = new Set(Array.from({ length: g.nodes - 1 }, (_, i) => typeOf(g, i + 1)));
  expect(names.has('map key bytes')).toBe(true);
  expect(names.has('(unknown)')).toBe(false);
});

test('roots of each kind', () => {
  const heap = createHeap({ maxBytes: 2 ** 24, background: false });
  const Node = struct('Node', {
    key: i32,
    get next() {
      return ref(Node);
    },
  });
  const named = heap.new(Node, { key: 1 });
  const kept = heap.new(Node, { key: 2 });
  heap.roots.set('named', named);
  heap.finalizer(kept, () => {});
  let local = 0;
  let bytes: Uint8Array = new Uint8Array();
  heap.scope(() => {
    local = heap.addressOf(heap.new(Node, { key: 3 }));
    heap.raw.keepAlive(heap.raw.mallocgc(5, null, true));
    bytes = snapshotBytes(heap, { collect: false });
  });
  const g = loadGraph(bytesSource(bytes));
  const roots = edges(g, 0).map(({ to, offset }) => ({ ...g.roots[offset]!, node: to }));
  expect(roots).toHaveLength(g.roots.length);
  expect(roots.find((r) => r.kind === 'named')).toMatchObject({
    name: 'named',
    thread: 0,
    node: nodeAt(g, heap.addressOf(named)),
  });
  const handles = roots.filter((r) => r.kind === 'handle');
  expect(handles.map((r) => r.address)).toEqual(expect.arrayContaining([named, kept].map((r) => heap.addressOf(r))));
  expect(roots.find((r) => r.kind === 'stack')).toMatchObject({ address: local, thread: heap.threadId });
  expect(roots.find((r) => r.kind === 'finalizer')).toMatchObject({ node: nodeAt(g, heap.addressOf(kept)) });
  const tiny = roots.find((r) => r.kind === 'tiny')!;
  expect(g.size[tiny.node]).toBe(5);
});

test('what is at an address is told as heap.inspect tells it', () => {
  const heap = snapshotHeap(40);
  const snapshot = new Snapshot(bytesSource(snapshotBytes(heap)));
  const objects = new SnapshotObjects(snapshot);
  const g = graphOf(snapshot);
  let compared = 0;
  for (let node = 1; node < g.nodes; node++) {
    const addr = g.address[node]!;
    // For others the whole heap would be searched each time.
    if (objects.objectAt(addr)!.type === 0) continue;
    const there = objects.readObject(addr, typeOf(g, node));
    if (there.typeFrom === null) continue;
    expect(there).toEqual(heap.inspect(addr));
    compared++;
  }
  expect(compared).toBeGreaterThan(60);
  const thing = objects.readObject(heap.addressOf(heap.roots.get('things', Thing)!));
  expect(thing.value).toMatchObject({ id: 39, at: { x: 39, y: -39 }, pair: [null, { type: 'Point' }] });
  expect((thing.value as { counts: { size: number } }).counts.size).toBe(3000);
  expect(() => objects.readObject(4)).toThrow('no object of the snapshot is at address 0x4');
  const text = g.type.findIndex((t) => g.types[t]!.name === 'string bytes');
  expect(typeof objects.readObject(g.address[text]!, 'string bytes').value).toBe('string');
});

test('objects of all sizes, some freed: the graph has those that are left', () => {
  const seed = newSeed('graph of sizes');
  const rnd = random(seed);
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 26 });
  const type = heap.raw.type({ name: 'pair', size: 16, pointers: [0, 8] });
  const { i32: words } = heap.memory;
  const live = new Map<number, number>();
  for (let i = 0; i < 4000; i++) {
    const size = rnd.oneIn(50) ? 40_000 + rnd.below(100_000) : 1 + rnd.below(rnd.oneIn(3) ? 15 : 3000);
    const scan = rnd.oneIn(2) && size >= 16;
    const bytes = scan ? size & ~15 : size;
    const addr = heap.raw.mallocgc(bytes, scan ? type : null, true);
    live.set(addr, scan ? bytes : 0);
    if (rnd.oneIn(3)) {
      const victim = [...live.keys()][rnd.below(live.size)]!;
      heap.raw.free(victim);
      live.delete(victim);
    }
  }
  const addresses = [...live.keys()];
  const expected = new Map<number, number[]>();
  for (const [addr, bytes] of live) {
    const to: number[] = [];
    for (let at = 0; at + 16 <= bytes; at += 16) {
      for (const p of [0, 8]) {
        if (rnd.oneIn(4)) continue;
        const target = rnd.pick(addresses);
        words[(addr + at + p) >>> 2] = target;
        to.push(target);
      }
    }
    expected.set(addr, to);
  }
  const g = loadGraph(bytesSource(snapshotBytes(heap)));
  expect([...g.address.subarray(1)]).toEqual(addresses.sort((a, b) => a - b));
  for (let node = 1; node < g.nodes; node++) {
    expect(edges(g, node).map(({ to }) => g.address[to])).toEqual(expected.get(g.address[node]!));
  }
  heap.verify({ pointers: false });
});

test('an empty heap', () => {
  const heap = createHeap({ maxBytes: 2 ** 20, background: false });
  const g = loadGraph(bytesSource(snapshotBytes(heap)));
  expect([g.nodes, g.edgeTo.length, g.roots.length]).toEqual([1, 0, 0]);
});

test('maps of slices and slices of maps: what is inside is known by its field', () => {
  const heap = createHeap({ maxBytes: 2 ** 24, background: false });
  const Box = struct('Box', { rows: map(u32, slice(i32)), list: slice(map(u32, u32)) });
  const box = heap.new(Box);
  box.rows.set(7, heap.new(slice(i32), [1, 2, 3]));
  box.list.push(heap.new(map(u32, u32)));
  heap.roots.set('box', box);
  const g = loadGraph(bytesSource(snapshotBytes(heap)));
  const group = g.type.findIndex((t) => g.types[t]!.name === 'map(u32, slice(i32)) group');
  const [edge] = edges(g, group);
  const field = g.types[g.type[group]!]!.fields.find((f) => f.offset === edge!.offset);
  expect(field).toMatchObject({ type: 'slice(i32)' });
  expect(field!.name).toMatch(/^slot \d value$/);
  expect(typeOf(g, edge!.to)).toBe('slice(i32) elements');
});
