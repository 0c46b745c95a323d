/**
 * Random programs over a graph of structs, slices, arrays and strings, against a mirror in plain JS that has Go's slices:
 * a header over an array that others may share. In the end everything is compared through a second attached heap: values,
 * who refers to whom, lengths, capacities, what is in an array beyond a slice's length, and which slices share an array.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  array,
  attachHeap,
  createHeap,
  f64,
  goSizeClasses,
  type Heap,
  i32,
  i64,
  type Ref,
  type Reference,
  ref,
  type Slice,
  slice,
  string,
  struct,
} from '../../src/index.ts';
import { growsliceCap } from '../../src/malloc/slice-math.ts';
import { newSeed } from '../support/random.ts';

/** As it is read back. (TypeScript does not know `toWellFormed` yet.) */
const wellFormed = (text: string): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));

const Point = struct('Point', { x: f64, y: i32 });
const Node = struct('Node', {
  id: i32,
  name: string,
  big: i64,
  get next() {
    return ref(Node);
  },
  at: Point,
  cells: array(i32, 4),
  corners: array(Point, 2),
  numbers: slice(i32),
  names: slice(string),
  points: slice(Point),
  get nodes() {
    return slice(ref(Node));
  },
  rows: slice(slice(i32)),
});
type NodeRef = Ref<typeof Node>;

/** Go's slice: `len` elements of `array` from `from` on, room for `cap`. A nil slice has an array of its own. */
interface JsSlice<T = unknown> {
  array: T[];
  from: number;
  len: number;
  cap: number;
}
interface JsPoint {
  x: number;
  y: number;
}
interface JsNode {
  id: number;
  name: string;
  big: bigint;
  next: JsNode | null;
  at: JsPoint;
  cells: number[];
  corners: JsPoint[];
  numbers: JsSlice<number>;
  names: JsSlice<string>;
  points: JsSlice<JsPoint>;
  nodes: JsSlice<JsNode | null>;
  rows: JsSlice<JsSlice<number>>;
}
const FIELDS = ['numbers', 'names', 'points', 'nodes', 'rows'] as const;
type Field = (typeof FIELDS)[number];

const SIZES: Readonly<Record<Field, number>> = { numbers: 4, names: 8, points: 16, nodes: 4, rows: 12 };
const CLASSES = goSizeClasses('go1.16');

const nil = <T>(): JsSlice<T> => ({ array: [], from: 0, len: 0, cap: 0 });

function zero(field: Field): unknown {
  if (field === 'numbers') return 0;
  if (field === 'names') return '';
  if (field === 'points') return { x: 0, y: 0 };
  return field === 'nodes' ? null : nil();
}

/** Values are copied, references are not. */
function copy<T>(field: Field, value: T): T {
  return field === 'points' || field === 'rows' ? { ...value } : value;
}

const zeros = (field: Field, n: number): unknown[] => Array.from({ length: n }, () => zero(field));

/** A slice with room for just these values. */
function literal(field: Field, values: readonly unknown[]): JsSlice {
  return { array: values.map((v) => copy(field, v)), from: 0, len: values.length, cap: values.length };
}

function append(field: Field, s: JsSlice, values: readonly unknown[]): void {
  const need = s.len + values.length;
  if (need > s.cap) {
    const cap = growsliceCap(SIZES[field], s.cap, need, CLASSES);
    const old = s.array.slice(s.from, s.from + s.len).map((v) => copy(field, v));
    s.array = [...old, ...zeros(field, cap - s.len)];
    s.from = 0;
    s.cap = cap;
  }
  for (const [i, v] of values.entries()) s.array[s.from + s.len + i] = copy(field, v);
  s.len = need;
}

function sub(s: JsSlice, lo: number, hi: number): JsSlice {
  return { array: s.array, from: s.from + lo, len: hi - lo, cap: s.cap - lo };
}

function copyInto(field: Field, to: JsSlice, values: readonly unknown[]): number {
  const n = Math.min(to.len, values.length);
  const all = values.slice(0, n).map((v) => copy(field, v));
  for (let i = 0; i < n; i++) to.array[to.from + i] = all[i];
  return n;
}

const elements = (s: JsSlice): unknown[] => s.array.slice(s.from, s.from + s.len);

/** Random numbers of one step; each is used for whatever needs one. */
interface Step {
  readonly op: keyof typeof OPS;
  readonly node: number;
  readonly other: number;
  readonly field: Field;
  readonly a: number;
  readonly b: number;
  readonly n: number;
  readonly text: string;
  readonly scope: boolean;
}

/** Both worlds, which every step changes in the same way. */
class Pair {
  readonly heap: Heap;
  readonly refs: NodeRef[] = [];
  readonly js: JsNode[] = [];

