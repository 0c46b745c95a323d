/**
 * The write barrier is complete: while it is on, the collector gets to know of every change of every pointer in the heap.
 *
 * A shadow of all pointer slots of all objects is changed by the barrier's reports alone. After each operation it is
 * compared with memory: a store that was not reported, or reported with another value, is a difference. That a report
 * comes before its store, with what the slot held, is checked when it comes.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Barrier, makeBarrier } from '../../../src/gc/barrier.ts';
import {
  array,
  attachHeap,
  bytes,
  createHeap,
  type Heap,
  i32,
  type Ref,
  type Reference,
  ref,
  type Slice,
  slice,
  string,
  struct,
} from '../../../src/index.ts';
import { H_WRITE_BARRIER } from '../../../src/layout/header.ts';
import { SPAN_STATE, SPAN_STATE_MANUAL } from '../../../src/layout/span.ts';
import { NO_COLLECTOR } from '../../../src/malloc/hooks.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { spanOf } from '../../../src/spans/mspan.ts';
import { clearMarks } from '../../support/clear-marks.ts';
import { Internals } from '../../support/internals.ts';
import { ObjectWalk } from '../../support/object-walk.ts';
import { newSeed, type Random, random } from '../../support/random.ts';

const Leaf = struct('Leaf', { id: i32, name: string });
const Inner = struct('Inner', { n: i32, leaf: ref(Leaf), name: string, pair: array(ref(Leaf), 2) });
const Node = struct('Node', {
  id: i32,
  get next() {
    return ref(Node);
  },
  leaf: ref(Leaf),
  name: string,
  raw: bytes,
  one: Inner,
  two: Inner,
  grid: array(ref(Leaf), 3),
  boxes: array(Inner, 2),
  refs: slice(ref(Leaf)),
  names: slice(string),
  inners: slice(Inner),
  rows: slice(slice(ref(Leaf))),
  numbers: slice(i32),
});
type NodeRef = Ref<typeof Node>;

interface Report {
  readonly slot: number;
  readonly old: number;
  readonly value: number;
}

const hex = (n: number): string => `0x${n.toString(16)}`;

/** Watches a heap's barrier. */
class Watch {
  readonly walk: ObjectWalk;
  readonly roots: Report[] = [];
  readonly handles: Report[] = [];
  readonly wrong: string[] = [];
  reports = 0;
  #shadow = new Map<number, number>();
  /** Slots of the objects that were there when the step began. */
  #live = new Set<number>();
  readonly #heap: Heap;
  readonly #m: Int32Array<ArrayBufferLike>;
  readonly #internals: Internals;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.walk = new ObjectWalk(heap);
    this.#internals = new Internals(heap);
    this.#m = this.#internals.m;
  }

  on(): void {
    this.#shadow = this.walk.pointerSlots();
    this.#live = new Set(this.#shadow.keys());
    Atomics.store(this.#m, H_WRITE_BARRIER, 1);
  }

  off(): void {
    Atomics.store(this.#m, H_WRITE_BARRIER, 0);
    clearMarks(this.#heap);
  }

  /** Attaches to the barrier of one thread's heap object; any reference has the way to it. */
  hook(ref: Reference): void {
    const { barrier, malloc } = (ref as unknown as { $env: { barrier: Barrier; malloc: Malloc } }).$env;
    // The barrier is switched on by hand here: there is no cycle to assist with, or to end.
    malloc.collector = NO_COLLECTOR;
    barrier.onWrite = (slot, old, value) => this.#report(slot, old, value);
  }

  /** Whether a slot is in a handle table: memory managed by hand, in which the walk finds no objects. */
  #isHandle(slot: number): boolean {
    const { m, mem } = this.#internals;
    return m[spanOf(mem, slot) + SPAN_STATE] === SPAN_STATE_MANUAL;
  }

  #report(slot: number, old: number, value: number): void {
    this.reports++;
    for (const n of [slot, old, value])
      if (n >>> 0 !== n) this.wrong.push(`${n} in (${slot}, ${old}, ${value}) is no address`);
    if (this.#isHandle(slot)) {
      this.handles.push({ slot, old, value });
      return;
    }
    if (slot === 0) {
      this.roots.push({ slot, old, value });
      return;
    }
    const held = this.#heap.memory.i32[slot >>> 2]! >>> 0;
    if (held !== old) this.wrong.push(`${hex(slot)} holds ${held} when ${old} → ${value} is reported`);
    const known = this.#shadow.get(slot) ?? 0;
    // Memory that was handed out, taken back and handed out again within a step is zero and new.
    const anew = old === 0 && !this.#live.has(slot);
    if (known !== old && !anew) this.wrong.push(`${hex(slot)} held ${known} by the reports before, ${old} is reported`);
    this.#shadow.set(slot, value);
  }

  /** Compares the shadow with memory, and goes on from there. */
  check(): string[] {
    const { wrong } = this;
    const now = this.walk.pointerSlots();
    for (const [slot, value] of now) {
      const known = this.#shadow.get(slot) ?? 0;
      if (known !== value) wrong.push(`${hex(slot)} became ${value}, the reports say ${known}`);
    }
    for (const slot of this.#shadow.keys()) {
      if (!now.has(slot) && this.#live.has(slot)) wrong.push(`${hex(slot)} is no pointer slot any more`);
    }
    this.#shadow = now;
    this.#live = new Set(now.keys());
    return wrong.splice(0);
  }
}

let heap: Heap;
let watch: Watch;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 2 ** 24 });
  watch = new Watch(heap);
});

