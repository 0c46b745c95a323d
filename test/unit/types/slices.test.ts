/** Slices: Go's semantics, step by step. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  createHeap,
  f64,
  type Heap,
  i32,
  type RawSlice,
  type Ref,
  ref,
  type Slice,
  slice,
  string,
  struct,
  u8,
  u16,
} from '../../../src/index.ts';

const MB = 2 ** 20;
let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 64 * MB });
});

afterEach(() => {
  heap.verify();
});

const Point = struct('Point', { x: f64, y: f64 });
const Three = struct('Three', { a: u8, b: u8, c: u8 });
const Holder = struct('Holder', { before: i32, list: slice(i32), after: i32, rows: slice(slice(i32)) });

/** The header of a slice: pointer, length, capacity. */
function header(s: Slice<never> | Slice<number> | Slice<string>): [number, number, number] {
  const at = heap.addressOf(s as Slice<number>) >>> 2;
  const { i32: words } = heap.memory;
  return [words[at]! >>> 0, words[at + 1]!, words[at + 2]!];
}

const outOfRange = (message: string): unknown =>
  expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message });

describe.each([
  ['in a scope', <T>(fn: () => T): T => heap.scope(fn)],
  ['outside of scopes', <T>(fn: () => T): T => fn()],
])('%s', (_, run) => {
  test('append within the capacity shares, beyond it separates', () => {
    run(() => {
      const a = heap.make(slice(i32), 2, 4);
      const b = a.slice(0, 2);
      expect(a.push(10)).toBe(3);
      expect([a.length, b.length, b.capacity]).toEqual([3, 2, 4]);
      // b does not have the element, but has room where it is.
      expect(b.push(20)).toBe(3);
      expect(a.at(2)).toBe(20);
      a.push(30, 40);
      expect([a.length, a.capacity, b.capacity]).toEqual([5, 8, 4]);
      a.set(0, 7);
      expect(b.at(0)).toBe(0);
      b.set(1, 8);
      expect(a.at(1)).toBe(0);
      expect(a.toArray()).toEqual([7, 0, 20, 30, 40]);
    });
  });

  test('sub-slices share, and have room to the end', () => {
    run(() => {
      const a = heap.new(slice(i32), [0, 1, 2, 3, 4]);
      const b = a.slice(1, 3);
      expect([b.length, b.capacity]).toEqual([2, a.capacity - 1]);
      expect(b.slice(0, 4).toArray()).toEqual([1, 2, 3, 4]);
      b.set(0, 9);
      expect(a.at(1)).toBe(9);
      b.push(33);
      expect(a.at(3)).toBe(33);
      expect(a.slice().toArray()).toEqual([0, 9, 2, 33, 4]);
      expect(a.slice(2).toArray()).toEqual([2, 33, 4]);
      expect(a.slice(5).length).toBe(0);
      expect(a.slice(1, 1).length).toBe(0);
    });
  });

  test('pop takes the last element, clears its slot and keeps the capacity', () => {
    run(() => {
      const s = heap.new(slice(string), ['a', 'b', 'c']);
      const { capacity } = s;
      const all = s.slice();
      expect([s.pop(), s.pop()]).toEqual(['c', 'b']);
      expect([s.length, s.capacity]).toEqual([1, capacity]);
      expect(all.toArray()).toEqual(['a', '', '']);
      expect([s.pop(), s.pop(), s.length]).toEqual(['a', undefined, 0]);
      const points = heap.new(slice(Point), [{ x: 1, y: 2 }]);
      const place = points.at(0);
      const p = points.pop()!;
      expect([p.x, p.y, place.x]).toEqual([1, 2, 0]);
      const refs = heap.new(slice(ref(Point)), [p, null]);
      expect(refs.pop()).toBe(null);
      expect(refs.pop()!.equals(p)).toBe(true);
    });
  });

  test('fill', () => {
    run(() => {
      const s = heap.make(slice(i32), 5, 8);
      expect(s.fill(7).toArray()).toEqual([7, 7, 7, 7, 7]);
      s.fill(1, 2).fill(2, 3, 4).fill(9, 5).fill(9, 0, 0);
      expect(s.toArray()).toEqual([7, 7, 1, 2, 1]);
      expect(s.slice(5, 8).toArray()).toEqual([0, 0, 0]);
      const points = heap.make(slice(Point), 3);
      points.fill({ x: 1 });
      points.at(0).x = 5;
      expect([...points].map((p) => p.x)).toEqual([5, 1, 1]);
      points.fill(points.at(0), 1);
      expect([...points].map((p) => p.x)).toEqual([5, 5, 5]);
    });
  });

  test('copyFrom copies as many as both have, and overlaps as memmove does', () => {
    run(() => {
      const s = heap.new(slice(i32), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(s.slice(0, 8).copyFrom(s.slice(2))).toBe(8);
      expect(s.toArray()).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 8, 9]);
      expect(s.slice(1).copyFrom(s)).toBe(9);
      expect(s.toArray()).toEqual([2, 2, 3, 4, 5, 6, 7, 8, 9, 8]);
      expect(s.copyFrom([100, 101])).toBe(2);
      expect(s.slice(8).copyFrom(new Uint8Array([1, 2, 3]))).toBe(2);
      expect(s.toArray()).toEqual([100, 101, 3, 4, 5, 6, 7, 8, 1, 2]);
      expect(s.copyFrom([])).toBe(0);
      expect(s.slice(0, 0).copyFrom(s)).toBe(0);
      const fixed = heap.new(array(i32, 3), [7, 8, 9]);
      expect(s.copyFrom(fixed)).toBe(3);
      expect(fixed.copyFrom(s.slice(1))).toBe(3);
      expect(fixed.toArray()).toEqual([8, 9, 4]);
    });
  });

  test('an assignment copies the header and shares the elements; one of an array makes new ones', () => {
    run(() => {
      const h = heap.new(Holder, { before: 1, after: 2, list: [1, 2, 3] });
      const other = heap.make(slice(i32), 2, 6);
      const old = h.list.slice();
      h.list = other;
      expect([h.before, h.list.length, h.list.capacity, h.after]).toEqual([1, 2, 6, 2]);
      h.list.push(5);
      expect([h.list.length, other.length, other.slice(0, 3).at(2)]).toEqual([3, 2, 5]);
      expect(old.toArray()).toEqual([1, 2, 3]);
      Object.assign(h, { list: [7, 8] });
      expect([h.list.length, h.list.capacity, other.at(0)]).toEqual([2, 2, 0]);
      const same = h.list;
      h.list = same;
      Object.assign(h, { list: [] });
      expect([h.list.length, h.list.capacity, h.before, h.after]).toEqual([0, 0, 1, 2]);
      Object.assign(h, { list: new Int32Array([5, 6]) });
      expect(h.list.toArray()).toEqual([5, 6]);
    });
  });

  test('a nil slice: nothing in it, nothing to read, everything to append', () => {
    run(() => {
      const s = heap.new(slice(i32));
      expect(header(s)).toEqual([0, 0, 0]);
      expect([s.length, s.capacity, s.pop(), s.toArray(), [...s]]).toEqual([0, 0, undefined, [], []]);
      expect(s.slice().length).toBe(0);
      expect(s.slice(0, 0).push(1)).toBe(1);
      expect(s.fill(1).copyFrom([1])).toBe(0);
      expect(s.push()).toBe(0);
      expect(() => s.at(0)).toThrow(outOfRange('index out of range [0] with length 0'));
      expect(s.push(4)).toBe(1);
      expect(s.toArray()).toEqual([4]);
    });
  });
});

