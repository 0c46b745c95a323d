/** Types in the heap: all threads agree on them, in whatever order they come, or are told where they differ. */
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  array,
  attachHeap,
  createHeap,
  f64,
  type Heap,
  i32,
  map,
  ref,
  slice,
  string,
  struct,
  TypeMismatchError,
  u32,
} from '../../../src/index.ts';
import { PROC_IDLE } from '../../../src/layout/proc.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed } from '../../support/random.ts';
import type { TypesWorkerInput } from '../../support/types-worker.ts';

let heap: Heap;
/** Another thread, as far as the heap can tell. */
let other: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24 });
  other = attachHeap(heap.share());
});

afterEach(() => {
  heap.verify();
});

const numbers = (h: Heap): Map<string, number> => new Map(h.raw.types().map((t) => [t.name, t.number]));

const mismatch = (message: RegExp): unknown =>
  expect.objectContaining({
    name: 'TypeMismatchError',
    code: 'ERR_TYPE_MISMATCH',
    message: expect.stringMatching(message),
  });

test('three threads register the same types in different orders at once and agree', async () => {
  const seed = newSeed('types/registry');
  const results = await Promise.all(
    [1, 2, 3].map(
      (i) =>
        new Promise<[string, number][]>((resolve, reject) => {
          const workerData: TypesWorkerInput = { shared: heap.share(), role: 'register', rounds: 150, seed: seed + i };
          const worker = new Worker(`${inject('workerDir')}/types-worker.mjs`, { workerData });
          worker.once('message', resolve).once('error', reject);
        }),
    ),
  );
  const all = numbers(heap);
  expect(all.size).toBe(heap.raw.types().length);
  for (const found of results) {
    expect(found.length).toBeGreaterThanOrEqual(300);
    for (const [name, number] of found) expect([name, all.get(name)]).toEqual([name, number]);
  }
});

test('the same definition by another descriptor is the same type', () => {
  const make = () =>
    struct('Same', {
      key: i32,
      get next() {
        return ref(
          struct('Same', {
            key: i32,
            get next() {
              return ref(One);
            },
            list: slice(string),
          }),
        );
      },
      list: slice(string),
    });
  const One = make();
  const Two = make();
  const a = heap.new(One, { key: 1, list: ['x'] });
  const b = heap.new(Two, { key: 2, next: a as never });
  a.next = b as never;
  expect((b as typeof a).next!.key).toBe(1);
  heap.roots.set('a', a);
  expect(heap.roots.get('a', Two)!.list.at(0)).toBe('x');
  expect(other.roots.get('a', Two)!.next!.key).toBe(2);
  expect(heap.new(slice(Two), [a as never]).at(0).key).toBe(1);
  expect(numbers(heap)).toEqual(numbers(other));
  expect(heap.raw.types().filter((t) => t.name === 'Same').length).toBe(1);
});

const Point = struct('Point', { x: f64, y: f64 });

const AnyHolder = struct('AnyHolder', { p: slice(i32) });