  constructor() {
    this.heap = createHeap({ maxBytes: 2 ** 23 });
    for (let i = 0; i < 3; i++) this.add(this.heap.new(Node, { id: i }));
  }

  add(made: NodeRef): JsNode {
    const node: JsNode = {
      ...{ id: made.id, name: '', big: 0n, next: null, at: { x: 0, y: 0 }, cells: [0, 0, 0, 0] },
      ...{
        corners: [
          { x: 0, y: 0 },
          { x: 0, y: 0 },
        ],
        numbers: nil<number>(),
        names: nil<string>(),
      },
      ...{ points: nil<JsPoint>(), nodes: nil<JsNode | null>(), rows: nil<JsSlice<number>>() },
    };
    this.refs.push(made.hold());
    this.js.push(node);
    return node;
  }

  /** A few values of a field's elements: for the heap, and for the mirror. */
  values(s: Step): [Slice<never>[], unknown[]] {
    const pairs = Array.from({ length: s.n % 5 }, (_, i) => this.value(s, i));
    return [pairs.map((p) => p[0]) as never, pairs.map((p) => p[1])];
  }

  value(s: Step, i = 0): [unknown, unknown] {
    const k = s.a + i * 7;
    const other = (s.other + i) % this.js.length;
    const [from, mirror] = [this.refs[other]!, this.js[other]!];
    if (s.field === 'numbers') return [k - 50, k - 50];
    if (s.field === 'names') return [s.text + i, wellFormed(s.text) + i];
    if (s.field === 'nodes') return k % 3 === 0 ? [null, null] : [from, mirror];
    if (s.field === 'points') {
      if (k % 3 === 0) return [from.at, mirror.at];
      if (k % 3 === 1) return [from.corners.at(k % 2), mirror.corners[k % 2]];
      return k % 2 === 0
        ? [{ x: k / 2 }, { x: k / 2, y: 0 }]
        : [
            { x: 0.5, y: k },
            { x: 0.5, y: k },
          ];
    }
    if (k % 2 === 0) return [from.numbers, mirror.numbers];
    return [[k, k + 1], literal('numbers', [k, k + 1])];
  }
}

/** What a step works on. */
interface At {
  readonly p: Pair;
  readonly s: Step;
  readonly ref: NodeRef;
  readonly js: JsNode;
  readonly from: NodeRef;
  readonly mirror: JsNode;
  /** The slice of the step's field; loosely typed, as it may be any of them. */
  readonly list: Slice<unknown>;
  readonly model: JsSlice;
}

function set(at: At, list: unknown, model: JsSlice): void {
  (at.ref as unknown as Record<string, unknown>)[at.s.field] = list;
  (at.js as unknown as Record<string, unknown>)[at.s.field] = model;
}

/** Bounds of a part of a slice. */
function bounds(s: Step, limit: number): [number, number] {
  const lo = s.a % (limit + 1);
  return [lo, lo + (s.b % (limit - lo + 1))];
}

const listOf = (ref: NodeRef, field: Field): Slice<unknown> => ref[field] as unknown as Slice<unknown>;