test('a slice without room does not point past its array', () => {
  heap.scope(() => {
    const s = heap.make(slice(f64), 4, 4);
    const [pointer] = header(s);
    for (const at of [1, 3]) expect(header(s.slice(at))[0]).toBe(pointer + at * 8);
    const end = s.slice(4);
    expect(header(end).slice(1)).toEqual([0, 0]);
    expect(header(end)[0] === 0 || header(end)[0] < pointer + 32).toBe(true);
    const four = heap.new(array(f64, 4));
    const whole = heap.addressOf(four);
    const fixed = four.slice(4);
    expect(header(fixed).slice(1)).toEqual([0, 0]);
    expect(header(fixed)[0] === 0 || header(fixed)[0] < whole + 32).toBe(true);
    // And appending to it harms nobody.
    end.push(1);
    fixed.push(2);
    expect(s.toArray()).toEqual([0, 0, 0, 0]);
  });
});

describe('bounds, in the words of Go', () => {
  test.each([5, 3, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 1e300])('index %d', (i) => {
    const s = heap.make(slice(i32), 3, 8);
    const refused = outOfRange(`index out of range [${i}] with length 3`);
    expect(() => s.at(i)).toThrow(refused);
    expect(() => s.set(i, 1)).toThrow(refused);
    expect(s.slice(0, 8).toArray()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('a negative index (Go: boundsNegErrorFmts)', () => {
    const s = heap.make(slice(i32), 3);
    expect(() => s.at(-1)).toThrow(outOfRange('index out of range [-1]'));
    expect(() => s.set(-2, 1)).toThrow(outOfRange('index out of range [-2]'));
    expect(() => heap.new(array(i32, 2)).at(-1)).toThrow(outOfRange('index out of range [-1]'));
    expect(s.at(-0)).toBe(0);
  });

  test.each([
    [0, 9, 'slice bounds out of range [:9] with capacity 8'],
    [4, 2, 'slice bounds out of range [4:2]'],
    [9, undefined, 'slice bounds out of range [9:3]'],
    [-1, 2, 'slice bounds out of range [-1:]'],
    [0, -1, 'slice bounds out of range [:-1]'],
  ])('slice(%s, %s)', (lo, hi, message) => {
    const s = heap.make(slice(i32), 3, 8);
    expect(() => s.slice(lo, hi)).toThrow(outOfRange(message));
  });

  test.each([
    [0, 5, 'slice bounds out of range [:5] with length 3'],
    [2, 1, 'slice bounds out of range [2:1]'],
    [4, undefined, 'slice bounds out of range [4:3]'],
  ])('fill(1, %s, %s), and slice() of an array', (lo, hi, message) => {
    const s = heap.make(slice(i32), 3, 8);
    expect(() => s.fill(1, lo, hi)).toThrow(outOfRange(message));
    expect(s.toArray()).toEqual([0, 0, 0]);
    expect(() => heap.new(array(i32, 3)).slice(lo, hi)).toThrow(outOfRange(message));
  });

  test('what is no whole number is no bound', () => {
    const s = heap.make(slice(i32), 3);
    for (const bad of [0.5, Number.NaN, Infinity]) {
      const refused = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
      for (const use of [() => s.at(bad), () => s.slice(bad), () => s.slice(0, bad), () => s.fill(1, bad)])
        expect(use).toThrow(refused);
    }
  });

  test.each([
    [-1, 0, 'len', 'ERR_MAKESLICE_LEN'],
    [5, 4, 'cap', 'ERR_MAKESLICE_CAP'],
    [1, 2 ** 32, 'cap', 'ERR_MAKESLICE_CAP'],
    [2 ** 40, 2 ** 40, 'len', 'ERR_MAKESLICE_LEN'],
    [1.5, 2, 'len', 'ERR_MAKESLICE_LEN'],
    [Number.NaN, 2, 'len', 'ERR_MAKESLICE_LEN'],
  ])('make(%s, %s): %s out of range', (len, cap, what, code) => {
    const before = heap.stats().liveBytes;
    expect(() => heap.make(slice(i32), len, cap)).toThrow(
      expect.objectContaining({ name: 'SliceError', code, message: `makeslice: ${what} out of range` }),
    );
    expect(heap.stats().liveBytes).toBeLessThanOrEqual(before + 64);
  });

  test('a length that no slice can have is refused, whatever its elements take', () => {
    const Nothing = struct('Nothing', {});
    // Go on 32 bits: a length is an int.
    for (const n of [2 ** 31, 2 ** 32, 2 ** 40]) expect(() => heap.make(slice(Nothing), n)).toThrow(/makeslice/);
    const many = heap.make(slice(Nothing), 2 ** 31 - 1);
    expect(many.length).toBe(2 ** 31 - 1);
    expect(() => many.push({})).toThrow(/growslice: len out of range/);
    expect(many.length).toBe(2 ** 31 - 1);
    const long = heap.new(array(Nothing, 2 ** 31 - 1));
    expect(long.slice().length).toBe(2 ** 31 - 1);
  });
});

test('bytes beyond 2 GiB: a length is read as it was made, or refused', () => {
  const large = createHeap({ maxBytes: 2 ** 32 });
  let s: Slice<number>;
  try {
    s = large.make(slice(u8), 2 ** 31 + 16);
  } catch (error) {
    expect(String(error)).toMatch(/makeslice: len out of range/);
    return;
  }
  expect(s.length).toBe(2 ** 31 + 16);
  s.set(2 ** 31 + 8, 5);
  expect(s.at(2 ** 31 + 8)).toBe(5);
});

describe('growth', () => {
  test.each([
    ['u8', u8, 1, 0],
    ['u16', u16, 2, 0],
    ['Three', Three, 3, { a: 1 }],
    ['i32', i32, 4, 0],
    ['string', string, 8, 'x'],
    ['Point', Point, 16, { x: 1 }],
    ['array(f64, 5)', array(f64, 5), 40, [1]],
    ['ref(Point)', ref(Point), 4, null],
  ])('the capacities of %s are those of growslice', (name, kind, size, value) => {
    heap.scope(() => {
      const s = heap.new(slice(kind as typeof i32));
      s.push();
      const type = heap.raw.type({ name: `raw ${name}`, size });
      for (const steps of [[1], [5, 1, 1], [3, 7, 100, 1, 300]]) {
        let raw: RawSlice = { type, ptr: 0, len: 0, cap: 0 };
        const grown = heap.new(slice(kind as typeof i32));
        for (let i = 0; raw.len < 1500; i++) {
          const n = steps[i % steps.length]!;
          raw = heap.raw.growslice(raw, n);
          grown.push(...new Array<number>(n).fill(value as number));
          expect([grown.length, grown.capacity]).toEqual([raw.len, raw.cap]);
        }
      }
      const [pointer, length, capacity] = header(s);
      expect([pointer, length, capacity]).toEqual([0, 0, 0]);
    });
  });

  test('a literal has exactly its elements; what is appended at once grows at once', () => {
    heap.scope(() => {
      expect(heap.new(slice(i32), [1, 2, 3]).capacity).toBe(3);
      const s = heap.new(slice(i32));
      s.push(...Array.from({ length: 1000 }, (_, i) => i));
      expect(s.capacity).toBe(heap.raw.roundupsize(4000) / 4);
    });
  });
});

test('slices of slices, of strings, of structs with slices', () => {
  const Row = struct('Row', { name: string, cells: slice(string) });
  heap.scope(() => {
    const rows = heap.new(slice(slice(string)), [['a'], [], ['b', 'c']]);
    rows.at(1).push('x');
    rows.push(rows.at(0));
    rows.at(0).set(0, 'A');
    expect(rows.toArray().map((r) => r.toArray())).toEqual([['A'], ['x'], ['b', 'c'], ['A']]);
    // The header was copied: its length is its own.
    rows.at(0).push('more');
    expect([rows.at(0).length, rows.at(3).length]).toEqual([2, 1]);
    const table = heap.new(slice(Row), [{ name: 'one', cells: ['p', 'q'] }, {}]);
    const first = table.at(0);
    for (let i = 0; i < 20; i++) table.push({ cells: first.cells });
    // `first` is where the array was before it grew.
    first.name = 'old';
    first.cells.set(0, 'shared');
    expect([table.at(0).name, table.at(0).cells.at(0), table.at(21).cells.at(0)]).toEqual(['one', 'shared', 'shared']);
    expect(rows.pop()!.toArray()).toEqual(['A']);
  });
});

describe('values that are places of the same slice', () => {
  test('swapped by a literal, by copyFrom, by push', () => {
    heap.scope(() => {
      const make = (): Slice<Ref<typeof Point>> => heap.new(slice(Point), [{ x: 0 }, { x: 1 }, { x: 2 }]);
      const xs = (s: Slice<Ref<typeof Point>>): number[] => s.toArray().map((p) => p.x);
      // Go: s = []Point{s[2], s[0], s[1]}
      const Points = struct('Points', { list: slice(Point) });
      const holder = heap.new(Points, { list: make() });
      Object.assign(holder, { list: [holder.list.at(2), holder.list.at(0), holder.list.at(1)] });
      expect(xs(holder.list)).toEqual([2, 0, 1]);
      // Go: copy(s, []Point{s[2], s[0], s[1]})
      const a = make();
      expect(a.copyFrom([a.at(2), a.at(0), a.at(1)])).toBe(3);
      expect(xs(a)).toEqual([2, 0, 1]);
      // Go: s[:0] = append(s[:0], s[2], s[0], s[1])
      const b = make();
      b.slice(0, 0).push(b.at(2), b.at(0), b.at(1));
      expect(xs(b)).toEqual([2, 0, 1]);
      const c = make();
      while (c.length < 1000) c.push(c.at(c.length % 3));
      expect([c.at(999).x, c.at(998).x]).toEqual([0, 2]);
    });
  });

  test('a literal made of the element that it replaces', () => {
    const Box = struct('Box', { id: i32, at: Point });
    heap.scope(() => {
      const s = heap.new(slice(Box), [{ id: 1, at: { x: 5, y: 6 } }]);
      // Go: s[0] = Box{id: 2, at: s[0].at}
      s.set(0, { id: 2, at: s.at(0).at });
      expect([s.at(0).id, s.at(0).at.x, s.at(0).at.y]).toEqual([2, 5, 6]);
      s.fill({ id: 3, at: s.at(0).at });
      expect([s.at(0).id, s.at(0).at.x]).toEqual([3, 5]);
    });
  });
});

test('iteration sees what is appended meanwhile, and all it made are references of their own', () => {
  heap.scope(() => {
    const s = heap.new(slice(i32), [1, 2]);
    const seen: number[] = [];
    for (const x of s) {
      seen.push(x);
      if (x < 10) s.push(x + 10);
    }
    expect(seen).toEqual([1, 2, 11, 12]);
    const points = [...heap.new(slice(Point), [{ x: 1 }, { x: 2 }])];
    expect(points.map((p) => p.x)).toEqual([1, 2]);
  });
});