afterEach(() => {
  watch.off();
  heap.verify();
});

function begin(ref: Reference): void {
  watch.hook(ref);
  watch.on();
}

const newLeaf = (r: Random): Ref<typeof Leaf> => heap.new(Leaf, { id: r.below(1000), name: `leaf ${r.below(100)}` });

/** What a step works on: some nodes, leaves and slices that live in objects of their own. */
interface World {
  readonly nodes: NodeRef[];
  readonly leaves: Ref<typeof Leaf>[];
  readonly lists: Slice<Ref<typeof Leaf> | null>[];
}

/** A value for an `Inner`: fields, some left out, or another one. */
function innerOf(r: Random, w: World): object {
  const leaf = r.pick([null, ...w.leaves]);
  const n = r.pick(w.nodes);
  return r.pick<() => object>([
    () => ({ leaf, name: 'new', pair: [leaf] }),
    () => ({}),
    () => ({ n: 5 }),
    () => n.one,
    () => n.boxes.at(r.below(2)),
    () => ({ pair: n.two.pair }),
  ])();
}

type Step = (r: Random, w: World, n: NodeRef) => unknown;

const anyLeaf = (r: Random, w: World): Ref<typeof Leaf> | null => r.pick([null, ...w.leaves]);
const leaves = (r: Random, w: World): (Ref<typeof Leaf> | null)[] =>
  Array.from({ length: r.below(5) }, () => anyLeaf(r, w));

/** A random slice of a slice. */
function part<T>(r: Random, s: Slice<T>): Slice<T> {
  const lo = r.below(s.length + 1);
  return s.slice(lo, lo + r.below(s.length - lo + 1));
}

