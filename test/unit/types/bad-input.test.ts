/** Bad input: a named error for each, before anything is written. */
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
  map,
  type Ref,
  ref,
  type Slice,
  slice,
  string,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/index.ts';
import { ObjectWalk } from '../../support/object-walk.ts';

const Point = struct('Point', { x: i32, y: f64 });
const Other = struct('Other', { x: i32, y: f64 });
const All = struct('All', {
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  f32,
  f64,
  bool,
  string,
  bytes,
  ref: ref(Point),
  at: Point,
  list: slice(i32),
  names: slice(string),
  points: slice(Point),
  grid: array(u8, 4),
  box: array(Point, 2),
  hits: atomic(u16),
  rows: slice(slice(i8)),
  words: map(string, u8),
  get self() {
    return ref(All);
  },
});
type AnyAll = Ref<typeof All> & Record<string, unknown>;

let heap: Heap;
let walk: ObjectWalk;
let all: AnyAll;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 22 });
  walk = new ObjectWalk(heap);
  all = heap.new(All, {
    ...{ i8: 1, u8: 2, i16: 3, u16: 4, i32: 5, u32: 6, i64: 7n, u64: 8n, f32: 9, f64: 10, bool: true },
    ...{ string: 'text', bytes: new Uint8Array([1, 2]), ref: heap.new(Point, { x: 1 }), at: { x: 11, y: 12 } },
    ...{ list: [1, 2, 3], names: ['a', 'b'], points: [{ x: 1 }, { y: 2 }], grid: [1, 2, 3, 4], box: [{ x: 5 }] },
    ...{ hits: 6, rows: [[1], [2]], words: [['one', 1]] },
  }) as AnyAll;
  // Whatever is made on the first use of a kind is there.
  expect([...all.words.keys(), ...all.rows.at(0), ...all.names, all.box.at(0).x]).toEqual(['one', 1, 'a', 'b', 5]);
});

afterEach(() => {
  heap.verify();
});

const WRONG_TYPE = { name: 'TypeError', code: 'ERR_WRONG_TYPE' };
const OUT_OF_RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
const UNKNOWN_FIELD = { name: 'TypeError', code: 'ERR_UNKNOWN_FIELD' };
const MISMATCH = { name: 'TypeMismatchError', code: 'ERR_TYPE_MISMATCH' };
const STALE = { name: 'StaleRefError', code: 'ERR_STALE_REF' };
const ARGUMENT = { name: 'ArgumentError', code: 'ERR_INVALID_ARGUMENT' };

interface Expected {
  readonly name: string;
  readonly code: string;
  readonly message?: unknown;
}

/** Runs what must fail, in a scope and outside of all. The error is as expected, and no byte of any object has changed. */
function refused(fn: () => unknown, expected: Expected): void {
  for (const run of [fn, () => heap.scope(fn)]) {
    const before = walk.bytes();
    expect(run).toThrow(expect.objectContaining(expected));
    const at = walk.firstChange(before);
    if (at >= 0) throw new Error(`byte 0x${at.toString(16)} was written by ${fn}`);
  }
}

test('the check itself notices a byte that is written', () => {
  const late = (): void => {
    all.i8 = 55;
    all.at = 5 as never;
  };
  expect(() => refused(late, WRONG_TYPE)).toThrow(/was written/);
});

const INTS = [
  ['i8', -128, 127],
  ['u8', 0, 255],
  ['i16', -32768, 32767],
  ['u16', 0, 65535],
  ['i32', -(2 ** 31), 2 ** 31 - 1],
  ['u32', 0, 2 ** 32 - 1],
] as const;

describe.each(INTS)('%s', (field, min, max) => {
  test('out of range, fractional, no number', () => {
    for (const bad of [
      min - 1,
      max + 1,
      min - 2 ** 32,
      max + 2 ** 32,
      2 ** 53,
      -(2 ** 53),
      1e300,
      0.5,
      max - 0.5,
      Number.NaN,
      Infinity,
      -Infinity,
    ]) {
      const expected = { ...OUT_OF_RANGE, message: expect.stringContaining(`All.${field}`) };
      refused(() => (all[field] = bad), expected);
      refused(() => heap.new(All, { [field]: bad }), expected);
    }
    for (const bad of [undefined, null, '1', '', true, 1n, {}, [], [1], () => 1, Symbol('s'), new Date(), Object(1)]) {
      const expected = { ...WRONG_TYPE, message: expect.stringContaining(`All.${field}`) };
      refused(() => (all[field] = bad as never), expected);
    }
  });
});

