/** What is no object literal where a struct is given: it is taken if it has a field of the struct. */
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHeap, type Heap, i32, map, slice, string, struct } from '../../../src/index.ts';

const Named = struct('Named', { name: string });
const Only = struct('Only', { key: i32 });
const Rows = slice(Named);
const Index = map(string, Named);
const Held = struct('Held', { at: Named, rows: Rows });
const kept = { name: 'kept' };

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 22 });
});

describe('what is no literal and has none of the fields is refused, wherever a struct is given', () => {
  const fieldless: [string, () => object][] = [
    ['Promise', () => Promise.resolve({ name: 'x' })],
    ['Map', () => new Map([['name', 'x']])],
    ['Set', () => new Set(['name'])],
    ['Date', () => new Date()],
    ['RegExp', () => /name/],
    ['Number', () => new Number(3)],
    ['Uint8Array', () => new Uint8Array()],
    ['Weird', () => new (class Weird {})()],
    ['TypeError', () => new TypeError('no')],
  ];

  test.each(fieldless)('%s', (name, make) => {
    const value = make() as never;
    const held = heap.new(Held, { at: kept, rows: [kept] });
    const index = heap.new(Index, [['k', kept]]);
    const refused = expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_WRONG_TYPE',
      message: expect.stringMatching(`: expected the fields of \\w+, got an object \\(${name}\\)$`),
    });
    expect(() => heap.new(Only, value)).toThrow(refused);
    // Errors have a name, which is a field of the others.
    if (name === 'TypeError') return;
    for (const use of [
      () => heap.new(Named, value),
      () => Object.assign(held, { at: value }),
      () => heap.new(Held, { at: value }),
      () => held.rows.set(0, value),
      () => held.rows.push(value),
      () => held.rows.fill(value),
      () => held.rows.append([value]),
      () => held.rows.copyFrom([value]),
      () => index.set('k', value),
      () => index.update('k', () => value),
      () => heap.new(struct('Empty', {}), value),
    ]) {
      expect(use).toThrow(refused);
    }
    expect(JSON.parse(JSON.stringify([held, index.get('k')]))).toEqual([{ at: kept, rows: [kept] }, kept]);
  });

  test('objects of classes, without a prototype, of another realm, and literals without fields are taken', () => {
    class Options {
      name = undefined;
    }
    class Getter {
      get name(): string {
        return 'inherited';
      }
    }
    const bare = Object.assign(Object.create(null), {});
    const taken = [
      {},
      bare,
      new Options(),
      new Getter(),
      runInNewContext('({})'),
      runInNewContext('({ name: "far" })'),
    ];
    expect(taken.map((value) => heap.new(Named, value as never).name)).toEqual(['', '', '', 'inherited', '', 'far']);
    const rows = heap.new(Rows, taken as never[]);
    expect(rows.toArray().map(({ name }) => name)).toEqual(['', '', '', 'inherited', '', 'far']);
  });
});
