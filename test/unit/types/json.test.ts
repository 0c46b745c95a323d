/** What `JSON.stringify` makes of references: the same of a kind of value wherever it lies. */
import { beforeEach, expect, test } from 'vitest';
import {
  array,
  atomic,
  bytes,
  createHeap,
  f64,
  type Heap,
  i64,
  map,
  ref,
  slice,
  string,
  struct,
  u64,
} from '../../../src/index.ts';

const Point = struct('Point', { x: f64, big: u64 });
const Node = struct('Node', {
  get next() {
    return ref(Node);
  },
  get kids() {
    return slice(ref(Node));
  },
});

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 22 });
});

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('64-bit integers are strings, bytes arrays of numbers: in structs, slices, arrays, and those in each other', () => {
  const Holder = struct('Holder', {
    id: i64,
    raw: bytes,
    ids: slice(i64),
    pair: array(u64, 2),
    rows: slice(array(i64, 2)),
    raws: array(slice(bytes), 1),
    hits: slice(atomic(i64)),
    points: slice(Point),
  });
  const values = {
    ...{ id: -1n, raw: Uint8Array.of(1, 2), ids: [1n, -2n], pair: [2n ** 64n - 1n], rows: [[1n], [2n, 3n]] },
    ...{ raws: [[Uint8Array.of(3, 4), new Uint8Array()]], hits: [5n], points: [{ x: 1, big: 6n }] },
  };
  const expected = {
    ...{ id: '-1', raw: [1, 2], ids: ['1', '-2'], pair: ['18446744073709551615', '0'] },
    rows: [
      ['1', '0'],
      ['2', '3'],
    ],
    ...{ raws: [[[3, 4], []]], hits: ['5'], points: [{ x: 1, big: '6' }] },
  };
  const h = heap.new(Holder, values);
  expect(json(h)).toEqual(expected);
  for (const field of ['ids', 'pair', 'rows', 'raws', 'hits', 'points'] as const) {
    expect(json(h[field]), field).toEqual(expected[field]);
  }
  expect(heap.scope(() => json([heap.new(slice(bytes), [Uint8Array.of(7)]), heap.new(array(u64, 1))]))).toEqual([
    [[7]],
    ['0'],
  ]);
});

test('pointers are not followed, in slices either: objects may form circles', () => {
  const n = heap.new(Node);
  n.next = n;
  n.kids.push(n, null);
  const text = `Node @0x${heap.addressOf(n).toString(16)}`;
  expect(json(n)).toEqual({ next: text, kids: [text, null] });
  expect(json(n.kids)).toEqual([text, null]);
});

test('a map is text, wherever it is', () => {
  const Index = map(string, u64);
  const made = heap.new(Index, [['a', 1n]]);
  const text = `map(string, u64) @0x${heap.addressOf(made).toString(16)}`;
  const Holder = struct('Holder', { index: Index, all: slice(Index) });
  expect(json(made)).toBe(text);
  expect(json(heap.new(Holder, { index: made, all: [made] }))).toEqual({ index: text, all: [text] });
});
