/** Named roots: found by every thread at once, with the type they were set with. */
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import {
  ArgumentError,
  array,
  attachHeap,
  createHeap,
  f64,
  type Heap,
  i32,
  map,
  PointerError,
  ref,
  StaleRefError,
  slice,
  string,
  struct,
  TypeMismatchError,
  VerifyError,
} from '../../../src/index.ts';
import { Cell, type ReferencesInput } from '../../support/references-worker.ts';
import { until } from '../../support/workers.ts';

const Point = struct('Point', { x: f64, y: f64 });
const Shape = struct('Shape', { at: Point, name: string, corners: slice(Point), grid: array(f64, 4) });

describe.each([true, false])('shared: %s', (shared) => {
  let heap: Heap;

  beforeEach(() => {
    heap = createHeap({ maxBytes: 2 ** 25, shared });
  });

  test('every kind of reference can be a root, also to a place inside an object', () => {
    heap.scope(() => {
      const shape = heap.new(Shape, { at: { x: 1, y: 2 }, name: 'a', corners: [{ x: 5 }], grid: [1, 2, 3, 4] });
      const words = heap.new(map(string, i32));
      words.set('one', 1);
      heap.roots.set('shape', shape);
      heap.roots.set('at', shape.at);
      heap.roots.set('corner', shape.corners.at(0));
      heap.roots.set('corners', shape.corners);
      heap.roots.set('grid', shape.grid);
      heap.roots.set('words', words);
      heap.roots.set('list', heap.new(slice(ref(Shape)), [shape, null]));
    });
    heap.scope(() => {
      expect(heap.roots.get('shape', Shape)!.name).toBe('a');
      expect(heap.roots.get('at', Point)!.y).toBe(2);
      expect(heap.roots.get('corner', Point)!.x).toBe(5);
      expect(heap.roots.get('corners', slice(Point))!.length).toBe(1);
      expect(heap.roots.get('grid', array(f64, 4))!.at(3)).toBe(4);
      expect(heap.roots.get('words', map(string, i32))!.get('one')).toBe(1);
      heap.roots.get('at', Point)!.x = 7;
      expect(heap.roots.get('list', slice(ref(Shape)))!.at(0)!.at.x).toBe(7);
    });
    expect(heap.roots.names()).toEqual(['at', 'corner', 'corners', 'grid', 'list', 'shape', 'words']);
    heap.verify();
  });

  test('a root is undefined before it is set and after it is deleted', () => {
    expect(heap.roots.get('p', Point)).toBeUndefined();
    expect(heap.roots.delete('p')).toBe(false);
    heap.roots.set('p', heap.new(Point));
    expect(heap.roots.delete('p')).toBe(true);
    expect(heap.roots.delete('p')).toBe(false);
    expect(heap.roots.get('p', Point)).toBeUndefined();
    expect(heap.roots.names()).toEqual([]);
    heap.roots.set('p', heap.new(Point, { x: 3 }));
    expect(heap.roots.get('p', Point)!.x).toBe(3);
    heap.verify();
  });

  test('has says whether a name is in use, whatever it names', () => {
    expect(heap.roots.has('p')).toBe(false);
    heap.roots.set('p', heap.new(Point));
    expect(heap.roots.has('p')).toBe(true);
    expect(heap.roots.has('q')).toBe(false);
    heap.roots.set('p', heap.new(slice(f64)));
    expect(heap.scope(() => heap.roots.has('p'))).toBe(true);
    heap.roots.delete('p');
    expect(heap.roots.has('p')).toBe(false);
    for (const name of ['', undefined, 5]) expect(() => heap.roots.has(name as string)).toThrow(ArgumentError);
  });

  test('another type under the name: get says both, set replaces', () => {
    heap.roots.set('p', heap.new(Point));
    const get = (): unknown => heap.roots.get('p', Shape);
    expect(get).toThrow(new TypeMismatchError('ERR_TYPE_MISMATCH', 'root "p" is Point, not Shape'));
    expect(() => heap.roots.get('p', slice(Point))).toThrow('root "p" is Point, not slice(Point)');
    expect(() => heap.roots.get('p', map(string, ref(Point)))).toThrow('is Point, not map(string, ref(Point))');
    heap.roots.set('p', heap.new(Shape, { name: 'b' }));
    expect(heap.roots.get('p', Shape)!.name).toBe('b');
    expect(() => heap.roots.get('p', Point)).toThrow('root "p" is Shape, not Point');
    expect(heap.roots.names()).toEqual(['p']);
    heap.verify();
  });

  test('a get in a scope is local, outside persistent', () => {
    heap.roots.set('p', heap.new(Point, { x: 1 }));
    const kept = heap.roots.get('p', Point)!;
    const local = heap.scope(() => [heap.roots.get('p', Point)!])[0]!;
    expect(kept.x).toBe(1);
    expect(() => local.x).toThrow(StaleRefError);
    heap.roots.delete('p');
    expect(kept.x).toBe(1);
  });

  test('names: any text but the empty one', () => {
    const names = ['é', '日本', 'a\0b', '\ufeffbom', '👍', 'x'.repeat(5000), ' ', '__proto__'];
    for (const [i, name] of names.entries()) heap.roots.set(name, heap.new(Point, { x: i }));
    expect(heap.roots.names()).toEqual([...names].sort());
    for (const [i, name] of names.entries()) expect(heap.roots.get(name, Point)!.x).toBe(i);
    for (const bad of ['', undefined, null, 5, {}]) {
      for (const call of [
        () => heap.roots.set(bad as string, heap.new(Point)),
        () => heap.roots.get(bad as string, Point),
        () => heap.roots.delete(bad as string),
      ]) {
        expect(call).toThrow(ArgumentError);
        expect(call).toThrow('roots: a name must be a string that is not empty');
      }
    }
    heap.verify();
  });

  test('a lone surrogate in a name becomes U+FFFD, as in all text', () => {
    heap.roots.set('a\ud800', heap.new(Point, { x: 1 }));
    heap.roots.set('a\ud800', heap.new(Point, { x: 2 }));
    expect(heap.roots.names()).toEqual(['a\ufffd']);
    expect(heap.roots.get('a\udfff', Point)!.x).toBe(2);
    heap.verify();
    expect(heap.roots.delete('a\ufffd')).toBe(true);
    expect(heap.roots.names()).toEqual([]);
  });

  test('what is no live reference is refused, and changes nothing', () => {
    heap.roots.set('p', heap.new(Point, { x: 1 }));
    const stale = heap.scope(() => [heap.new(Point)])[0]!;
    for (const bad of [undefined, null, 5, 'x', {}, { x: 1 }]) {
      expect(() => heap.roots.set('p', bad as never)).toThrow(ArgumentError);
    }
    expect(() => heap.roots.set('p', stale)).toThrow(StaleRefError);
    expect(() => heap.roots.get('p', i32 as never)).toThrow(TypeMismatchError);
    expect(() => heap.roots.get('p', { kind: 'struct' } as never)).toThrow(ArgumentError);
    expect(heap.roots.get('p', Point)!.x).toBe(1);
  });

  test('10,000 roots', () => {
    const count = 10_000;
    heap.scope(() => {
      for (let i = 0; i < count; i++) heap.roots.set(`root ${i}`, heap.new(Point, { x: i }));
    });
    expect(heap.roots.names().length).toBe(count);
    const reader = shared ? attachHeap(heap.share()) : heap;
    reader.scope(() => {
      for (let i = count - 1; i >= 0; i--) expect(reader.roots.get(`root ${i}`, Point)!.x).toBe(i);
      for (let i = 0; i < count; i += 2) expect(reader.roots.delete(`root ${i}`)).toBe(true);
    });
    expect(heap.roots.names().length).toBe(count / 2);
    expect(heap.roots.get('root 0', Point)).toBeUndefined();
    expect(heap.roots.get('root 9999', Point)!.x).toBe(9999);
    heap.verify();
  });

  test('a root whose object was freed by hand is found by verify', () => {
    heap.roots.set('p', heap.new(Shape));
    const addr = heap.addressOf(heap.roots.get('p', Shape)!);
    heap.raw.free(addr);
    expect(() => heap.inspect(addr)).toThrow(PointerError);
    expect(() => heap.verify({ pointers: false })).toThrow(VerifyError);
    expect(() => heap.verify({ pointers: false })).toThrow('root "p" leads to');
  });

  test('detached: every call says so', () => {
    heap.detach();
    for (const call of [
      () => heap.roots.names(),
      () => heap.roots.has('p'),
      () => heap.roots.get('p', Point),
      () => heap.roots.delete('p'),
    ]) {
      expect(call).toThrow('not attached');
    }
  });
});