const OPS = {
  add({ p, s, js, ref: n }: At) {
    if (p.js.length > 8) return;
    const made = p.heap.new(Node, {
      id: p.js.length,
      name: s.text,
      next: n,
      at: { y: s.a },
      cells: [s.b],
      names: [s.text, ''],
    });
    const mirror = p.add(made);
    Object.assign(mirror, {
      name: wellFormed(s.text),
      next: js,
      names: literal('names', [wellFormed(s.text), '']),
    });
    mirror.at.y = s.a;
    mirror.cells[0] = s.b;
  },
  copyNode({ p, ref: n, js }: At) {
    if (p.js.length > 8) return;
    const mirror = p.add(p.heap.new(Node, n));
    Object.assign(mirror, js, { at: { ...js.at }, cells: [...js.cells], corners: js.corners.map((c) => ({ ...c })) });
    for (const field of FIELDS) (mirror as unknown as Record<string, unknown>)[field] = { ...js[field] };
  },
  scalars({ s, ref: n, js }: At) {
    n.name = s.text;
    js.name = wellFormed(s.text);
    n.big = js.big = -(2n ** BigInt(s.a % 63));
    n.at.x = js.at.x = s.b / 3;
  },
  next({ s, ref: n, js, from, mirror }: At) {
    n.next = s.a % 4 === 0 ? null : from;
    js.next = s.a % 4 === 0 ? null : mirror;
  },
  inline({ s, ref: n, js, from, mirror }: At) {
    Object.assign(n, { at: s.a % 2 === 0 ? from.at : { x: from.corners.at(1).x } });
    js.at = s.a % 2 === 0 ? { ...mirror.at } : { x: mirror.corners[1]!.x, y: 0 };
  },
  arrays({ s, ref: n, js, from, mirror }: At) {
    if (s.a % 3 === 0) {
      n.cells = from.cells;
      const { cells } = mirror;
      copyInto('numbers', literalOver(js.cells), [...cells]);
    } else if (s.a % 3 === 1) {
      Object.assign(n, { cells: [s.a, s.b] });
      copyInto('numbers', literalOver(js.cells), [s.a, s.b, 0, 0]);
    } else {
      Object.assign(n, { corners: [from.corners.at(1), from.corners.at(0)] });
      js.corners = [{ ...mirror.corners[1]! }, { ...mirror.corners[0]! }];
    }
  },
  element({ s, ref: n, js }: At) {
    n.cells.set(s.a % 4, s.b);
    js.cells[s.a % 4] = s.b;
    n.corners.at(s.b % 2).y = s.a;
    js.corners[s.b % 2]!.y = s.a;
  },
  /** Slices over the array in a struct. */
  sliceOfArray({ s, ref: n, js, from, mirror }: At) {
    const [lo, hi] = bounds(s, 4);
    n.numbers = from.cells.slice(lo, hi);
    js.numbers = { array: mirror.cells, from: lo, len: hi - lo, cap: 4 - lo };
  },
  push({ p, s, list, model }: At) {
    const [values, mirrors] = p.values(s);
    expect(list.push(...values)).toBe(model.len + values.length);
    append(s.field, model, mirrors);
  },
  pushMany({ s, ref: n, js }: At) {
    const values = Array.from({ length: s.a * 4 }, (_, i) => i);
    n.numbers.push(...values);
    append('numbers', js.numbers, values);
  },
  pop({ s, list, model }: At) {
    const last = list.pop();
    if (model.len === 0) expect(last).toBe(undefined);
    if (model.len === 0) return;
    model.len--;
    if (s.field === 'numbers' || s.field === 'names') expect(last).toBe(model.array[model.from + model.len]);
    model.array[model.from + model.len] = zero(s.field);
  },
  set({ p, s, list, model }: At) {
    const i = s.b % (model.len + 1);
    const [value, mirror] = p.value(s);
    if (i === model.len) expect(() => list.set(i, value)).toThrow(`index out of range [${i}] with length ${i}`);
    else {
      list.set(i, value);
      model.array[model.from + i] = copy(s.field, mirror);
    }
  },
  fill({ p, s, list, model }: At) {
    const [lo, hi] = bounds(s, model.len);
    const [value, mirror] = p.value(s);
    list.fill(value, lo, hi);
    const constant = copy(s.field, mirror);
    for (let i = lo; i < hi; i++) model.array[model.from + i] = copy(s.field, constant);
  },
  copyFrom({ p, s, list, model, from, mirror }: At) {
    const [lo, hi] = bounds(s, model.len);
    if (s.n % 3 === 0) {
      const [values, mirrors] = p.values(s);
      expect(list.slice(lo, hi).copyFrom(values)).toBe(copyInto(s.field, sub(model, lo, hi), mirrors));
    } else {
      const source = mirror[s.field] as JsSlice;
      expect(list.slice(lo, hi).copyFrom(listOf(from, s.field))).toBe(
        copyInto(s.field, sub(model, lo, hi), elements(source)),
      );
    }
  },
  /** A list made of the places that it is copied to. */
  permute({ ref: n, js }: At) {
    const places = n.points.toArray().reverse();
    n.points.copyFrom(places);
    copyInto('points', js.points, elements(js.points).reverse());
  },
  share(at: At) {
    set(at, at.from[at.s.field], { ...(at.mirror[at.s.field] as JsSlice) });
  },
  part(at: At) {
    const model = at.mirror[at.s.field] as JsSlice;
    // Up to the capacity, as in Go.
    const [lo, hi] = bounds(at.s, model.cap);
    set(at, listOf(at.from, at.s.field).slice(lo, hi), sub(model, lo, hi));
  },
  assign(at: At) {
    const [values, mirrors] = at.p.values(at.s);
    set(at, values, literal(at.s.field, mirrors));
  },
  make(at: At) {
    const { p, s } = at;
    const [len, cap] = [s.a % 4, (s.a % 4) + (s.b % 5)];
    const kind = {
      numbers: slice(i32),
      names: slice(string),
      points: slice(Point),
      nodes: slice(ref(Node)),
      rows: slice(slice(i32)),
    };
    const made = p.heap.make(kind[s.field] as never, len, cap);
    set(at, made, { array: zeros(s.field, cap), from: 0, len, cap });
  },
  row({ s, ref: n, js }: At) {
    if (js.rows.len === 0) return;
    const i = s.b % js.rows.len;
    const row = n.rows.at(i);
    const model = js.rows.array[js.rows.from + i]!;
    row.push(s.a);
    append('numbers', model, [s.a]);
    if (model.len > 3) row.set(1, s.b);
    if (model.len > 3) model.array[model.from + 1] = s.b;
  },
};

