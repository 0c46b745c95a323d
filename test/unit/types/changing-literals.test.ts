/** Literals that are something else when they are written than when they were checked, and values that cannot be made. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  atomic,
  createHeap,
  f64,
  type Heap,
  i32,
  map,
  type Ref,
  ref,
  slice,
  string,
  struct,
  u8,
  u32,
} from '../../../src/index.ts';

const Pair = struct('Pair', { x: f64, y: f64 });
const Other = struct('Other', { x: f64 });
const Holder = struct('Holder', {
  pair: array(f64, 2),
  small: array(u8, 2),
  refs: array(ref(Pair), 1),
  list: slice(u8),
  places: array(Pair, 2),
  rows: slice(array(u8, 2)),
  z: f64,
});

let heap: Heap;
beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 22, background: false });
});

const NAMED = expect.objectContaining({ code: expect.stringMatching(/^ERR_(OUT_OF_RANGE|WRONG_TYPE|TYPE_MISMATCH)$/) });

/** Runs a call that fails, or not, and then whether the heap is whole and nothing else was written. */
function neighboursStay(call: () => unknown): void {
  const Exact = array(f64, 2);
  const objects = Array.from({ length: 100 }, () => heap.new(Exact, [7, 7]));
  // The holes between them are used next, the last one first.
  for (let i = objects.length - 1; i > 0; i -= 2) {
    const addr = heap.addressOf(objects[i]!);
    objects[i]!.dispose();
    heap.raw.free(addr);
  }
  for (let i = 0; i < 10; i++) {
    try {
      call();
    } catch (error) {
      expect(error).toEqual(NAMED);
    }
  }
  for (let i = 0; i < objects.length; i += 2) expect(objects[i]!.toArray()).toEqual([7, 7]);
  heap.verify();
}

/** An array whose length and elements are asked for so many times before they are others. */
function fickle(before: unknown[], after: unknown[], times: number): never {
  let reads = 0;
  return new Proxy(before, {
    get: (_, key) => (reads++ < times ? before : after)[key as never],
  }) as never;
}

describe('by a getter of another field', () => {
  test('an array literal grows', () => {
    const One = struct('One', { a: array(f64, 2), z: f64 });
    neighboursStay(() => {
      const literal = [1, 2];
      heap.new(One, {
        a: literal,
        get z() {
          literal.push(666, 666);
          return 1;
        },
      });
    });
  });

  test('elements become what the array cannot hold', () => {
    for (const [field, first, then] of [
      ['small', [1, 2], 300],
      ['small', [1, 2], 'x'],
      ['refs', [null], heap.new(Other)],
      ['places', [{ x: 1 }], 5],
      ['rows', [[1]], [300]],
      ['list', [1, 2], 256],
    ] as const) {
      const literal: unknown[] = [...first];
      const given = {
        [field]: literal,
        get z() {
          literal[0] = then;
          return 1;
        },
      };
      expect(() => heap.new(Holder, given as never), field).toThrow(NAMED);
      expect(() => heap.new(slice(Holder), [given as never]), field).toThrow(NAMED);
      expect(() => heap.new(slice(Holder)).push(given as never), field).toThrow(NAMED);
      heap.verify();
    }
  });

  test('a reference is disposed of, and its object is freed', () => {
    const Box = struct('Box', { pair: Pair, z: f64 });
    const pair = heap.new(Pair, { x: 1 });
    const given = {
      pair,
      get z() {
        pair.dispose();
        return 1;
      },
    };
    expect(() => heap.new(Box, given)).toThrow('disposed of');
  });
});

describe('by a proxy', () => {
  const changes: [string, unknown[], unknown[]][] = [
    ['pair', [1, 2], [1, 2, 666, 666, 666]],
    ['pair', [1, 2], ['x', 2]],
    ['small', [1, 2], [300, 'x']],
    ['refs', [null], [5]],
    ['list', [1, 2], Array(100).fill(3)],
    ['list', [1, 2], [256]],
    ['places', [{ x: 1 }, { x: 2 }], [{ x: 1 }, { x: 2 }, { x: 666 }]],
    ['places', [{ x: 1 }, { x: 2 }], ['x']],
    ['rows', [[1, 2]], [[1, 2, 3, 4, 5, 6]]],
  ];
  test.each(changes)('%s: %j becomes %j', (field, before, after) => {
    const holder = heap.new(Holder) as unknown as Record<string, unknown>;
    for (let times = 0; times < 12; times++) {
      const literal = (): never => fickle(before, after, times);
      neighboursStay(() => heap.new(Holder, { [field]: literal() }));
      neighboursStay(() => (holder[field] = literal()));
    }
  });

  test.each([Number.NaN, -1, 1.5, 2 ** 40, '2', undefined])('a length of %s', (length) => {
    const literal = new Proxy([1, 2], { get: (list, key) => (key === 'length' ? length : list[key as never]) });
    neighboursStay(() => heap.new(Holder, { pair: literal }));
    neighboursStay(() => heap.new(slice(i32), [1, 2]).copyFrom(literal));
    if (typeof length !== 'number' || length < 2 ** 32) neighboursStay(() => heap.new(slice(i32), literal));
  });
});