describe('another definition of a name', () => {
  const F = f64;
  test.each([
    ['another type of a field', struct('Point', { x: F, y: i32 }), /field "y" is f64 in the heap, i32 here/],
    ['a field more', struct('Point', { x: F, y: F, z: F }), /field "z" is only here/],
    ['a field less', struct('Point', { x: F }), /field "y" is only in the heap/],
    ['another name', struct('Point', { x: F, why: F }), /field "why" is only here/],
    ['another order', struct('Point', { y: F, x: F }), /field 1 is "x" in the heap, "y" here/],
    ['no fields', struct('Point', {}), /field "x" is only in the heap/],
  ])('%s', (_, Other, message) => {
    heap.new(Point, { x: 1 });
    for (const h of [heap, other]) {
      // Every time, not just the first.
      for (let i = 0; i < 3; i++) expect(() => h.new(Other)).toThrow(mismatch(message));
      for (const kind of [slice(Other), array(Other, 2), ref(Other), map(string, Other)]) {
        const Holder = struct(`Holder of ${kind.kind}`, { p: kind as ReturnType<typeof slice> });
        for (let i = 0; i < 2; i++) {
          expect(() => h.new(Holder as unknown as typeof AnyHolder).p).toThrow(mismatch(message));
        }
      }
    }
    expect(heap.new(Point, { x: 1 }).x).toBe(1);
    expect(other.new(Point, { y: 1 }).y).toBe(1);
  });

  test('is found also where the right one has been used in the same way', () => {
    const Wrong = struct('Point', { x: f64, y: i32 });
    const Holds = (P: typeof Point) =>
      struct('Holds', { p: ref(P), list: slice(P), m: map(string, P), four: array(P, 4) });
    const list = heap.new(slice(Point), [{ x: 1 }]);
    heap.new(array(Point, 2));
    heap.new(map(string, Point)).set('a', {});
    const holder = heap.new(Holds(Point));
    expect(holder.list.length + holder.m.size + holder.four.length).toBe(4);
    heap.roots.set('list', list);
    const message = /field "y" is f64 in the heap, i32 here/;
    const W = Wrong as unknown as typeof Point;
    for (let i = 0; i < 2; i++) {
      expect(() => heap.new(slice(W))).toThrow(mismatch(message));
      expect(() => heap.make(slice(W), 2)).toThrow(mismatch(message));
      expect(() => heap.new(array(W, 2))).toThrow(mismatch(message));
      expect(() => heap.new(map(string, W))).toThrow(mismatch(message));
      expect(() => heap.new(Holds(W))).toThrow(mismatch(message));
      expect(() => heap.roots.get('list', slice(W))).toThrow(mismatch(message));
      expect(() => heap.roots.get('none', slice(slice(W)))).toThrow(mismatch(message));
    }
    expect(list.at(0).x).toBe(1);
  });

  test('in a field, a struct is not half made by it', () => {
    heap.new(Point);
    const Wrong = struct('Point', { x: f64 });
    const Outer = struct('Outer', { before: i32, inner: Wrong, after: i32 });
    const Recursive = struct('Recursive', {
      get self() {
        return ref(Recursive);
      },
      wrong: ref(Wrong),
      key: i32,
    });
    for (const h of [heap, other]) {
      for (let i = 0; i < 3; i++) {
        expect(() => h.new(Outer, { before: 1, after: 2 })).toThrow(mismatch(/"Point"/));
        expect(() => h.new(slice(Outer))).toThrow(mismatch(/"Point"/));
        expect(() => h.new(Recursive)).toThrow(mismatch(/"Point"/));
      }
    }
    // The right one under the same name works afterwards, and has all of its fields.
    const Right = struct('Outer', { before: i32, inner: Point, after: i32 });
    const right = other.new(Right, { before: 1, inner: { x: 2 }, after: 3 });
    expect([right.before, right.inner.x, right.after]).toEqual([1, 2, 3]);
  });

  test('registered by raw.type, which says nothing of fields', () => {
    heap.raw.type({ name: 'Bare', size: 8 });
    expect(() => heap.new(struct('Bare', { x: f64 }))).toThrow(mismatch(/"Bare"/));
    heap.new(Point);
    expect(() => heap.raw.type({ name: 'Point', size: 12 })).toThrow(TypeMismatchError);
  });
});

test('a root is found under the type it was set with only', () => {
  const Node = struct('Node', { at: Point, list: slice(i32), grid: array(u32, 3), words: map(string, u32) });
  const n = heap.new(Node, { at: { x: 1 }, list: [1, 2], grid: [1, 2, 3], words: [['a', 5]] });
  heap.roots.set('at', n.at);
  heap.roots.set('list', n.list);
  heap.roots.set('grid', n.grid);
  heap.roots.set('words', n.words);
  expect(other.roots.names()).toEqual(['at', 'grid', 'list', 'words']);
  for (const h of [other, heap]) {
    expect(h.roots.get('at', Point)!.x).toBe(1);
    expect(h.roots.get('list', slice(i32))!.toArray()).toEqual([1, 2]);
    expect(h.roots.get('grid', array(u32, 3))!.at(2)).toBe(3);
    expect(h.roots.get('words', map(string, u32))!.get('a')).toBe(5);
    const wrong = [slice(u32), array(u32, 2), map(string, i32), Node, slice(slice(i32))];
    for (const name of ['at', 'list', 'grid', 'words'])
      for (const kind of wrong)
        expect(() => h.roots.get(name, kind as typeof Node)).toThrow(mismatch(new RegExp(`root "${name}" is `)));
  }
  // The place is the one in the struct.
  other.roots.get('at', Point)!.x = 9;
  expect(n.at.x).toBe(9);
  expect([heap.roots.delete('at'), heap.roots.delete('at'), other.roots.get('at', Point)]).toEqual([
    true,
    false,
    undefined,
  ]);
  heap.roots.set('list', n);
  expect(other.roots.get('list', Node)!.at.x).toBe(9);
});