test('every thread sees a root at once, and what it names', () => {
  const heap = createHeap({ maxBytes: 2 ** 24 });
  const other = attachHeap(heap.share());
  heap.roots.set('p', heap.new(Point, { x: 1 }));
  const seen = other.roots.get('p', Point)!;
  expect(seen.x).toBe(1);
  heap.roots.set('p', heap.new(Point, { x: 2 }));
  expect(other.roots.get('p', Point)!.x).toBe(2);
  expect(seen.x).toBe(1);
  other.roots.set('q', seen);
  expect(heap.roots.names()).toEqual(['p', 'q']);
  expect(other.roots.delete('p')).toBe(true);
  expect(heap.roots.get('p', Point)).toBeUndefined();
  heap.roots.set('p', heap.new(Shape, { name: 'n' }));
  expect(() => other.roots.get('p', Point)).toThrow('root "p" is Shape, not Point');
  expect(other.roots.get('p', Shape)!.name).toBe('n');
  other.detach();
  heap.verify();
});

test('another worker answers through roots alone', async () => {
  const heap = createHeap({ maxBytes: 2 ** 24 });
  const control = new Int32Array(new SharedArrayBuffer(8));
  const workerData: ReferencesInput = { shared: heap.share(), control, role: 'answer' };
  const worker = new Worker(`${inject('workerDir')}/references-worker.mjs`, { workerData });
  const ended = new Promise((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
  heap.scope(() => {
    let list = heap.new(Cell, { key: 1 });
    for (let key = 2; key <= 100; key++) list = heap.new(Cell, { key, next: list });
    heap.roots.set('question', list);
  });
  await until('there is an answer', () => heap.roots.get('answer', Cell) !== undefined);
  const answer = heap.roots.get('answer', Cell)!;
  expect(answer.key).toBe(5050);
  expect(answer.next!.key).toBe(100);
  expect(await ended).toBe(0);
  expect(heap.roots.names()).toEqual(['answer']);
  heap.verify();
});
