/** Structs: every kind of field at the edges of its range, where it lies in memory, nesting, recursion, copies. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  atomic,
  bool,
  bytes,
  createHeap,
  f32,
  f64,
  type Heap,
  i8,
  i16,
  i32,
  i64,
  OutOfMemoryError,
  type Ref,
  type RefKind,
  ref,
  StaleRefError,
  slice,
  string,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/index.ts';

let heap: Heap;
let view: DataView;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 25 });
  view = new DataView(heap.memory.buffer as ArrayBuffer);
});

afterEach(() => {
  heap.verify();
});

const All = struct('All', {
  a: u8,
  b: f64,
  c: u16,
  d: u32,
  e: bool,
  f: i64,
  g: string,
  h: i8,
  i: i16,
  j: f32,
  k: i32,
  l: u64,
  m: bytes,
});

/** Fields that are read by the struct's address, the last that is, and some beyond. */
const Far = struct('Far', {
  first: i32,
  pad: array(u8, 1012),
  near: f64,
  last: u32,
  bool: bool,
  far: i32,
  farther: f64,
  get next() {
    return ref(Far);
  },
});

test('fields lie where they should, however far from the beginning', () => {
  heap.scope(() => {
    const a = heap.new(Far);
    const b = heap.new(Far);
    Object.assign(a, { first: -1, near: 0.5, last: 0xffffffff, bool: true, far: -2, farther: 1.5, next: b });
    const at = heap.addressOf(a);
    expect([view.getInt32(at, true), view.getFloat64(at + 1016, true)]).toEqual([-1, 0.5]);
    expect([view.getUint32(at + 1024, true), view.getUint8(at + 1028)]).toEqual([0xffffffff, 1]);
    expect([view.getInt32(at + 1032, true), view.getFloat64(at + 1040, true)]).toEqual([-2, 1.5]);
    expect(view.getUint32(at + 1048, true)).toBe(heap.addressOf(b));
    expect([a.first, a.near, a.last, a.bool, a.far, a.farther]).toEqual([-1, 0.5, 0xffffffff, true, -2, 1.5]);
    expect(a.next!.equals(b)).toBe(true);
    expect([b.first, b.near, b.last, b.bool, b.far, b.farther, b.next]).toEqual([0, 0, 0, false, 0, 0, null]);
  });
});

/** As large as eight of them fill a page. */
const Eighth = struct('Eighth', { first: i32, pad: array(u8, 1012), last: f64 });

test('the last object of memory, down to its last byte', () => {
  const maxBytes = 2 ** 20;
  const small = createHeap({ gc: 'off', maxBytes });
  small.scope(() => {
    const made: Ref<typeof Eighth>[] = [];
    expect(() => {
      for (;;) made.push(small.new(Eighth));
    }).toThrow(OutOfMemoryError);
    const last = made.find((ref) => small.addressOf(ref) === maxBytes - 1024)!;
    Object.assign(last, { first: -7, last: 0.1 });
    expect([last.first, last.last]).toEqual([-7, 0.1]);
    const bytes = new DataView(small.memory.buffer as ArrayBuffer);
    expect([bytes.getInt32(maxBytes - 1024, true), bytes.getFloat64(maxBytes - 8, true)]).toEqual([-7, 0.1]);
  });
  small.verify();
});