test.each([
  ['i64', [-(2n ** 63n) - 1n, 2n ** 63n, 2n ** 64n, 2n ** 200n]],
  ['u64', [-1n, 2n ** 64n, -(2n ** 64n)]],
] as const)('%s', (field, outside) => {
  for (const bad of outside) refused(() => (all[field] = bad), OUT_OF_RANGE);
  for (const bad of [1, 0.5, '1', null, undefined, true, {}]) refused(() => (all[field] = bad as never), WRONG_TYPE);
});

test.each([
  ['f32', ['1', 1n, null, undefined, true, {}, [1], Symbol('s')]],
  ['f64', ['1', 1n, null, undefined, false, new Number(1)]],
  ['bool', [0, 1, '', 'true', null, undefined, {}]],
  ['string', [1, null, undefined, true, Symbol('s'), ['a'], new String('a'), new Uint8Array(2)]],
  [
    'bytes',
    [
      'a',
      [1, 2],
      null,
      undefined,
      new ArrayBuffer(2),
      new Int8Array(2),
      new Uint8ClampedArray(2),
      new DataView(new ArrayBuffer(1)),
    ],
  ],
  ['ref', [undefined, 0, {}, { x: 1 }, 'a', [], 24576]],
  ['at', [null, undefined, 5, 'a', [], [1, 2], () => 1, true]],
  [
    'list',
    [null, undefined, 5, 'abc', {}, { length: 2 }, new Set([1]), [1, 'x'], [1, undefined], new Array(2), [1, null]],
  ],
  ['names', [['a', 5], 'ab', [null], [['a']]]],
  ['points', [[5], [null], [{}, 'x'], { x: 1 }, [[1]]]],
  ['grid', [null, undefined, 5, 'abcd', { 0: 1 }, [1, 'x'], [1, 2, 3, undefined], new DataView(new ArrayBuffer(4))]],
  ['box', [[5], [{ x: 'a' }], [null], {}]],
  ['hits', [null, undefined, '1', 1n, {}, true]],
  ['rows', [[1], [[1], ['x']], [[1], null]]],
  [
    'words',
    [
      null,
      undefined,
      5,
      'abc',
      {},
      { a: 1 },
      [1],
      [['a']],
      [['a', 1, 2]],
      [[1, 1]],
      [['a', 'x']],
      new Set(['ab']),
      new Map([[1, 1]]),
      new Map([['a', 'b']]),
    ],
  ],
] as [string, unknown[]][])('field %s: a value of another type', (field, values) => {
  for (const bad of values) {
    refused(() => ((all as Record<string, unknown>)[field] = bad), WRONG_TYPE);
    if (bad !== undefined) refused(() => heap.new(All, { [field]: bad } as never), WRONG_TYPE);
  }
});

test('out of range inside of what is assigned', () => {
  refused(() => Object.assign(all, { list: [1, 2 ** 31] }), OUT_OF_RANGE);
  refused(() => (all.list = new Float64Array([1, 0.5]) as never), OUT_OF_RANGE);
  refused(() => Object.assign(all, { grid: [1, 256] }), OUT_OF_RANGE);
  refused(() => Object.assign(all, { grid: [1, 2, 3, 4, 5] }), OUT_OF_RANGE);
  refused(() => Object.assign(all, { rows: [[1], [128]] }), OUT_OF_RANGE);
  refused(() => Object.assign(all, { at: { x: 2 ** 31 } }), OUT_OF_RANGE);
  refused(() => Object.assign(all, { hits: 65536 as never }), OUT_OF_RANGE);
  refused(
    () =>
      (all.words = [
        ['a', 1],
        ['b', 256],
      ] as never),
    OUT_OF_RANGE,
  );
  refused(() => all.words.set('one', 256), OUT_OF_RANGE);
  refused(() => all.words.update('one', () => -1), OUT_OF_RANGE);
});