/** The array in a struct, as a slice over it: what it is replaced with is written there. */
function literalOver(cells: number[]): JsSlice {
  return { array: cells, from: 0, len: cells.length, cap: cells.length };
}

function run(p: Pair, s: Step): void {
  const i = s.node % p.js.length;
  const k = s.other % p.js.length;
  const go = (): void => {
    const [ref, js] = [p.refs[i]!, p.js[i]!];
    const at: At = {
      p,
      s,
      ref,
      js,
      from: p.refs[k]!,
      mirror: p.js[k]!,
      list: listOf(ref, s.field),
      model: js[s.field] as JsSlice,
    };
    OPS[s.op](at);
  };
  if (s.scope) p.heap.scope(go);
  else go();
}

/** Compares the heap, as another thread sees it, with the mirror. */
class Comparison {
  readonly #heap: Heap;
  readonly #found = new Map<JsNode, number>();
  /** Address of element 0 of each array of the mirror; no two arrays are at one. */
  readonly #arrays = new Map<unknown[], number>();

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  all(js: readonly JsNode[]): void {
    const refs = js.map((_, i) => this.#heap.roots.get(`node ${i}`, Node)!);
    for (const [i, node] of js.entries()) this.#found.set(node, this.#heap.addressOf(refs[i]!));
    for (const [i, node] of js.entries()) this.#node(refs[i]!, node);
    expect(new Set(this.#arrays.values()).size).toBe(this.#arrays.size);
  }

  #address(ref: NodeRef | null): number | undefined {
    return ref === null ? undefined : this.#heap.addressOf(ref);
  }

  #same(ref: NodeRef | null, js: JsNode | null): void {
    expect(this.#address(ref)).toBe(js === null ? undefined : this.#found.get(js));
  }

  #node(ref: NodeRef, js: JsNode): void {
    expect([ref.id, ref.name, ref.big, ref.at.x, ref.at.y]).toEqual([js.id, js.name, js.big, js.at.x, js.at.y]);
    this.#same(ref.next, js.next);
    expect(ref.cells.toArray()).toEqual(js.cells);
    expect(ref.corners.toArray().map(({ x, y }) => ({ x, y }))).toEqual(js.corners);
    this.#arrays.set(js.cells, this.#heap.addressOf(ref.cells));
    for (const field of FIELDS) this.#slice(field, listOf(ref, field), js[field] as JsSlice);
  }

  #slice(field: Field, s: Slice<unknown>, js: JsSlice): void {
    expect([s.length, s.capacity]).toEqual([js.len, js.cap]);
    if (js.cap > 0) {
      const base = (this.#heap.memory.i32[this.#heap.addressOf(s as Reference) >>> 2]! >>> 0) - js.from * SIZES[field];
      expect(this.#arrays.get(js.array) ?? base).toBe(base);
      this.#arrays.set(js.array, base);
    }
    // Beyond the length too.
    const values = s.slice(0, js.cap).toArray();
    const mirrors = js.array.slice(js.from, js.from + js.cap);
    expect(values.length).toBe(mirrors.length);
    for (const [i, value] of values.entries()) {
      const mirror = mirrors[i];
      if (field === 'nodes') this.#same(value as NodeRef | null, mirror as JsNode | null);
      else if (field === 'rows') this.#slice('numbers', value as Slice<unknown>, mirror as JsSlice);
      else if (field === 'points') expect({ x: (value as JsPoint).x, y: (value as JsPoint).y }).toEqual(mirror);
      else expect(value).toBe(mirror);
    }
  }
}

const steps = fc.array(
  fc.record<Step>({
    op: fc.constantFrom(...(Object.keys(OPS) as (keyof typeof OPS)[])),
    node: fc.nat(8),
    other: fc.nat(8),
    field: fc.constantFrom(...FIELDS),
    a: fc.nat(99),
    b: fc.nat(99),
    n: fc.nat(9),
    text: fc.string({ unit: 'binary', maxLength: 70 }),
    scope: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

test('random programs do to the heap what they do to plain objects', () => {
  const seed = newSeed('model: types');
  fc.assert(
    fc.property(steps, (program) => {
      const p = new Pair();
      for (const s of program) run(p, s);
      for (const [i, node] of p.refs.entries()) p.heap.roots.set(`node ${i}`, node);
      const other = attachHeap(p.heap.share());
      other.scope(() => new Comparison(other).all(p.js));
      other.detach();
      p.heap.verify();
      p.heap.detach();
    }),
    { seed, numRuns: Number(process.env['SPANHEAP_RUNS'] ?? 150) },
  );
});