/** No lone surrogates. */
const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text);

const NAMES = ['a', 'ä€😀', '\ufeffa', 'a\0b', ' ', '__proto__', '\ud800', '\udc00', 'x'.repeat(5000), '\ufffd'];

test('roots of any name are apart, and found by all threads', () => {
  heap.scope(() => {
    for (const [i, name] of NAMES.entries()) {
      const p = heap.new(Point, { x: i });
      try {
        heap.roots.set(name, p);
      } catch (error) {
        // What has no UTF-8 may be refused, but not lost.
        expect(isWellFormed(name)).toBe(false);
        expect(error).toMatchObject({ name: 'ArgumentError' });
        continue;
      }
      expect([name, heap.roots.get(name, Point)?.x]).toEqual([name, i]);
    }
    other.scope(() => {
      for (const [i, name] of NAMES.entries())
        if (isWellFormed(name)) expect([name, other.roots.get(name, Point)?.x]).toEqual([name, i]);
    });
    const before = heap.roots.names();
    for (const name of NAMES) if (isWellFormed(name)) heap.roots.set(name, heap.new(Point));
    expect(heap.roots.names()).toEqual(before);
    for (const name of NAMES.filter((n) => isWellFormed(n)))
      expect([name, heap.roots.delete(name)]).toEqual([name, true]);
  });
});

test('names of structs that begin with a byte order mark are names of their own', () => {
  const Marked = struct('\ufeffPoint', { z: i32 });
  expect(heap.new(Marked, { z: 1 }).z).toBe(1);
  expect(heap.new(Point, { x: 1 }).x).toBe(1);
  expect(other.new(struct('\ufeffPoint', { z: i32 }), { z: 3 }).z).toBe(3);
  expect(heap.raw.types().map((t) => t.name)).toEqual(['\ufeffPoint', 'Point']);
  const twice = heap.raw.types().length;
  for (let i = 0; i < 3; i++) heap.raw.type({ name: 'a\ufeff', size: 4 });
  expect(heap.raw.types().length).toBe(twice + 1);
});

test('the heap lock is taken inside of regions only', () => {
  const x = new Internals(heap);
  const outside: string[] = [];
  let what = '';
  for (const h of [heap, other]) {
    h.setHooks({
      onDelay: (place) => {
        if (x.status(h.threadId) === PROC_IDLE) outside.push(`${what}: ${place}`);
      },
    });
  }
  const Node = struct('Regions', { list: slice(i32), grid: array(u32, 3), at: Point });
  const n = heap.new(Node);
  const step = (name: string, fn: () => unknown): void => {
    what = name;
    fn();
  };
  step('roots.set of a slice in a struct', () => heap.roots.set('list', n.list));
  step('roots.set of an array in a struct', () => heap.roots.set('grid', n.grid));
  step('roots.get of what is not there', () => other.roots.get('none', slice(f64)));
  step('roots.get of an array', () => other.roots.get('none', array(string, 7)));
  step('roots.names, delete', () => [heap.roots.names(), heap.roots.delete('grid')]);
  step('make', () => heap.make(slice(array(u32, 2)), 3));
  step('push', () => n.list.push(1, 2, 3));
  step('fill', () => n.grid.fill(1));
  step('a map', () => heap.new(map(string, slice(u32))).set('a', [1]));
  step('cursor', () => heap.scope(() => heap.cursor(Node)));
  for (const h of [heap, other]) h.setHooks({});
  expect(outside).toEqual([]);
});