test('what makes a value shortens the slice, or disposes of it', () => {
  const List = struct('List', { items: slice(Pair) });
  const make = (): { list: ReturnType<typeof full>; items: ReturnType<typeof full>['items'] } => {
    const list = full();
    return { list, items: list.items };
  };
  const full = () => heap.new(List, { items: Array.from({ length: 9 }, () => ({ x: 1 })) });
  const act = (fn: () => unknown) => ({
    get x() {
      fn();
      return 5;
    },
  });
  neighboursStay(() => {
    const { list, items } = make();
    items.set(
      8,
      act(() => Object.assign(list, { items: [] })),
    );
  });
  neighboursStay(() => {
    const { list, items } = make();
    items.pop();
    items.push(act(() => Object.assign(list, { items: [{ x: 3 }] })));
    expect(items.length).toBeLessThanOrEqual(items.capacity);
    heap.gc();
  });
  for (const use of [
    (items: ReturnType<typeof full>['items'], value: { x: number }) => items.set(0, value),
    (items: ReturnType<typeof full>['items'], value: { x: number }) => items.push(value),
    (items: ReturnType<typeof full>['items'], value: { x: number }) => items.copyFrom([value]),
  ]) {
    const { items } = make();
    expect(() =>
      use(
        items,
        act(() => items.dispose()),
      ),
    ).toThrow('disposed of');
  }
});

test('a struct that its own new value disposes of: nothing of it is written any more', () => {
  const Box = struct('Box', { pair: Pair });
  const box = heap.new(Box);
  const value = {
    get x() {
      box.dispose();
      return 1;
    },
  };
  expect(() => Object.assign(box, { pair: value })).toThrow('disposed of');
});

describe('memory runs out in a push', () => {
  const huge = 'x'.repeat(2 ** 22);
  test.each([
    ['one', [huge]],
    ['several', ['a', huge]],
  ])('%s that would have moved it: it is the slice it was', (_, values) => {
    const list = heap.new(slice(string), ['one', 'two']);
    const shared = list.slice(0, 2);
    expect(() => list.push(...values)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
    list.set(0, 'changed');
    expect([list.capacity, list.length, shared.at(0)]).toEqual([2, 2, 'changed']);
    heap.verify();
  });
});

describe('memory runs out in the middle: nothing is written, whoever sees the place', () => {
  const huge = 'x'.repeat(2 ** 22);
  const values = ['changed', huge];
  const oom = expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' });
  const Row = struct('Row', { texts: array(string, 2), list: slice(string), index: map(string, string) });

  test.each([
    ['copyFrom of a slice', (r) => r.list.copyFrom(values)],
    ['copyFrom of an array', (r) => r.texts.copyFrom(values)],
    ['push into room that is shared', (r) => r.list.slice(0, 0).push(...values)],
    ['append into room that is shared', (r) => r.list.slice(0, 0).append(values)],
    ['append of what is iterated', (r) => r.list.slice(0, 0).append(new Set(values))],
    ['set', (r) => r.list.set(0, huge)],
    ['fill', (r) => r.list.fill(huge)],
    ['an array assigned', (r) => Object.assign(r, { texts: values })],
    ['a slice assigned', (r) => Object.assign(r, { list: values })],
    ['a map assigned', (r) => Object.assign(r, { index: values.map((text, i) => [`k${i}`, text]) })],
    ['a map entry', (r) => r.index.set('k', huge)],
  ] satisfies [string, (row: Ref<typeof Row>) => unknown][])('%s', (_, write) => {
    const row = heap.new(Row, { texts: ['a', 'b'], list: ['c', 'd'], index: [['k', 'e']] });
    expect(() => write(row)).toThrow(oom);
    expect([row.texts.toArray(), row.list.toArray(), [...row.index]]).toEqual([['a', 'b'], ['c', 'd'], [['k', 'e']]]);
    heap.verify();
  });

  test('structs and maps as elements', () => {
    const rows = heap.new(slice(Row), [{ texts: ['a'] }, {}]);
    expect(() => rows.set(0, { texts: ['x'], list: values })).toThrow(oom);
    expect(() => rows.copyFrom([{ texts: ['x'] }, { list: values }])).toThrow(oom);
    expect(rows.at(0).texts.at(0)).toBe('a');
    const maps = heap.new(slice(map(string, string)), [[['k', 'a']], []]);
    expect(() => maps.copyFrom([[['k', 'x']], [['k', huge]]])).toThrow(oom);
    expect(maps.at(0).get('k')).toBe('a');
    expect(maps.copyFrom([[['k', 'b']], [['k', 'c']]])).toBe(2);
    expect([maps.at(0).get('k'), maps.at(1).get('k')]).toEqual(['b', 'c']);
  });
});

describe('heap.new with a reference copies', () => {
  test('an object with atomic fields', () => {
    const Post = struct('Post', { likes: atomic(u32), n: u32 });
    const copy = heap.new(Post, heap.new(Post, { likes: 3, n: 1 }));
    expect([copy.likes.load(), copy.n]).toEqual([3, 1]);
  });

  test('without reading it: a map that nobody has read stays unread, as in an assignment', () => {
    const Maps = struct('Maps', { m: map(string, u32) });
    const unread = heap.new(Maps);
    expect(heap.new(Maps, unread).m.equals(unread.m)).toBe(false);
    expect(heap.new(Maps, unread).m.equals(unread.m)).toBe(true);
  });
});

test('an array is no struct without fields', () => {
  const Empty = struct('Empty', {});
  expect(() => heap.new(Empty, [] as never)).toThrow(expect.objectContaining({ code: 'ERR_WRONG_TYPE' }));
  expect(heap.new(Empty, {}).equals(heap.new(Empty))).toBe(true);
});
