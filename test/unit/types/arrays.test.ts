/** Arrays: elements in place, copied when assigned. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type ArrayRef,
  array,
  bool,
  bytes,
  createHeap,
  f32,
  f64,
  type Heap,
  i8,
  i64,
  ref,
  slice,
  string,
  struct,
  u8,
  u16,
} from '../../../src/index.ts';

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 25 });
});

afterEach(() => {
  heap.verify();
});

const Point = struct('Point', { x: f64, y: f64 });
const Odd = struct('Odd', { a: u8, b: u16, c: u8 });

test.each([
  ['u8', u8, [0, 255, 7]],
  ['i8', i8, [-128, 127, 0]],
  ['u16', u16, [65535, 0, 1]],
  ['f32', f32, [0.5, -0, Infinity]],
  ['f64', f64, [0.1, Number.NaN, -0]],
  ['i64', i64, [-(2n ** 63n), 2n ** 63n - 1n, 0n]],
  ['bool', bool, [true, false, true]],
  ['string', string, ['', 'ä', 'x'.repeat(100)]],
])('elements of %s', (_, kind, values) => {
  heap.scope(() => {
    const made = heap.new(array(kind as typeof f64, 3), values as number[]) as ArrayRef<unknown>;
    expect(made.toArray()).toStrictEqual(values);
    expect([...made]).toStrictEqual(values);
    const set = heap.new(array(kind as typeof f64, 3)) as ArrayRef<unknown>;
    for (const [i, value] of values.entries()) set.set(i, value as never);
    expect([set.at(0), set.at(1), set.at(2), set.length]).toStrictEqual([...values, 3]);
  });
});

test('f32 rounds as Math.fround does', () => {
  heap.scope(() => {
    const one = heap.new(array(f32, 1));
    for (const value of [0.1, 1e300, -1e39, 16_777_217, 1e-50, Number.NaN]) {
      one.set(0, value);
      expect(one.at(0)).toBe(Math.fround(value));
    }
  });
});

test('elements lie one after the other, in the struct', () => {
  const Grid = struct('Grid', { before: u8, odd: array(Odd, 3), rows: array(array(u8, 3), 2), after: u8 });
  heap.scope(() => {
    const g = heap.new(Grid, {
      before: 1,
      odd: [{ a: 2, b: 3, c: 4 }, {}, { c: 5 }],
      rows: [[6], [7, 8, 9]],
      after: 10,
    });
    const at = heap.addressOf(g);
    const bytesOf = (): number[] => [...heap.memory.u8.slice(at, at + 28)];
    expect(bytesOf()).toEqual([
      1,
      0,
      2,
      0,
      3,
      0,
      4,
      0,
      ...new Array(6).fill(0),
      0,
      0,
      0,
      0,
      5,
      0,
      6,
      0,
      0,
      7,
      8,
      9,
      10,
      0,
    ]);
    heap.memory.u8[at + 2 + 6 + 4] = 77;
    expect(g.odd.at(1).c).toBe(77);
    expect(heap.addressOf(g.rows.at(1))).toBe(at + 23);
    g.rows.at(1).set(2, 99);
    expect([g.rows.at(1).at(2), g.after]).toEqual([99, 10]);
    Object.assign(g, { odd: [{ a: 1 }] });
    expect([g.odd.at(0).b, g.odd.at(1).c, g.odd.at(2).c, g.before]).toEqual([0, 0, 0, 1]);
    Object.assign(g, { rows: [[1]] });
    expect(bytesOf().slice(20)).toEqual([1, 0, 0, 0, 0, 0, 10, 0]);
  });
});

test('an assignment copies the elements', () => {
  const Pair = struct('Pair', { one: array(string, 3), two: array(string, 3) });
  heap.scope(() => {
    const p = heap.new(Pair, { one: ['a', 'b', 'c'] });
    p.two = p.one;
    p.one.set(0, 'changed');
    expect(p.two.toArray()).toEqual(['a', 'b', 'c']);
    Object.assign(p, { two: ['x'] });
    expect(p.two.toArray()).toEqual(['x', '', '']);
    const own = heap.new(array(string, 3), p.one);
    p.one.fill('z');
    expect(own.toArray()).toEqual(['changed', 'b', 'c']);
    expect(p.one.equals(p.one)).toBe(true);
    expect(p.one.equals(p.two)).toBe(false);
    p.one = own;
    const { one } = p;
    p.one = one;
    expect(p.one.toArray()).toEqual(own.toArray());
  });
});

test('a literal may be made of what it replaces', () => {
  const Pair = struct('PointPair', { list: array(Point, 2), rows: array(array(u8, 2), 2) });
  heap.scope(() => {
    const p = heap.new(Pair, {
      list: [{ x: 1 }, { x: 2 }],
      rows: [
        [1, 2],
        [3, 4],
      ],
    });
    // Go: p.list = [2]Point{p.list[1], p.list[0]}
    Object.assign(p, { list: [p.list.at(1), p.list.at(0)] });
    expect(p.list.toArray().map((q) => q.x)).toEqual([2, 1]);
    Object.assign(p, { rows: [p.rows.at(1), p.rows.at(0)] });
    expect(p.rows.toArray().map((r) => r.toArray())).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect(p.list.copyFrom([p.list.at(1), p.list.at(0)])).toBe(2);
    expect(p.list.toArray().map((q) => q.x)).toEqual([1, 2]);
  });
});

test('slice() of an array shares its memory, also inside of a struct', () => {
  const Box = struct('Box', { id: u8, grid: array(f64, 4) });
  heap.scope(() => {
    const b = heap.new(Box, { grid: [1, 2, 3, 4] });
    const s = b.grid.slice(1, 3);
    expect([s.length, s.capacity, s.at(0)]).toEqual([2, 3, 2]);
    s.push(9);
    expect(b.grid.at(3)).toBe(9);
    s.push(10);
    s.set(0, 11);
    expect(b.grid.toArray()).toEqual([1, 2, 3, 9]);
    expect(b.grid.slice(0, 0).capacity).toBe(4);
    expect(b.grid.slice(4).capacity).toBe(0);
  });
});

test('of length 0, of structs, of refs, of slices, of bytes', () => {
  heap.scope(() => {
    const none = heap.new(array(f64, 0), []);
    expect([none.length, [...none], none.slice().length, none.copyFrom([])]).toEqual([0, [], 0, 0]);
    expect(() => none.at(0)).toThrow('index out of range [0] with length 0');
    const points = heap.new(array(Point, 2), [{ x: 1 }]);
    points.at(1).y = 3;
    points.set(0, points.at(1));
    expect(points.toArray().map((p) => [p.x, p.y])).toEqual([
      [0, 3],
      [0, 3],
    ]);
    const refs = heap.new(array(ref(Point), 2), [points.at(1)]);
    points.at(1).x = 8;
    expect([refs.at(0)!.x, refs.at(1)]).toEqual([8, null]);
    const lists = heap.new(array(slice(string), 2), [['a'], []]);
    lists.at(1).push('b');
    lists.set(0, lists.at(1));
    expect(lists.toArray().map((l) => l.toArray())).toEqual([['b'], ['b']]);
    const raw = heap.new(array(bytes, 2), [new Uint8Array([1]), Buffer.from('x')]);
    expect(raw.toArray()).toEqual([new Uint8Array([1]), new Uint8Array([120])]);
  });
});

test('a large one, over 32 KiB', () => {
  const large = heap.new(array(f64, 100_000));
  large.fill(1, 99_999);
  large.set(50_000, 2);
  expect(large.toArray().reduce((a, b) => a + b)).toBe(3);
  const copy = heap.new(array(f64, 100_000), large);
  large.fill(0);
  expect(copy.at(50_000)).toBe(2);
  const refs = heap.new(array(ref(Point), 10_000));
  const p = heap.new(Point, { x: 4 });
  refs.set(9_999, p);
  expect(refs.at(9_999)!.x).toBe(4);
  expect(refs.at(9_998)).toBe(null);
});

test('too many elements are refused, and nothing is changed', () => {
  const a = heap.new(array(u8, 3), [1, 2, 3]);
  expect(() => heap.new(array(u8, 3), [1, 2, 3, 4])).toThrow(
    expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
  );
  expect(a.copyFrom([9, 8, 7, 6])).toBe(3);
  expect(a.toArray()).toEqual([9, 8, 7]);
});
