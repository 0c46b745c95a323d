/** References to places inside of an object: what keeps the object alive for them, and how long they may be used. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  array,
  atomic,
  createHeap,
  f64,
  type Heap,
  type Ref,
  ref,
  StaleRefError,
  slice,
  struct,
  u32,
} from '../../../src/index.ts';
import { PROC_SHADOW_TOP } from '../../../src/layout/proc.ts';
import { Internals } from '../../support/internals.ts';

const Point = struct('Point', { x: f64, y: f64 });
const Box = struct('Box', {
  weight: f64,
  point: Point,
  three: array(f64, 3),
  get next() {
    return ref(Box);
  },
});

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 25 });
});

afterEach(() => {
  heap.verify();
});

/** References on this thread's shadow stack so far, plus a constant. */
function shadowTop(): number {
  const x = new Internals(heap);
  return x.m[x.proc(heap.threadId) + PROC_SHADOW_TOP]!;
}

/** Collects garbage, and overwrites what was freed. */
function collectAndFill(): void {
  heap.gc();
  heap.scope(() => {
    for (let i = 0; i < 2000; i++) heap.new(Box, { weight: -1, point: { x: -1, y: -1 }, three: [-1, -1, -1] });
  });
}

test('in the scope of the object there is no root for it, and needs to be none', () => {
  heap.scope(() => {
    const box = heap.new(Box, { point: { x: 3, y: 4 }, three: [5, 6, 7] });
    const before = shadowTop();
    const { point, three } = box;
    expect(shadowTop()).toBe(before);
    box.dispose();
    collectAndFill();
    expect([point.x, point.y, three.at(2)]).toEqual([3, 4, 7]);
  });
});

test('an atomic has a root of its own, so that a loop that waits for it comes to safepoints', () => {
  const Flag = struct('Flag', { count: atomic(u32) });
  heap.scope(() => {
    const flag = heap.new(Flag);
    const before = shadowTop();
    for (let i = 0; i < 3; i++) flag.count.load();
    expect(shadowTop()).toBe(before + 3);
  });
});

test('in a scope inside of it there is one, and the place ends with that scope', () => {
  heap.scope(() => {
    const box = heap.new(Box, { point: { x: 3 } });
    let kept: Ref<typeof Point> | undefined;
    const carried = heap.scope(() => {
      const before = shadowTop();
      kept = box.point;
      expect(shadowTop()).toBe(before + 1);
      return box.three;
    });
    expect(() => kept!.x).toThrow(StaleRefError);
    expect(carried.length).toBe(3);
  });
});

test('of a persistent reference: local in a scope, persistent outside of all, and it keeps the object alive by itself', () => {
  const box = heap.new(Box, { point: { x: 3 }, three: [5] });
  let local: Ref<typeof Point> | undefined;
  heap.scope(() => {
    local = box.point;
    expect(local.x).toBe(3);
  });
  expect(() => local!.x).toThrow(StaleRefError);
  const { three } = box;
  box.dispose();
  collectAndFill();
  expect(three.at(0)).toBe(5);
  three.dispose();
});

test('a cursor that moves on leaves what was taken of its element alive', () => {
  const boxes = heap.make(slice(ref(Box)), 2);
  heap.scope(() => {
    boxes.set(0, heap.new(Box, { point: { x: 3 }, three: [5, 6, 7] }));
    boxes.set(1, heap.new(Box, { point: { x: 8 } }));
  });
  heap.scope(() => {
    const cursor = boxes.cursor();
    cursor.next();
    const { point, three } = cursor.value!;
    cursor.next();
    boxes.set(0, null);
    collectAndFill();
    expect([point.x, three.at(1), cursor.value!.point.x]).toEqual([3, 6, 8]);
  });
});

test('a cursor along pointers too', () => {
  heap.scope(() => {
    const first = heap.new(Box, { point: { x: 3 }, next: heap.new(Box, { point: { x: 8 } }) });
    heap.roots.set('first', first);
  });
  heap.scope(() => {
    const cursor = heap.cursor(Box);
    // Its own scope, so that nothing but the cursor has a root for the box.
    heap.scope(() => void cursor.set(heap.roots.get('first', Box)!));
    const { point } = cursor.value;
    const ended = cursor.value;
    expect(cursor.follow('next')).toBe(true);
    heap.roots.delete('first');
    collectAndFill();
    expect([point.x, ended.point.x]).toEqual([3, 8]);
  });
});

test('what a cursor stands on is carried out of its scope, and what is inside of that', () => {
  const boxes = heap.make(slice(ref(Box)), 1);
  boxes.set(0, heap.new(Box, { point: { x: 3 } }));
  const element = () => {
    const cursor = boxes.cursor();
    cursor.next();
    return cursor.value!;
  };
  heap.scope(() => {
    const box = heap.scope(element);
    const point = heap.scope(() => element().point);
    boxes.set(0, null);
    collectAndFill();
    expect([box.point.x, point.x]).toEqual([3, 3]);
  });
});