const STEPS: Readonly<Record<string, Step>> = {
  'ref field': (r, w, n) => (n.leaf = anyLeaf(r, w)),
  'ref field to itself': (r, w, n) => (n.next = r.pick([null, ...w.nodes])),
  'string field': (r, _, n) => (n.name = r.pick(['', 'short', 'x'.repeat(200), 'ä'])),
  'bytes field': (r, _, n) => (n.raw = new Uint8Array(r.pick([0, 1, 40, 300]))),
  'inline struct': (r, w, n) =>
    r.oneIn(2) ? Object.assign(n, { one: innerOf(r, w) }) : Object.assign(n, { two: innerOf(r, w) }),
  'inline struct copied': (r, w, n) => (n.two = r.pick(w.nodes).one),
  'field of an inline struct': (r, w, n) => (n.one.leaf = anyLeaf(r, w)),
  'element of an array in it': (r, w, n) => n.two.pair.set(r.below(2), anyLeaf(r, w)),
  'array from a literal': (r, w, n) => Object.assign(n, { grid: leaves(r, w).slice(0, 3) }),
  'array copied': (r, w, n) => (n.grid = r.pick(w.nodes).grid),
  'array of structs': (r, w, n) => Object.assign(n, { boxes: [innerOf(r, w)] }),
  'element of it': (r, w, n) => n.boxes.set(r.below(2), innerOf(r, w)),
  'array filled': (r, w, n) => n.grid.fill(anyLeaf(r, w), r.below(3)),
  'array copyFrom': (r, w, n) => n.grid.copyFrom(r.oneIn(2) ? r.pick(w.nodes).refs : leaves(r, w)),
  'array slice': (r, w, n) => (n.refs = n.grid.slice(r.below(4))) && w,
  push: (r, w, n) => n.refs.push(anyLeaf(r, w)),
  'push of many': (r, w, n) => n.refs.push(...leaves(r, w)),
  'push of strings': (r, _, n) => n.names.push(...['a', '', 'b'.repeat(100)].slice(0, r.below(4))),
  'push of structs': (r, w, n) => n.inners.push(innerOf(r, w), innerOf(r, w)),
  'push of numbers': (r, _, n) => n.numbers.push(r.below(5), 1),
  'push of slices': (r, w, n) => n.rows.push(leaves(r, w), r.pick(w.lists), n.refs),
  'push to a row': (r, w, n) => {
    if (n.rows.length === 0) n.rows.push([]);
    n.rows.at(r.below(n.rows.length)).push(anyLeaf(r, w));
  },
  pop: (r, w, n) => (n.refs.pop() === undefined ? n.refs.push(...w.leaves) : r),
  'pop of a string': (_, __, n) => (n.names.pop() === undefined ? n.names.push('a', 'b', 'c') : n),
  'pop of a struct': (r, w, n) => (n.inners.pop() === undefined ? n.inners.push(innerOf(r, w), {}) : n),
  'pop of a slice': (r, w, n) => (n.rows.pop() === undefined ? n.rows.push(leaves(r, w), n.refs) : n),
  set: (r, w, n) => n.refs.length > 0 && n.refs.set(r.below(n.refs.length), anyLeaf(r, w)),
  'set of a string': (r, _, n) => n.names.length > 0 && n.names.set(r.below(n.names.length), r.pick(['', 'set'])),
  'set of a struct': (r, w, n) => n.inners.length > 0 && n.inners.set(r.below(n.inners.length), innerOf(r, w)),
  'set of a slice': (r, w, n) =>
    n.rows.length > 0 && n.rows.set(r.below(n.rows.length), r.oneIn(2) ? n.refs : leaves(r, w)),
  fill: (r, w, n) => part(r, n.refs).fill(anyLeaf(r, w)),
  'fill of structs': (r, w, n) => part(r, n.inners).fill(innerOf(r, w)),
  'fill of strings': (r, _, n) => part(r, n.names).fill('filled'),
  'copyFrom, overlapping': (r, _, n) => part(r, n.refs).copyFrom(part(r, n.refs)),
  'copyFrom of structs, overlapping': (r, _, n) => part(r, n.inners).copyFrom(part(r, n.inners)),
  'copyFrom of strings': (r, w, n) => part(r, n.names).copyFrom(part(r, r.pick(w.nodes).names)),
  'copyFrom of slices': (r, w, n) => part(r, n.rows).copyFrom(r.pick(w.nodes).rows),
  'copyFrom of a list': (r, w, n) => part(r, n.refs).copyFrom(leaves(r, w)),
  'slice assigned': (r, w, n) => (n.refs = r.oneIn(2) ? r.pick(w.nodes).refs : r.pick(w.lists)),
  'slice from a literal': (r, w, n) => Object.assign(n, { refs: leaves(r, w) }),
  'slice of structs from a literal': (r, w, n) => Object.assign(n, { inners: [innerOf(r, w), innerOf(r, w)] }),
  'slice of strings from a literal': (_, __, n) => Object.assign(n, { names: ['x', '', 'y'] }),
  'slice of slices from a literal': (r, w, n) => Object.assign(n, { rows: [leaves(r, w), n.refs] }),
  'sub-slice assigned': (r, _, n) => (n.refs = part(r, n.refs)),
  'slice made': (r, w) => (w.lists[r.below(w.lists.length)] = heap.make(slice(ref(Leaf)), r.below(4), 4)),
  'slice new': (r, w) => (w.lists[r.below(w.lists.length)] = heap.new(slice(ref(Leaf)), leaves(r, w))),
  'node new': (r, w, n) =>
    (w.nodes[r.below(w.nodes.length)] = heap.new(Node, {
      next: n,
      leaf: anyLeaf(r, w),
      one: innerOf(r, w),
      refs: leaves(r, w),
    })),
  'node copied': (r, w, n) => (w.nodes[r.below(w.nodes.length)] = heap.new(Node, n)),
  'leaf new': (r, w) => (w.leaves[r.below(w.leaves.length)] = newLeaf(r)),
  'leaf renamed': (r, w) => (r.pick(w.leaves).name = r.pick(['', 'renamed'])),
};

/** So that slices stay short and the walk over all objects fast. */
function trim(n: NodeRef): void {
  if (n.refs.length > 30) Object.assign(n, { refs: [] });
  if (n.names.length > 20) Object.assign(n, { names: [] });
  if (n.inners.length > 10) Object.assign(n, { inners: [] });
  if (n.rows.length > 10) Object.assign(n, { rows: [] });
}