describe('several fields or elements at once: the last one is bad', () => {
  const bad: unknown[] = [
    () => Object.assign(all, { at: { x: 1, y: 'bad' as never } }),
    () => heap.new(All, { i8: 1, string: 'new', at: { x: 1, y: 'bad' } } as never),
    () => all.list.push(1, 'x' as never),
    () => all.list.push(1, 2, 3, 4, 5, null as never),
    () => all.names.push('new', 5 as never),
    () => all.points.push({ x: 1 }, { x: 1, y: 'bad' as never }),
    () => all.points.set(0, { x: 7, y: 'bad' as never }),
    () => all.points.fill({ x: 7, y: 'bad' as never }),
    () => all.points.copyFrom([{ x: 9 }, { y: 'bad' as never }]),
    () => all.names.copyFrom(['x', 5 as never]),
    () => Object.assign(all, { names: ['x', 'y', 5 as never] }),
    () => Object.assign(all, { box: [{ x: 1 }, { y: 'bad' as never }] }),
    () => Object.assign(all, { rows: [[1], ['x' as never]] }),
    () => heap.new(slice(Point), [{ x: 1 }, 5 as never]),
    () => heap.new(array(string, 3), ['a', 5 as never]),
  ];
  test.each(bad.map((fn) => [String(fn), fn]))('%s', (_, fn) => {
    refused(fn as () => unknown, WRONG_TYPE);
  });
});

test('unknown fields, nested ones too, and with symbols as keys', () => {
  const message = expect.stringMatching(/^Point has no field "z"; its fields are x, y$/);
  refused(() => heap.new(Point, { x: 1, z: 2 } as never), { ...UNKNOWN_FIELD, message });
  refused(() => (all.at = { z: 1 } as never), { ...UNKNOWN_FIELD, message });
  refused(() => heap.new(All, { i8: 3, at: { x: 1, z: 1 } } as never), { ...UNKNOWN_FIELD, message });
  refused(() => all.points.push({ x: 1 }, { z: 1 } as never), { ...UNKNOWN_FIELD, message });
  refused(() => Object.assign(all, { box: [{}, { z: 1 } as never] }), { ...UNKNOWN_FIELD, message });
  refused(() => heap.new(All, { nothing: undefined, other: 1 } as never), UNKNOWN_FIELD);
  refused(() => heap.new(Point, Object.create({ z: 1 })), UNKNOWN_FIELD);
  refused(() => heap.new(struct('None', {}), { a: 1 } as never), UNKNOWN_FIELD);
  for (const name of ['toString', 'hold', '$a', 'constructor', '__proto__'])
    refused(() => heap.new(Point, JSON.parse(`{"${name}": 1}`)), UNKNOWN_FIELD);
});

test('an unknown field is found wherever it stands, and the others in whatever order', () => {
  for (const init of [{ z: 1, x: 1, y: 2 }, { x: 1, z: 1, y: 2 }, { y: 2, x: 1, z: 1 }, { z: 1 }] as never[]) {
    refused(() => heap.new(Point, init), UNKNOWN_FIELD);
  }
  const hidden = Object.defineProperty({ y: 2 }, 'x', { value: 1 });
  for (const init of [{ y: 2, x: 1 }, { z: undefined, y: 2, x: 1 }, hidden, Object.create({ y: 2, x: 1 })] as never[]) {
    const point = heap.new(Point, init);
    expect([point.x, point.y]).toEqual([1, 2]);
  }
});

test('an unknown field is not hidden by a known one that is not enumerable', () => {
  class Vector {
    get x(): number {
      return 1;
    }
    z = 5;
  }
  refused(() => heap.new(Point, new Vector()), UNKNOWN_FIELD);
});