const EDGES = [
  ['a', [0, 1, 127, 128, 255, -0]],
  ['b', [0, -0, 0.1, Number.NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, Number.MAX_SAFE_INTEGER]],
  ['c', [0, 0x7fff, 0x8000, 0xffff]],
  ['d', [0, 0x7fffffff, 0x80000000, 0xffffffff]],
  ['e', [true, false, true]],
  ['f', [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
  ['g', ['', 'a', 'ä€😀']],
  ['h', [0, -128, 127, -1]],
  ['i', [0, -0x8000, 0x7fff]],
  ['j', [0, -0, 0.1, 1e39, -1e39, 1e-46, Number.NaN, Infinity, 16777217, 3.4028234663852886e38]],
  ['k', [0, -0x80000000, 0x7fffffff]],
  ['l', [0n, 2n ** 64n - 1n, 2n ** 63n]],
  ['m', [new Uint8Array(), new Uint8Array([0, 255, 1])]],
] as const;

/** What a value of a field is read back as. Integers have no -0. */
function readAs(field: string, value: unknown): unknown {
  if (field === 'j') return Math.fround(value as number);
  return field !== 'b' && value === 0 ? 0 : value;
}

describe.each([
  ['in a scope', <T>(fn: () => T): T => heap.scope(fn)],
  ['outside of scopes', <T>(fn: () => T): T => fn()],
])('values %s', (_, run) => {
  test.each(EDGES)('field %s', (field, values) => {
    run(() => {
      const assigned = heap.new(All);
      const zero = JSON.stringify(assigned);
      for (const value of values) {
        const made = heap.new(All, { [field]: value });
        Object.assign(assigned, { [field]: value });
        expect(assigned[field]).toStrictEqual(readAs(field, value));
        expect(made[field]).toStrictEqual(readAs(field, value));
        // No other field has changed.
        made[field] = heap.new(All)[field] as never;
        expect(JSON.stringify(made)).toBe(zero);
      }
    });
  });

  test('a new object is zero', () => {
    run(() => {
      const addr = heap.raw.mallocgc(200, null, false);
      heap.memory.u8.fill(0xff, addr, addr + 200);
      heap.raw.free(addr);
      const all = heap.new(All);
      const empty = {
        a: 0,
        b: 0,
        c: 0,
        d: 0,
        e: false,
        f: 0n,
        g: '',
        h: 0,
        i: 0,
        j: 0,
        k: 0,
        l: 0n,
        m: new Uint8Array(),
      };
      for (const [name, value] of Object.entries(empty)) expect(all[name as 'a']).toStrictEqual(value);
    });
  });
});

/** By hand: Go's rules, pointers of 4 bytes, 8-byte numbers aligned to 8. */
const OFFSETS = { a: 0, b: 8, c: 16, d: 20, e: 24, f: 32, g: 40, h: 48, i: 50, j: 52, k: 56, l: 64, m: 72 };

test('each field lies where Go would put it, and nowhere else', () => {
  heap.scope(() => {
    const all = heap.new(All);
    const at = heap.addressOf(all);
    expect(heap.raw.usableSize(at)).toBe(80);
    const values = {
      ...{ a: 0xab, b: -1.5, c: 0xbeef, d: 0xdeadbeef, e: true, f: -2n, g: 'xyz' },
      ...{ h: -3, i: -4, j: 0.5, k: -5, l: 2n ** 64n - 6n, m: new Uint8Array([9, 8]) },
    };
    Object.assign(all, values);
    expect(view.getUint8(at + OFFSETS.a)).toBe(values.a);
    expect(view.getFloat64(at + OFFSETS.b, true)).toBe(values.b);
    expect(view.getUint16(at + OFFSETS.c, true)).toBe(values.c);
    expect(view.getUint32(at + OFFSETS.d, true)).toBe(values.d);
    expect(view.getUint8(at + OFFSETS.e)).toBe(1);
    expect(view.getBigInt64(at + OFFSETS.f, true)).toBe(values.f);
    expect(view.getInt8(at + OFFSETS.h)).toBe(values.h);
    expect(view.getInt16(at + OFFSETS.i, true)).toBe(values.i);
    expect(view.getFloat32(at + OFFSETS.j, true)).toBe(values.j);
    expect(view.getInt32(at + OFFSETS.k, true)).toBe(values.k);
    expect(view.getBigUint64(at + OFFSETS.l, true)).toBe(values.l);
    expect(view.getUint32(at + OFFSETS.g + 4, true)).toBe(3);
    const text = view.getUint32(at + OFFSETS.g, true);
    expect([...heap.memory.u8.slice(text, text + 3)]).toEqual([120, 121, 122]);
    expect(view.getUint32(at + OFFSETS.m + 4, true)).toBe(2);
    const raw = view.getUint32(at + OFFSETS.m, true);
    expect([...heap.memory.u8.slice(raw, raw + 2)]).toEqual([9, 8]);
    // Padding is untouched.
    for (const [from, to] of [
      [1, 8],
      [18, 20],
      [25, 32],
      [49, 50],
      [60, 64],
    ] as const)
      for (let i = from; i < to; i++) expect(view.getUint8(at + i)).toBe(0);
  });
});

test('reads see plain memory writes', () => {
  heap.scope(() => {
    const all = heap.new(All);
    const at = heap.addressOf(all);
    view.setUint8(at + OFFSETS.a, 200);
    view.setFloat64(at + OFFSETS.b, 2.5, true);
    view.setUint8(at + OFFSETS.e, 7);
    view.setBigInt64(at + OFFSETS.f, -7n, true);
    view.setInt16(at + OFFSETS.i, -300, true);
    view.setUint32(at + OFFSETS.d, 0xfffffffe, true);
    expect([all.a, all.b, all.e, all.f, all.i, all.d]).toEqual([200, 2.5, true, -7n, -300, 0xfffffffe]);
  });
});

const Empty = struct('Empty', {});
const Point = struct('Point', { x: f64, y: f64 });
const Named = struct('Named', { name: string, at: Point, next: ref(Point) });
const Outer = struct('Outer', { before: i32, first: Named, second: Named, after: i32 });

test('a struct of size 0', () => {
  const Holder = struct('HoldsEmpty', {
    key: i32,
    nothing: Empty,
    p: ref(Empty),
    list: slice(Empty),
    four: array(Empty, 4),
  });
  heap.scope(() => {
    const a = heap.new(Empty, {});
    expect(heap.addressOf(a)).not.toBe(0);
    const h = heap.new(Holder, { key: 7, p: a, nothing: {}, list: [{}, {}, {}], four: [{}] });
    expect(h.p).not.toBe(null);
    expect(h.p!.equals(a)).toBe(true);
    h.nothing = a;
    Object.assign(h, { four: [] });
    expect(h.list.length).toBe(3);
    expect(h.list.push({}, a)).toBe(5);
    expect(h.list.pop()).toBeDefined();
    expect(h.list.slice(1, 3).copyFrom(h.list)).toBe(2);
    h.list.fill({});
    expect([...h.list].length).toBe(4);
    let n = 0;
    for (const c = h.four.cursor(); c.next(); n++) expect(c.value).toBeDefined();
    expect(n).toBe(4);
    expect(() => h.list.at(4)).toThrow('index out of range [4] with length 4');
    expect(h.key).toBe(7);
    // Nothing without size is the end of an object: its address would be that of the next.
    const Tail = struct('TailEmpty', { key: i32, nothing: Empty });
    const t = heap.new(Tail);
    expect(heap.addressOf(t.nothing)).toBeLessThan(heap.addressOf(t) + heap.raw.usableSize(heap.addressOf(t)));
  });
});

test('an inline struct is a place: reading it refers to it, assigning copies into it', () => {
  heap.scope(() => {
    const o = heap.new(Outer, { before: 1, after: 2, first: { name: 'one', at: { x: 1, y: 2 } } });
    const { first, second } = o;
    expect(heap.addressOf(first)).toBe(heap.addressOf(o) + 8);
    o.second = first;
    first.name = 'changed';
    first.at.x = 9;
    expect([second.name, second.at.x, second.at.y]).toEqual(['one', 1, 2]);
    expect([o.first.name, o.first.at.x]).toEqual(['changed', 9]);
    expect(o.first.equals(first)).toBe(true);
    expect(first.equals(second)).toBe(false);
    // Fields that a literal leaves out are zero, as in Go.
    Object.assign(o, { first: { at: { y: 5 } } });
    expect([first.name, first.at.x, first.at.y, first.next]).toEqual(['', 0, 5, null]);
    Object.assign(o, { first: {} });
    expect([first.at.y, o.before, o.after]).toEqual([0, 1, 2]);
    second.next = o.second.at;
    expect(o.second.next!.equals(o.second.at)).toBe(true);
    o.second = second;
    expect([second.name, second.at.y]).toEqual(['one', 2]);
  });
});

test('a struct and its first field are two places', () => {
  const First = struct('First', { inner: Point });
  const f = heap.new(First);
  expect(heap.addressOf(f)).toBe(heap.addressOf(f.inner));
  expect(f.equals(f.inner as never)).toBe(false);
  expect(f.inner.equals(f.inner)).toBe(true);
  expect(f.equals(null)).toBe(false);
});

test('a literal may be made of what it replaces', () => {
  heap.scope(() => {
    const o = heap.new(Outer, {
      first: { name: 'one', at: { x: 1, y: 2 } },
      second: { name: 'two', at: { x: 3, y: 4 } },
    });
    // Go: o.first = Named{name: "new", at: o.first.at}
    Object.assign(o, { first: { name: 'new', at: o.first.at } });
    expect([o.first.name, o.first.at.x, o.first.at.y]).toEqual(['new', 1, 2]);
  });
});

test('a new struct from another is a copy', () => {
  heap.scope(() => {
    const a = heap.new(Named, { name: 'a', at: { x: 1 }, next: heap.new(Point, { x: 5 }) });
    const b = heap.new(Named, a);
    a.name = 'b';
    a.at.x = 2;
    expect([b.name, b.at.x, b.next!.x]).toEqual(['a', 1, 5]);
    expect(b.next!.equals(a.next)).toBe(true);
  });
});

const Node = struct('Node', {
  key: i32,
  get left() {
    return ref(Node);
  },
  get children() {
    return slice(ref(Node));
  },
  get copies() {
    return slice(Node);
  },
  get pair() {
    return array(ref(Node), 2);
  },
});
const Author = struct('Author', {
  name: string,
  get books() {
    return slice(ref(Book));
  },
});
const Book = struct('Book', {
  title: string,
  get author() {
    return ref(Author);
  },
  get about() {
    return Author;
  },
});

test('recursive and mutually recursive structs', () => {
  heap.scope(() => {
    const root = heap.new(Node, { key: 1 });
    let n: Ref<typeof Node> = root;
    for (let i = 2; i <= 1000; i++) {
      n.left = heap.new(Node, { key: i, left: n, children: [n, null, root], pair: [root] });
      n = n.left!;
    }
    expect(n.key).toBe(1000);
    n = root;
    for (let i = 1; i < 3; i++) n = n.left!;
    expect([n.key, n.children.at(0)!.key, n.children.at(1), n.pair.at(0)!.key, n.pair.at(1)]).toEqual([
      3,
      2,
      null,
      1,
      null,
    ]);
    root.left = root;
    expect(root.left.left!.left!.equals(root)).toBe(true);
    root.copies.push(root, { key: 8 });
    root.copies = root.copies.at(0).copies;
    expect(root.copies.length).toBe(0);

    const author = heap.new(Author, { name: 'Ann' });
    const book = heap.new(Book, { title: 'T', author, about: author });
    author.books.push(book, null);
    author.name = 'Bea';
    expect(book.author!.books.at(0)!.author!.name).toBe('Bea');
    expect([book.about.name, book.about.books.length]).toEqual(['Ann', 0]);
  });
});

test('a getter that fails at the first use may succeed later', () => {
  const Early = struct('Early', {
    get later() {
      return ref(Later);
    },
  });
  expect(() => heap.new(Early)).toThrow(ReferenceError);
  const Later = struct('Later', { key: i32 });
  const e = heap.new(Early, { later: heap.new(Later, { key: 5 }) });
  expect(e.later!.key).toBe(5);
});

test('all kinds of places in one struct, through JSON', () => {
  const Mixed = struct('Mixed', {
    hits: atomic(u32),
    big: atomic(i64),
    list: slice(Point),
    names: slice(string),
    grid: array(u8, 3),
    inner: Named,
    raw: bytes,
    l: u64,
    p: ref(Point),
  });
  heap.scope(() => {
    const p = heap.new(Point);
    const m = heap.new(Mixed, {
      ...{ hits: 3, big: -4n, list: [{ x: 1 }, p], names: ['a', ''], grid: [1, 2], inner: { name: 'n' } },
      ...{ raw: new Uint8Array([1]), l: 5n, p },
    });
    expect(JSON.parse(JSON.stringify(m))).toEqual({
      ...{
        hits: 3,
        big: '-4',
        list: [
          { x: 1, y: 0 },
          { x: 0, y: 0 },
        ],
        names: ['a', ''],
        grid: [1, 2, 0],
        raw: [1],
        l: '5',
      },
      inner: { name: 'n', at: { x: 0, y: 0 }, next: null },
      p: `Point @0x${heap.addressOf(p).toString(16)}`,
    });
  });
});

test('an object that is an instance of a class gives its fields, inherited ones too', () => {
  class Vector {
    get x(): number {
      return 4;
    }
    y = 5;
  }
  const p = heap.new(Point, new Vector());
  expect([p.x, p.y]).toEqual([4, 5]);
  const q = heap.new(Point, Object.assign(Object.create(null), { x: 1 }));
  expect([q.x, q.y]).toEqual([1, 0]);
});

test('references end with their scope, unless they are returned or held', () => {
  let stale: Ref<typeof Point> | undefined;
  let held: Ref<typeof Point> | undefined;
  const kept = heap.scope(() => {
    const inner = heap.scope(() => {
      stale = heap.new(Point, { x: 1 });
      held = stale.hold();
      return heap.new(Point, { x: 2 });
    });
    expect(() => stale!.x).toThrow(StaleRefError);
    expect(inner.x).toBe(2);
    return inner;
  });
  expect([kept.x, held!.x]).toEqual([2, 1]);
  for (const use of [
    () => stale!.x,
    () => (stale!.x = 5),
    () => stale!.hold(),
    () => stale!.equals(kept),
    () => kept.equals(stale!),
    () => heap.addressOf(stale!),
    () => heap.roots.set('x', stale!),
  ]) {
    expect(use).toThrow(expect.objectContaining({ name: 'StaleRefError', code: 'ERR_STALE_REF' }));
  }
  held!.dispose();
  held!.dispose();
  expect(() => held!.x).toThrow(/disposed/);
  kept[Symbol.dispose]();
  expect(() => kept.x).toThrow(StaleRefError);
  expect(heap.roots.names()).toEqual([]);
});

test('a scope that returns a promise says why it cannot; one that throws ends', () => {
  let inside: Ref<typeof Point> | undefined;
  const run = (): unknown =>
    // @ts-expect-error: it does not compile either
    heap.scope(async () => {
      inside = heap.new(Point);
    });
  expect(run).toThrow(/promise/);
  expect(() => inside!.x).toThrow(StaleRefError);
  expect(() =>
    heap.scope(() => {
      inside = heap.new(Point);
      throw new Error('mine');
    }),
  ).toThrow('mine');
  expect(() => inside!.x).toThrow(StaleRefError);
  // The region is left: a persistent reference can be made again.
  expect(heap.new(Point, { x: 3 }).x).toBe(3);
});

test('after detach all references are stale', () => {
  const other = createHeap({ maxBytes: 2 ** 20 });
  const p = other.new(Point, { x: 1 });
  const list = other.new(slice(i32), [1]);
  other.detach();
  for (const use of [
    () => p.x,
    () => list.at(0),
    () => list.length,
    () => list.push(1),
    () => p.hold(),
    () => [...list],
  ])
    expect(use).toThrow(expect.objectContaining({ code: 'ERR_STALE_REF' }));
});

describe('at addresses above 2 GiB', () => {
  const High = struct('High', {
    ...{ a: u8, b: f64, name: string, raw: bytes, f: i64, p: ref(Point), at: Point },
    ...{ list: slice(string), grid: array(ref(Point), 3), hits: atomic(u64) },
  });

  test('everything works there', () => {
    const large = createHeap({ maxBytes: 2 ** 32 });
    large.raw.mallocgc(2 ** 31, null, false);
    large.scope(() => {
      const p = large.new(Point, { x: 1, y: 2 });
      expect(large.addressOf(p)).toBeGreaterThan(2 ** 31);
      const raw = Uint8Array.from({ length: 300 }, (_, i) => i);
      const h = large.new(High, {
        a: 1,
        b: 2.5,
        name: 'äb',
        raw,
        f: -1n,
        p,
        at: p,
        list: ['x', 'y'],
        grid: [null, p],
        hits: 5n,
      });
      expect([h.a, h.b, h.name, h.f, h.p!.y, h.at.y]).toEqual([1, 2.5, 'äb', -1n, 2, 2]);
      expect(h.raw).toEqual(raw);
      h.name = 'z'.repeat(200);
      expect(h.name).toBe('z'.repeat(200));
      for (let i = 0; i < 100; i++) h.list.push(`${i}`);
      expect([h.list.at(0), h.list.at(101), h.list.length]).toEqual(['x', '99', 102]);
      const sub = h.list.slice(50, 60);
      expect(sub.copyFrom(h.list.slice(55))).toBe(10);
      expect(h.list.at(50)).toBe('53');
      expect(h.grid.slice(1).at(0)!.equals(p)).toBe(true);
      expect([...h.list.slice(0, 2)]).toEqual(['x', 'y']);
      expect(h.hits.add(1n)).toBe(5n);
      expect(h.hits.load()).toBe(6n);
      let n = 0;
      for (const c = h.list.cursor(); c.next(); ) n += c.value.length;
      expect(n).toBe(h.list.toArray().join('').length);
      expect(h.list.pop()).toBe('99');
      large.roots.set('h', h);
      expect(large.roots.get('h', High)!.name.length).toBe(200);
      const cursor = large.new(Node, { key: 2, left: large.new(Node, { key: 3 }) });
      const c = large.cursor(Node).set(cursor);
      expect([c.follow('left'), c.value.key, c.follow('left')]).toEqual([true, 3, false]);
    });
    large.verify();
  });
});

test.each([['the outer'], ['the inner']])(
  'a struct in place that refers back to the one around it; %s is used first',
  (first) => {
    const Inner = struct('Inner', {
      get owner() {
        return ref(Outer);
      },
    });
    const Outer = struct('Outer', {
      id: i32,
      get next(): RefKind<typeof Outer> {
        return ref(Outer);
      },
      inner: Inner,
    });
    heap.scope(() => {
      const inner = first === 'the inner' ? heap.new(Inner) : undefined;
      const a = heap.new(Outer, { id: 1 });
      const b = heap.new(Outer, { id: 2, next: a, inner: { owner: a } });
      b.inner.owner!.inner.owner = b;
      expect([b.next!.id, b.inner.owner!.id, a.inner.owner!.id]).toEqual([1, 1, 2]);
      if (inner !== undefined) inner.owner = b;
      expect(inner?.owner?.id ?? 2).toBe(2);
    });
  },
);

test.each([['slice'], ['the struct']])(
  'a struct with a slice of references to such structs; %s is bound first',
  (what) => {
    const Node = struct('ListNode', {
      id: i32,
      get others() {
        return Nodes;
      },
    });
    const Nodes = slice(ref(Node));
    heap.scope(() => {
      const made = what === 'slice' ? heap.make(Nodes, 1) : undefined;
      const node = heap.new(Node, { id: 1 });
      node.others = heap.make(Nodes, 2);
      node.others.set(0, node);
      if (made !== undefined) node.others = made;
      expect(node.others.length).toBe(what === 'slice' ? 1 : 2);
    });
  },
);

test('references of many types are told apart, though few constructors make them', () => {
  const n = 70;
  const types = Array.from({ length: n }, (_, i) => struct(`Kind ${i}`, { n: i32 }));
  const holders = types.map((T, i) => struct(`Holder of kind ${i}`, { to: ref(T) }));
  heap.scope(() => {
    const made = types.map((T, i) => heap.new(T, { n: i }));
    expect(new Set(made.map((r) => r.constructor)).size).toBe(n);
    for (let i = 0; i < n; i++) {
      expect(heap.new(holders[i]!, { to: made[i]! }).to!.n).toBe(i);
      for (let k = 0; k < n; k++) {
        if (k !== i) expect(() => heap.new(holders[i]!, { to: made[k]! })).toThrow(`one to Kind ${k}`);
      }
    }
  });
});