function newWorld(r: Random): World {
  const list = Array.from({ length: 6 }, () => newLeaf(r));
  return {
    leaves: list,
    nodes: Array.from({ length: 4 }, (_, id) =>
      heap.new(Node, { id, leaf: list[id]!, refs: [list[0]!, null], names: ['a'] }),
    ),
    lists: Array.from({ length: 3 }, () => heap.new(slice(ref(Leaf)), [list[1]!, null, list[2]!])),
  };
}

test.each(Object.keys(STEPS))('%s', (name) => {
  const r = random(newSeed(`barrier: ${name}`));
  const w = newWorld(r);
  // Something of everything, without the barrier.
  for (let i = 0; i < 100; i++) STEPS[r.pick(Object.keys(STEPS))]!(r, w, r.pick(w.nodes));
  for (const n of w.nodes) {
    n.refs.push(null, ...w.leaves);
    n.names.push('a', '', 'b');
    n.inners.push({ leaf: w.leaves[0]! }, n.one);
    n.rows.push([w.leaves[0]!, null], []);
  }
  begin(w.nodes[0]!);
  let changes = 0;
  for (let i = 0; i < 30; i++) {
    const before = watch.reports;
    const run = (): unknown => STEPS[name]!(r, w, w.nodes[i % w.nodes.length]!);
    // What keeps its references makes them outside of scopes.
    if (i % 2 === 0 || / new|made|copied/.test(name)) run();
    else heap.scope(() => void run());
    expect(watch.check()).toEqual([]);
    changes += watch.reports - before;
  }
  if (name !== 'push of numbers') expect(changes).toBeGreaterThan(0);
});

test('random steps, one after the other', () => {
  const r = random(newSeed('barrier: all'));
  const w = newWorld(r);
  begin(w.nodes[0]!);
  const names = Object.keys(STEPS);
  for (let i = 0; i < 1200; i++) {
    const name = r.pick(names);
    const n = r.pick(w.nodes);
    STEPS[name]!(r, w, n);
    trim(n);
    expect([name, ...watch.check()]).toEqual([name]);
  }
  expect(watch.reports).toBeGreaterThan(2000);
});

test('off, nothing is reported', () => {
  const r = random(newSeed('barrier: off'));
  const w = newWorld(r);
  begin(w.nodes[0]!);
  watch.off();
  for (let i = 0; i < 200; i++) STEPS[r.pick(Object.keys(STEPS))]!(r, w, r.pick(w.nodes));
  heap.roots.set('a', w.nodes[0]!);
  expect(watch.reports).toBe(0);
});

test('named roots: what was named, and what is', () => {
  const a = heap.new(Leaf);
  const b = heap.new(slice(i32), [1]);
  heap.roots.set('before', a);
  begin(a);
  heap.roots.set('x', a);
  heap.roots.set('x', b);
  heap.roots.set('before', b);
  heap.roots.delete('x');
  heap.roots.delete('x');
  heap.roots.delete('none');
  const [one, two] = [heap.addressOf(a), heap.addressOf(b)];
  expect(watch.roots.map(({ old, value }) => [old, value])).toEqual([
    [0, one],
    [one, two],
    [one, two],
    [two, 0],
  ]);
  expect(watch.check()).toEqual([]);
});

test('persistent references: what a handle table gets, and what it loses', () => {
  const n = heap.new(Node);
  begin(n);
  const before = watch.handles.length;
  const leaf = heap.new(Leaf);
  const addr = heap.addressOf(leaf);
  expect(watch.handles.slice(before)).toEqual([{ slot: expect.any(Number), old: 0, value: addr }]);
  leaf.dispose();
  expect(watch.handles.slice(before + 1)).toEqual([{ slot: watch.handles[before]!.slot, old: addr, value: 0 }]);
  expect(watch.check()).toEqual([]);
});

test('each thread reports its own stores', () => {
  const n = heap.new(Node, { leaf: heap.new(Leaf) });
  heap.roots.set('n', n);
  const other = attachHeap(heap.share());
  const same = other.roots.get('n', Node)!;
  begin(n);
  watch.hook(same);
  same.leaf = null;
  same.names.push('there');
  Object.assign(n, { two: { leaf: n.leaf, name: 'here' } });
  same.one = same.two;
  expect(watch.check()).toEqual([]);
  expect(watch.reports).toBeGreaterThan(5);
  other.detach();
});