describe('references', () => {
  test('of another type', () => {
    const other = heap.new(Other);
    for (const bad of [other, all, all.list, all.grid, all.words, all.hits])
      for (const use of [
        () => (all.ref = bad as never),
        () => heap.new(All, { ref: bad as never }),
        () => heap.new(slice(ref(Point)), [bad as never]),
        () => heap.new(slice(ref(Point))).push(bad as never),
      ])
        refused(use, MISMATCH);
    const made = [heap.make(slice(u32), 2), heap.new(array(i32, 2)), heap.new(array(u8, 3)), heap.new(map(string, i8))];
    const [list, three, four, words] = made as never[];
    const part = all.grid.slice();
    refused(() => (all.at = other as never), MISMATCH);
    refused(() => (all.list = list!), MISMATCH);
    refused(() => (all.list = three!), MISMATCH);
    refused(() => (all.grid = four!), MISMATCH);
    refused(() => (all.grid = part as never), MISMATCH);
    refused(() => (all.words = words!), MISMATCH);
    refused(() => heap.new(Point, other as never), MISMATCH);
    refused(() => all.points.set(0, other as never), MISMATCH);
    refused(() => all.points.fill(other as never), MISMATCH);
  });

  test('of another heap', () => {
    const elsewhere = createHeap({ maxBytes: 2 ** 20 });
    const point = elsewhere.new(Point, { x: 77 });
    const list = elsewhere.new(slice(i32), [1, 2]);
    refused(() => (all.ref = point), MISMATCH);
    refused(() => (all.at = point), MISMATCH);
    refused(() => heap.new(Point, point), MISMATCH);
    refused(() => heap.new(All, { ref: point }), MISMATCH);
    refused(() => all.points.push({}, point), MISMATCH);
    refused(() => all.points.fill(point), MISMATCH);
    refused(() => (all.list = list), MISMATCH);
    refused(() => (all.grid = elsewhere.new(array(u8, 4))), MISMATCH);
    refused(() => (all.words = elsewhere.new(map(string, u8))), MISMATCH);
    refused(() => all.list.copyFrom(list), MISMATCH);
    refused(() => heap.roots.set('x', point), ARGUMENT);
    refused(() => heap.addressOf(point), ARGUMENT);
    expect([point.x, all.ref!.x]).toEqual([77, 1]);
    expect(point.equals(all.ref)).toBe(false);
  });

  test('stale or disposed of', () => {
    const ended = heap.scope(() => ({ point: heap.new(Point), list: heap.new(slice(i32), [1]), all: heap.new(All) }));
    const disposed = { point: heap.new(Point), list: heap.new(slice(i32), [1]), all: heap.new(All) };
    disposed.point.dispose();
    disposed.list.dispose();
    disposed.all.dispose();
    for (const { point, list, all: gone } of [ended, disposed]) {
      refused(() => (all.ref = point), STALE);
      refused(() => (all.at = point), STALE);
      refused(() => heap.new(Point, point), STALE);
      refused(() => all.points.push({ x: 1 }, point), STALE);
      refused(() => all.points.set(0, point), STALE);
      refused(() => (all.list = list), STALE);
      refused(() => all.list.copyFrom(list), STALE);
      refused(() => Object.assign(all, { rows: [[1], list as never] }), {
        name: expect.any(String) as never,
        code: expect.any(String) as never,
      });
      for (const field of Object.keys({ i8, i64, string, bytes, ref, at: 0, list, grid: 0, words: 0, hits: 0 })) {
        refused(() => (gone as unknown as AnyAll)[field], STALE);
        refused(() => ((gone as unknown as Record<string, unknown>)[field] = 1), STALE);
      }
      for (const use of [
        () => list.length,
        () => list.capacity,
        () => list.at(0),
        () => list.set(0, 1),
        () => list.push(1),
        () => list.push(),
        () => list.pop(),
        () => list.slice(),
        () => list.fill(1),
        () => list.copyFrom([1]),
        () => list.toArray(),
        () => heap.scope(() => list.cursor()),
        () => [...list],
        () => JSON.stringify(list),
      ])
        refused(use, STALE);
    }
  });

  test('an empty slice that is stale is not taken for an empty one', () => {
    const list = heap.scope(() => ({ list: heap.new(slice(i32)) })).list;
    refused(() => [...list], STALE);
    const full = heap.new(slice(i32), [1, 2]);
    const iterator = full[Symbol.iterator]();
    iterator.next();
    full.pop();
    full.dispose();
    refused(() => iterator.next(), STALE);
    const { hits, grid, words } = heap.scope(() => ({ hits: all.hits, grid: all.grid, words: all.words }));
    for (const use of [
      () => hits.load(),
      () => hits.add(1),
      () => grid.at(0),
      () => words.size,
      () => [...words],
      () => words.get('one'),
    ])
      refused(use, STALE);
  });
});

