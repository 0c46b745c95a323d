/** `slice.append`: what `push` does, for as many elements as there are, from wherever they come. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  atomic,
  createHeap,
  f64,
  type Heap,
  i32,
  map,
  OutOfMemoryError,
  ref,
  SliceError,
  StaleRefError,
  slice,
  string,
  struct,
  TypeMismatchError,
  u8,
  u32,
} from '../../../src/index.ts';

const Point = struct('Point', { x: f64, name: string });
let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 26 });
});

afterEach(() => {
  heap.verify();
});

const wrongType = (message: string | RegExp): unknown =>
  expect.objectContaining({ name: 'TypeError', code: 'ERR_WRONG_TYPE', message: expect.stringMatching(message) });

describe.each([
  ['in a scope', <T>(fn: () => T): T => heap.scope(fn)],
  ['outside of scopes', <T>(fn: () => T): T => fn()],
])('%s', (_, run) => {
  test('arrays, typed arrays, iterables, and slices and arrays of the heap', () => {
    run(() => {
      const s = heap.new(slice(i32), [1]);
      expect(s.append([2, 3])).toBe(3);
      expect(s.append(Int16Array.of(4, -5))).toBe(5);
      expect(s.append(new Set([6]))).toBe(6);
      expect(s.append(new Map([['a', 7]]).values())).toBe(7);
      expect(s.append(heap.new(slice(i32), [8, 9]))).toBe(9);
      expect(s.append(heap.new(array(i32, 2), [10, 11]))).toBe(11);
      expect(s.append(heap.new(map(i32, string), [[12, 'x']]).keys())).toBe(12);
      expect(
        s.append(
          (function* () {
            yield 13;
            yield 14;
          })(),
        ),
      ).toBe(14);
      for (const nothing of [[], new Set<number>(), new Uint8Array(0), heap.new(slice(i32)), heap.new(array(i32, 0))]) {
        expect(s.append(nothing)).toBe(14);
      }
      expect(s.toArray()).toEqual([1, 2, 3, 4, -5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    });
  });

  test('elements of every kind: texts, literals, references, slices, atomics', () => {
    run(() => {
      const texts = heap.new(slice(string));
      texts.append(['a', heap.intern('b'), '']);
      expect(texts.toArray()).toEqual(['a', 'b', '']);
      const points = heap.new(slice(Point), [{ x: 1 }]);
      points.append([{ x: 2, name: 'two' }, points.at(0), {}]);
      expect(points.toArray().map((p) => [p.x, p.name])).toEqual([
        [1, ''],
        [2, 'two'],
        [1, ''],
        [0, ''],
      ]);
      points.append(points.slice(1, 2));
      expect([points.at(4).x, points.at(4).name]).toEqual([2, 'two']);
      const refs = heap.new(slice(ref(Point)));
      refs.append([null, points.at(1)]);
      refs.append(refs);
      expect(refs.toArray().map((p) => p?.name)).toEqual([undefined, 'two', undefined, 'two']);
      const rows = heap.new(slice(slice(i32)));
      rows.append([[1, 2], heap.new(slice(i32), [3])]);
      expect(rows.toArray().map((row) => row.toArray())).toEqual([[1, 2], [3]]);
      const counts = heap.new(slice(atomic(u32)));
      counts.append([5, 6]);
      counts.append(counts);
      expect(counts.toArray().map((c) => c.load())).toEqual([5, 6, 5, 6]);
    });
  });

  test('shares as Go does: within the capacity what is behind is overwritten, beyond it the slice moves', () => {
    run(() => {
      const a = heap.make(slice(i32), 2, 8);
      const b = a.slice(0, 2);
      a.append([1, 2, 3]);
      b.append([4, 5]);
      expect(a.toArray()).toEqual([0, 0, 4, 5, 3]);
      b.append(a);
      b.set(0, 9);
      expect(b.toArray()).toEqual([9, 0, 4, 5, 0, 0, 4, 5, 3]);
      expect(a.toArray()).toEqual([0, 0, 4, 5, 3]);
      // The elements that are appended lie where they are to be.
      const c = heap.make(slice(i32), 3, 8);
      c.append([1, 2, 3]);
      c.slice(0, 3).append(c.slice(2, 6));
      expect(c.toArray()).toEqual([0, 0, 0, 0, 1, 2]);
    });
  });

  test('more elements than a call can have arguments, and as much room as push takes', () => {
    run(() => {
      const numbers = Array.from({ length: 300_000 }, (_, i) => i);
      const s = heap.new(slice(i32), [7]);
      expect(() => s.push(...numbers)).toThrow(RangeError);
      expect(s.append(numbers)).toBe(300_001);
      expect([s.at(0), s.at(1), s.at(300_000)]).toEqual([7, 0, 299_999]);
      for (const n of [1, 5, 100, 1000]) {
        const [pushed, appended, copied] = [
          heap.new(slice(u8), [1]),
          heap.new(slice(u8), [1]),
          heap.new(slice(u8), [1]),
        ];
        pushed.push(...new Uint8Array(n));
        appended.append(new Uint8Array(n));
        copied.append(heap.make(slice(u8), n));
        expect([appended.capacity, copied.capacity]).toEqual([pushed.capacity, pushed.capacity]);
      }
    });
  });

  test('what does not fit is refused, and nothing is appended', () => {
    run(() => {
      const s = heap.new(slice(i32), [1]);
      const before = heap.memory.i32.slice(heap.addressOf(s) >>> 2, (heap.addressOf(s) >>> 2) + 3);
      expect(() => s.append([2, 3, 'x'] as never)).toThrow(wrongType(/^slice\(i32\)\[2\]: expected a number/));
      expect(() => s.append(new Set([2, 2.5]))).toThrow(RangeError);
      expect(() => s.append(Float64Array.of(1, Number.NaN))).toThrow(RangeError);
      for (const x of [
        undefined,
        null,
        5,
        {},
        () => [1],
        '123',
        { length: 1, 0: 1 },
        new DataView(new ArrayBuffer(4)),
      ]) {
        expect(() => s.append(x as never)).toThrow(wrongType(/expected an array of i32 or an iterable/));
      }
      for (const x of [
        heap.new(slice(u32), [1]),
        heap.new(array(u8, 1)),
        heap.new(map(string, i32)),
        heap.new(Point),
      ]) {
        expect(() => s.append(x as never)).toThrow(TypeMismatchError);
      }
      expect(() => s.append(createHeap({ maxBytes: 2 ** 20 }).new(slice(i32), [1]))).toThrow(TypeMismatchError);
      const failing = function* (): Generator<number> {
        yield 2;
        throw new Error('no more');
      };
      expect(() => s.append(failing())).toThrow('no more');
      expect(() => heap.new(slice(Point)).append([{ x: 1 }, { y: 2 } as never])).toThrow('has no field "y"');
      expect(heap.memory.i32.slice(heap.addressOf(s) >>> 2, (heap.addressOf(s) >>> 2) + 3)).toEqual(before);
      expect(s.toArray()).toEqual([1]);
    });
  });
});

test('a slice that has ended, or that the elements give up while they are read', () => {
  const ended = heap.scope(() => ({ s: heap.new(slice(i32), [1]) })).s;
  const live = heap.new(slice(i32), [1]);
  expect(() => ended.append([1])).toThrow(StaleRefError);
  expect(() => live.append(ended)).toThrow(StaleRefError);
  const given = heap.new(slice(i32));
  const giving = function* (): Generator<number> {
    given.dispose();
    heap.gc();
    yield 1;
  };
  expect(() => given.append(giving())).toThrow(StaleRefError);
  // When it is looked at the second time, the slice is being written: its memory stays until that is done.
  const points = heap.new(slice(Point));
  let looks = 0;
  const literal = {
    get x() {
      if (++looks > 1) {
        points.dispose();
        for (let i = 0; i < 3; i++) heap.gc();
      }
      return 1;
    },
  };
  expect(points.append([literal, { x: 2 }])).toBe(2);
  expect(looks).toBeGreaterThan(1);
});

test('elements that push to the slice while they are written: it has what was appended', () => {
  const s = heap.new(slice(Point), [{ x: 1 }]);
  let looks = 0;
  const literal = {
    get x() {
      if (++looks === 2) s.append([{ x: 10 }, { x: 11 }]);
      return 2;
    },
  };
  s.append([literal, { x: 3 }]);
  expect(s.toArray().map((p) => p.x)).toEqual([1, 2, 3]);
});

test('what another thread changes after it was checked is checked again', () => {
  const s = heap.new(slice(i32), [1]);
  class Changing extends Float64Array {
    override get length(): number {
      this[0] = this[0]! + 0.25;
      return 1;
    }
  }
  expect(() => s.append(Changing.of(0.5))).toThrow(RangeError);
  expect(s.toArray()).toEqual([1]);
});

test('memory that runs out leaves the slice as it was', () => {
  const small = createHeap({ maxBytes: 2 ** 20 });
  const s = small.new(slice(i32), [1, 2]);
  expect(() => s.append(new Int32Array(400_000))).toThrow(OutOfMemoryError);
  expect(() => s.append(Array.from({ length: 400_000 }, () => 1))).toThrow(OutOfMemoryError);
  const texts = small.new(slice(string), ['a']);
  expect(() => texts.append(Array.from({ length: 5000 }, (_, i) => String(i).repeat(100)))).toThrow(OutOfMemoryError);
  expect(s.toArray()).toEqual([1, 2]);
  expect(texts.toArray()).toEqual(['a']);
  expect(s.append([3])).toBe(3);
  small.verify();
});

test('no more elements than Go has', () => {
  const many = heap.make(slice(struct('Empty', {})), 2 ** 30);
  expect(() => many.append(many)).toThrow(SliceError);
  expect(many.length).toBe(2 ** 30);
});

test('a slice of references that nobody else has, while the collector runs', () => {
  const Node = struct('Node', { key: i32 });
  const s = heap.new(slice(ref(Node)));
  for (let round = 0; round < 20; round++) {
    heap.scope(() => {
      s.append(Array.from({ length: 500 }, (_, i) => heap.new(Node, { key: round * 500 + i })));
      if (round % 5 === 0) s.append(s.slice(0, 10));
    });
    heap.gc();
  }
  expect(s.length).toBe(10_040);
  expect(s.at(s.length - 1)?.key).toBe(9999);
  expect(s.at(505)?.key).toBe(5);
});