describe('the barrier itself', () => {
  test('compare and exchange: reported before it is known whether it stores', () => {
    const n = heap.new(Node, { leaf: heap.new(Leaf) });
    const { mem } = new Internals(heap);
    const slot = heap.addressOf(n) + 8;
    const value = heap.addressOf(n.leaf!);
    const seen: number[][] = [];
    const barrier = makeBarrier(mem);
    barrier.onWrite = (...all) => seen.push(all);
    watch.on();
    expect(heap.memory.i32[slot >>> 2]).toBe(value);
    expect(barrier.casPointer(slot, 0, 8)).toBe(value);
    expect(seen).toEqual([[slot, 0, 8]]);
    expect(heap.memory.i32[slot >>> 2]).toBe(value);
    expect(barrier.casPointer(slot, value, 0)).toBe(value);
    expect(seen.slice(1)).toEqual([[slot, value, 0]]);
    expect(n.leaf).toBe(null);
    expect(barrier.casPointer(slot, 0, value)).toBe(0);
    expect(seen.length).toBe(3);
  });

  test('addresses above 2 GiB are reported as addresses, given either way', () => {
    heap = createHeap({ gc: 'off', maxBytes: 2 ** 32 });
    watch = new Watch(heap);
    heap.raw.mallocgc(2 ** 31, null, false);
    heap.scope(() => {
      const r = random(newSeed('barrier: high'));
      const w = newWorld(r);
      const [n, m] = w.nodes as [NodeRef, NodeRef];
      expect(heap.addressOf(n)).toBeGreaterThan(2 ** 31);
      begin(n);
      Object.assign(n, { one: { leaf: w.leaves[0]!, name: 'x' } });
      n.two = n.one;
      n.one = m.one;
      n.boxes.set(0, {});
      n.refs.push(null, w.leaves[1]!, w.leaves[2]!);
      part(r, n.refs).copyFrom(n.refs);
      n.refs.pop();
      heap.roots.set('n', n);
      heap.roots.set('n', m);
      expect(watch.check()).toEqual([]);
      expect(watch.roots.map(({ value }) => value)).toEqual([heap.addressOf(n), heap.addressOf(m)]);

      const barrier = makeBarrier(new Internals(heap).mem);
      const seen: number[][] = [];
      barrier.onWrite = (...all) => seen.push(all);
      const slot = heap.addressOf(n) + 8;
      const value = heap.addressOf(w.leaves[3]!);
      n.leaf = w.leaves[3]!;
      // As an address, and as the signed number that references carry.
      for (const [s, v] of [
        [slot, value],
        [slot | 0, value | 0],
      ] as const) {
        expect(barrier.casPointer(s, v, 0) >>> 0).toBe(value);
        barrier.storePointer(s, v);
      }
      expect(seen).toEqual([
        [slot, value, 0],
        [slot, 0, value],
        [slot, value, 0],
        [slot, 0, value],
      ]);
    });
  });
});

describe('pointers are stored whole: another thread sees the old or the new one', () => {
  // The methods of Uint8Array copy shared memory byte by byte at the ends: seen by a thread that reads meanwhile, now and
  // then, so what is tested is that no word of object memory is left to them.
  test.each(['copyWithin', 'fill'] as const)('none by %s', (method) => {
    const n = heap.new(Node, { leaf: heap.new(Leaf), names: ['a'], refs: [null, null, null] });
    const whole: string[] = [];
    const real = Uint8Array.prototype[method] as (...args: number[]) => Uint8Array;
    const spy = vi.spyOn(Uint8Array.prototype, method).mockImplementation(function (
      this: Uint8Array,
      ...args: number[]
    ) {
      const [from, to] = method === 'fill' ? [args[1]!, args[2]!] : [args[0]!, args[0]! + args[2]! - args[1]!];
      const words = Math.floor(to / 4) - Math.ceil(from / 4);
      if (this.buffer === heap.memory.buffer && words > 0) whole.push(`${to - from} bytes at ${hex(from)}`);
      return real.apply(this, args);
    } as never);
    try {
      Object.assign(n, { one: {}, refs: n.refs.slice(), names: n.names.slice() });
      n.two = n.one;
      n.refs.slice(1).copyFrom(n.refs);
      n.refs.slice(0, 2).copyFrom(n.refs.slice(1));
      for (let i = 0; i < 3; i++) n.refs.pop();
      n.names.pop();
    } finally {
      spy.mockRestore();
    }
    expect(whole).toEqual([]);
  });
});