describe('indices and lengths', () => {
  const uses = (i: unknown): (() => unknown)[] => [
    () => all.list.at(i as number),
    () => all.list.set(i as number, 1),
    () => all.grid.at(i as number),
    () => all.grid.set(i as number, 1),
    () => all.points.at(i as number),
    () => all.names.set(i as number, 'x'),
  ];

  test('index out of range [5] with length 3', () => {
    const expected = { ...OUT_OF_RANGE, message: 'index out of range [5] with length 3' };
    refused(() => all.list.at(5), expected);
    refused(() => all.list.set(5, 1), expected);
    // The index is looked at before the value.
    refused(() => all.list.set(5, 'x' as never), expected);
    expect(String(catchError(() => all.list.at(5)))).toBe('RangeError: index out of range [5] with length 3');
  });

  test.each([-1, 4, 2 ** 31, 2 ** 32, -(2 ** 31), 1e300, 0.5, Number.NaN, Infinity])('%d', (i) => {
    for (const use of uses(i)) refused(use, OUT_OF_RANGE);
  });

  test.each([['0'], [undefined], [null], [1n], [Symbol('s')], [{}], [true], [[0]]])('no number: %s', (i) => {
    for (const use of uses(i)) refused(use, WRONG_TYPE);
  });

  test('bounds that are no numbers', () => {
    for (const bad of ['1', null, 1n, Symbol('s'), {}, Object.create(null)]) {
      const named = {
        name: expect.stringMatching(/^(Type|Range)Error$/) as never,
        code: expect.stringMatching(/^ERR_/) as never,
      };
      refused(() => all.list.slice(bad as never), named);
      if (bad !== null) refused(() => all.list.slice(0, bad as never), named);
      refused(() => all.grid.slice(bad as never), named);
      refused(() => all.list.fill(1, bad as never), named);
    }
  });

  test('lengths of make, elements of copyFrom', () => {
    for (const bad of [-1, 0.5, Number.NaN, Infinity, '3', null, 2 ** 40])
      refused(() => heap.make(slice(i32), bad as never), { name: 'SliceError', code: 'ERR_MAKESLICE_LEN' });
    refused(() => heap.make(slice(i32), 3, 2), { name: 'SliceError', code: 'ERR_MAKESLICE_CAP' });
    refused(() => all.list.copyFrom(all.grid as never), {
      ...MISMATCH,
      message: 'slice(i32): expected a reference to a slice or array of i32, got one to array(u8, 4)',
    });
    const floats = heap.new(slice(f64), [1]);
    refused(() => all.list.copyFrom(floats as never), MISMATCH);
    refused(() => all.list.copyFrom(all.at as never), MISMATCH);
    refused(() => all.list.copyFrom('123' as never), WRONG_TYPE);
    refused(() => all.list.copyFrom([1, 'x'] as never), WRONG_TYPE);
    refused(() => all.list.fill('x' as never), WRONG_TYPE);
    refused(() => all.list.fill(1, 0, 4), OUT_OF_RANGE);
    refused(() => all.list.fill(1, 2, 1), OUT_OF_RANGE);
  });
});

function catchError(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('what is no type, and what cannot be made', () => {
  for (const bad of [undefined, null, 5, 'Point', {}, { kind: 'struct', name: 'Point', fields: {} }, Point.fields])
    refused(() => heap.new(bad as never), ARGUMENT);
  for (const kind of [i32, string, bytes, ref(Point), atomic(u32), bool])
    refused(() => heap.new(kind as never), ARGUMENT);
  for (const kind of [Point, array(i32, 2), map(string, i32), undefined, i32])
    refused(() => heap.make(kind as never, 2), ARGUMENT);
  refused(() => heap.new(Point, null as never), WRONG_TYPE);
  refused(() => heap.roots.set('', all), ARGUMENT);
  refused(() => heap.roots.set(5 as never, all), ARGUMENT);
  refused(() => heap.roots.set('x', {} as never), ARGUMENT);
  refused(() => heap.roots.get('', Point), ARGUMENT);
  refused(() => heap.roots.get('x', undefined as never), ARGUMENT);
  refused(() => heap.addressOf(5 as never), ARGUMENT);
});

test('a message names the call that got no type, and what it got', () => {
  const text = 'expected a type, such as struct(…) or slice(…), got undefined';
  refused(() => heap.roots.get('x', undefined as never), { ...ARGUMENT, message: `roots.get: ${text}` });
  refused(() => heap.new(undefined as never), { ...ARGUMENT, message: `new: ${text}` });
  refused(() => heap.cursor(undefined as never), { ...ARGUMENT, message: `cursor: ${text}` });
});

test('what is no function', () => {
  for (const bad of [undefined, null, 5, {}]) {
    refused(() => heap.scope(bad as never), { ...WRONG_TYPE, message: expect.stringMatching(/^scope: /) });
    refused(() => all.words.forEach(bad as never), { ...WRONG_TYPE, message: expect.stringMatching(/^map.forEach: /) });
    if (bad === undefined) continue;
    refused(() => heap.pauseGC(bad as never), { ...WRONG_TYPE, message: expect.stringMatching(/^pauseGC: /) });
  }
  // Nobody holds the collector back.
  expect(heap.stats().gc.enabled).toBe(true);
});

test('a field to follow that is no name', () => {
  for (const bad of [Object.create(null), 5, null, Symbol('s'), 'i32']) {
    const follow = () =>
      heap.scope(() =>
        heap
          .cursor(All)
          .set(all)
          .follow(bad as never),
      );
    refused(follow, { ...UNKNOWN_FIELD, message: expect.stringMatching(/^cursor.follow: .* is no field of All/) });
  }
});

test('a byte array that is detached is the empty key, in every call', () => {
  const words = heap.new(map(bytes, i32), [[new Uint8Array(0), 5]]);
  const gone = new Uint8Array(8);
  structuredClone(gone, { transfer: [gone.buffer] });
  words.update(gone, (old) => old! + 1);
  expect([words.get(gone), words.size, words.has(gone), words.delete(gone)]).toEqual([6, 1, true, true]);
});

test('a struct that is too large for any heap, and one that is for this one', () => {
  refused(() => heap.new(struct('Huge', { a: array(u8, 2 ** 31), b: u8 })), ARGUMENT);
  refused(() => heap.new(array(f64, 2 ** 29)), ARGUMENT);
  refused(() => heap.new(slice(array(f64, 2 ** 29))), ARGUMENT);
  refused(() => heap.new(array(ref(Point), 2 ** 21)), ARGUMENT);
  const Large = struct('Large', { a: array(u8, 2 ** 23) });
  expect(() => heap.new(Large)).toThrow(
    expect.objectContaining({ name: 'OutOfMemoryError', code: 'ERR_OUT_OF_MEMORY' }),
  );
  expect(() => heap.make(slice(f64), 2 ** 22)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
  expect(heap.new(Point, { x: 4 }).x).toBe(4);
});

test('out of memory in the middle leaves what was there', () => {
  const Text = struct('Text', { before: i32, text: string, names: slice(string) });
  const huge = 'x'.repeat(2 ** 22);
  const t = heap.new(Text, { before: 1, text: 'old', names: ['a', 'b'] });
  const Outer = struct('OuterText', { t: Text });
  const o = heap.new(Outer, { t });
  const oom = expect.objectContaining({ name: 'OutOfMemoryError', code: 'ERR_OUT_OF_MEMORY' });
  for (const use of [
    () => (t.text = huge),
    () => Object.assign(t, { names: ['c', huge] }),
    () => t.names.push('c', huge),
    () => t.names.set(0, huge),
    () => Object.assign(o, { t: { before: 5, text: huge } }),
  ]) {
    expect(use).toThrow(oom);
    expect([t.before, t.text, t.names.toArray(), o.t.before, o.t.text]).toEqual([1, 'old', ['a', 'b'], 1, 'old']);
  }
});

describe('input that changes while it is read', () => {
  /** A field that gives another value each time it is read. */
  function changing<T>(...values: T[]): { readonly value: T } {
    let i = 0;
    return {
      get value() {
        return values[Math.min(i++, values.length - 1)]!;
      },
    };
  }

  test('a field of another type the second time is no pointer to it', () => {
    const Other2 = struct('Other2', { a: string, b: string });
    const other = heap.new(Other2, { a: 'a', b: 'b' });
    const Holder = struct('RefHolder', { value: ref(Point) });
    const points = heap.new(slice(Holder), [{}]);
    for (const use of [
      () => points.set(0, changing<unknown>(heap.new(Point, { x: 3 }), other) as never),
      () => points.push(changing<unknown>(null, other) as never),
      () => points.push(heap.new(Holder, changing<unknown>(null, other) as never)),
    ]) {
      try {
        use();
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/) });
      }
      // Whichever of the two values counts: a Point, or nothing.
      for (const p of points) expect([0, 3, undefined]).toContain(p.value?.x);
    }
  });

  test('a string of another type the second time is an error or the first one', () => {
    const Holder = struct('TextHolder', { value: string });
    const list: Slice<Ref<typeof Holder>> = heap.new(slice(Holder), [{ value: 'old' }]);
    try {
      list.set(0, changing<unknown>('new', 5) as never);
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/) });
    }
    expect(['old', 'new']).toContain(list.at(0).value);
  });

  test('a reference that is disposed of by a getter, a slice that grows in one', () => {
    const list = heap.new(slice(Point), [{ x: 1 }]);
    const before = list.capacity;
    list.push({
      get x() {
        if (list.capacity === before) list.push({ x: 50 });
        return 2;
      },
      y: 3,
    });
    const found = list.toArray().map((p) => p.x);
    expect(found[0]).toBe(1);
    expect(found).toContain(2);
    for (const x of found) expect([1, 2, 50]).toContain(x);
  });
});
