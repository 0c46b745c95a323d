/** Cursors: over slices and arrays, and along pointers. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  atomic,
  createHeap,
  f64,
  type Heap,
  i32,
  map,
  type NodeCursor,
  type Ref,
  type Reference,
  ref,
  StaleRefError,
  slice,
  string,
  struct,
  u8,
  u32,
} from '../../../src/index.ts';
import { H_STOP } from '../../../src/layout/header.ts';
import { PROC_SHADOW_TOP, SEGMENT_MASK, SEGMENT_SLOTS } from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { Internals } from '../../support/internals.ts';

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 25 });
});

afterEach(() => {
  heap.verify();
});

const Point = struct('Point', { x: f64, y: f64 });
const Node = struct('Node', {
  key: i32,
  get next() {
    return ref(Node);
  },
  get other() {
    return ref(Node);
  },
  point: ref(Point),
});

/** What is on the topmost segment of this thread's shadow stack. */
function shadow(): Set<number> {
  const x = new Internals(heap);
  const top = x.m[x.proc(heap.threadId) + PROC_SHADOW_TOP]!;
  const start = ((top - 1) & ~SEGMENT_MASK) + SEGMENT_SLOTS;
  return new Set(Array.from({ length: top - start }, (_, i) => heap.memory.i32[start + i]! >>> 0));
}

/** Asks this thread to stop, as another one would, and notes where it looks. */
function stopsAskedFor(where: () => number): { readonly at: number[]; ask(): void } {
  const { t } = heap.raw as unknown as Malloc;
  const at: number[] = [];
  t.poll = () => {
    at.push(where());
    t.mem.m[H_STOP] = 0;
  };
  return { at, ask: () => (t.mem.m[H_STOP] = 1) };
}

describe('over elements', () => {
  test.each([
    ['u8', u8, [1, 0, 255]],
    ['f64', f64, [0.5, -0, Number.NaN]],
    ['string', string, ['', 'ä', 'x'.repeat(80)]],
  ])('%s: values, in order, with indices', (_, kind, values) => {
    heap.scope(() => {
      for (const s of [
        heap.new(slice(kind as typeof f64), values as number[]),
        heap.new(array(kind as typeof f64, 3), values as number[]),
      ]) {
        const c = s.cursor();
        const seen: [number, unknown][] = [];
        expect(c.index).toBe(-1);
        while (c.next()) seen.push([c.index, c.value]);
        expect(seen).toStrictEqual([...values.entries()]);
        expect(c.next()).toBe(false);
      }
    });
  });

  test('places: one reference, which moves', () => {
    heap.scope(() => {
      const s = heap.new(slice(Point), [{ x: 1 }, { x: 2 }]);
      const c = s.cursor();
      c.next();
      const first = c.value;
      const held = c.value.hold();
      first.y = 5;
      c.next();
      expect(c.value).toBe(first);
      expect([first.x, held.x, s.at(0).y]).toEqual([2, 1, 5]);
      c.value.x = 20;
      expect(s.at(1).x).toBe(20);
    });
  });

  test('pointers: null among them; what it stands on is a root of its own', () => {
    let where: number[] = [];
    const list = heap.scope(() => {
      const p = heap.new(Point, { x: 1 });
      const q = heap.new(Point, { x: 2 });
      where = [heap.addressOf(p), 0, heap.addressOf(q)];
      return heap.new(slice(ref(Point)), [p, null, q]).hold();
    });
    // Nothing else is rooted here: neither p nor q, which the slice may lose meanwhile.
    heap.scope(() => {
      const c = list.cursor();
      const seen: (number | undefined)[] = [];
      while (c.next()) {
        if (c.value !== null) expect(shadow()).toContain(where[c.index]);
        list.set(c.index, null);
        if (c.value !== null) heap.gc();
        seen.push(c.value?.x);
      }
      expect(seen).toEqual([1, undefined, 2]);
    });
  });

  test('pointers: its reference is of nothing while it stands on null', () => {
    heap.scope(() => {
      const Long = struct('Long', { first: u32, rest: array(f64, 4000) });
      const made = heap.new(Long, { first: 1 });
      const c = heap.new(slice(ref(Long)), [made, null, made]).cursor();
      c.next();
      const value = c.value!;
      c.next();
      const refused = expect.objectContaining({
        name: 'StaleRefError',
        message: expect.stringContaining('stands on an element which is null'),
      });
      const uses = [
        () => value.first,
        () => (value.first = 2),
        () => value.rest,
        () => value.hold(),
        () => heap.addressOf(value),
      ];
      for (const use of uses) expect(use).toThrow(refused);
      expect(inspect(value)).toBe('Long @0x0');
      c.next();
      expect([value.first, value.equals(made)]).toEqual([1, true]);
    });
  });

  test('pointers to maps: what goes over one does not go on when the cursor does', () => {
    heap.scope(() => {
      const Numbers = map(i32, i32);
      const maps = heap.new(slice(ref(Numbers)), [
        heap.new(Numbers, [
          [1, 1],
          [2, 2],
        ]),
        heap.new(Numbers, [[3, 3]]),
      ]);
      const c = maps.cursor();
      c.next();
      const entries = c.value!.entries();
      expect(entries.next().done).toBe(false);
      c.next();
      expect(() => entries.next()).toThrow(expect.objectContaining({ code: 'ERR_STALE_REF' }));
      expect([...c.value!]).toEqual([[3, 3]]);
    });
  });

  test('slices of slices, atomics and maps', () => {
    heap.scope(() => {
      const rows = heap.new(slice(slice(i32)), [[1, 2], [], [3]]);
      let sum = 0;
      for (const c = rows.cursor(); c.next(); ) for (const d = c.value.cursor(); d.next(); ) sum += d.value;
      expect(sum).toBe(6);
      const counters = heap.new(array(atomic(u32), 3), [1, 2, 3]);
      for (const c = counters.cursor(); c.next(); ) c.value.add(10);
      expect(counters.toArray().map((a) => a.load())).toEqual([11, 12, 13]);
      const maps = heap.make(slice(map(string, i32)), 2);
      for (const c = maps.cursor(); c.next(); ) c.value.set('i', c.index);
      expect(maps.toArray().map((m) => m.get('i'))).toEqual([0, 1]);
    });
  });

  test('goes over what was there when it was made', () => {
    heap.scope(() => {
      const s = heap.new(slice(i32), [1, 2, 3]);
      const c = s.cursor();
      c.next();
      s.push(4, 5, 6, 7);
      s.set(1, 99);
      const seen = [c.value];
      while (c.next()) seen.push(c.value);
      // Go: range over the slice as it was; appending gave it a new array.
      expect(seen).toEqual([1, 2, 3]);
      s.pop();
      expect(s.length).toBe(6);
    });
  });

  test('an empty one ends at once; more elements than between two polls', () => {
    heap.scope(() => {
      expect(heap.new(slice(i32)).cursor().next()).toBe(false);
      expect(heap.new(array(Point, 0)).cursor().next()).toBe(false);
      const s = heap.make(slice(i32), 5000);
      s.fill(2);
      let sum = 0;
      for (const c = s.cursor(); c.next(); ) sum += c.value;
      expect(sum).toBe(10_000);
      const points = heap.make(slice(ref(Point)), 5000);
      points.fill(heap.new(Point, { x: 3 }));
      for (const c = points.cursor(); c.next(); ) sum += c.value!.x;
      expect(sum).toBe(25_000);
    });
  });

  test('comes to a safepoint each 256 elements, if a stop is asked for', () => {
    heap.scope(() => {
      const c = heap.make(slice(i32), 5000).cursor();
      const polled = stopsAskedFor(() => c.index);
      polled.ask();
      while (c.next()) if (c.index === 1000 || c.index === 1999) polled.ask();
      // Each 256, counted from the end.
      expect(polled.at).toEqual([135, 1159, 2183]);
      const d = heap.make(slice(i32), 5000).cursor();
      const often = stopsAskedFor(() => d.index);
      while (d.next()) often.ask();
      // On the last one twice: when it comes to it, and when it finds no more.
      expect(often.at).toEqual([...Array.from({ length: 20 }, (_, i) => 135 + i * 256), 4999]);
    });
  });

  test('past the end it stays on the last one, however often it is asked to move', () => {
    heap.scope(() => {
      const points = [{ x: 1 }, { x: 2 }];
      for (const c of [
        heap.new(slice(Point), points).cursor(),
        heap.new(array(Point, 2), points).cursor(),
        heap
          .new(
            slice(ref(Point)),
            points.map((p) => heap.new(Point, p)),
          )
          .cursor(),
      ]) {
        while (c.next());
        for (let i = 0; i < 1000; i++) expect(c.next()).toBe(false);
        expect([c.index, c.value!.x]).toEqual([1, 2]);
      }
      for (const c of [heap.new(slice(Point)).cursor(), heap.new(array(ref(Point), 0)).cursor()]) {
        for (let i = 0; i < 1000; i++) expect(c.next()).toBe(false);
        expect(c.index).toBe(-1);
        expect(() => c.value).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
      }
    });
  });

  test.each([
    ['structs', () => heap.new(slice(Point), [{ x: 1 }, { x: 2 }])],
    ['pointers', () => heap.new(slice(ref(Point)), [heap.new(Point, { x: 1 }), heap.new(Point, { x: 2 })])],
  ])('%s: what is disposed of or carried out stands still, and the cursor goes on without it', (_, make) => {
    heap.scope(() => {
      const c = make().cursor();
      c.next();
      const given = c.value!;
      given.dispose();
      expect(() => given.x).toThrow(StaleRefError);
      expect(c.next()).toBe(true);
      expect([c.index, heap.addressOf(make().at(0)!) > 0]).toEqual([1, true]);
      expect(() => given.x).toThrow(StaleRefError);
    });
    const all = make();
    let c: ReturnType<typeof all.cursor>;
    const value = heap.scope(() => {
      c = all.cursor();
      c.next();
      return c.value!;
    });
    expect(value.x).toBe(1);
    expect(() => c.next()).toThrow(StaleRefError);
    expect(value.x).toBe(1);
    value.x = 3;
    expect(all.at(0)!.x).toBe(3);
  });

  test('one over no pointers refers to nothing, whatever may lie at address 0', () => {
    heap.memory.i32[0] = 0x1234;
    heap.scope(() => {
      const c = heap.new(slice(ref(Point))).cursor();
      expect(c.next()).toBe(false);
      expect(shadow()).not.toContain(0x1234);
      expect(() => c.value).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    });
    heap.memory.i32[0] = 0;
  });

  test('is made at a safepoint: a program may make many, and move each a little', () => {
    heap.scope(() => {
      const s = heap.make(slice(i32), 1000);
      s.cursor();
      const polled = stopsAskedFor(() => 0);
      for (let i = 0; i < 3; i++) {
        polled.ask();
        s.cursor().next();
      }
      expect(polled.at).toHaveLength(3);
    });
  });

  test('before next() it has no value', () => {
    heap.scope(() => {
      for (const c of [
        heap.new(slice(i32), [1]).cursor(),
        heap.new(slice(Point), [{}]).cursor(),
        heap.new(slice(ref(Point)), [null]).cursor(),
      ])
        expect(() => c.value).toThrow(expect.objectContaining({ name: 'ArgumentError', code: 'ERR_INVALID_ARGUMENT' }));
    });
  });

  test('only in a scope, and it ends with it', () => {
    const numbers = heap.new(slice(i32), [1, 2]);
    const points = heap.new(slice(Point), [{ x: 1 }, { x: 2 }]);
    const refs = heap.new(slice(ref(Point)), [null, points.at(0)]);
    expect(() => numbers.cursor()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    const cursors = heap.scope(() => {
      const all = [numbers.cursor(), points.cursor(), refs.cursor()];
      for (const c of all) c.next();
      return all;
    });
    for (const c of cursors) {
      expect(() => c.next()).toThrow(StaleRefError);
      // Whatever it stood on, null too.
      expect(() => (c.value as { x: number } | null)?.x ?? 0).toThrow(StaleRefError);
    }
    const value = heap.scope(() => {
      const c = points.cursor();
      c.next();
      c.next();
      return c.value;
    });
    expect(value.x).toBe(2);
  });

  test('in an inner scope: the cursor of an outer one goes on', () => {
    heap.scope(() => {
      const s = heap.new(
        slice(ref(Point)),
        Array.from({ length: 5 }, (_, x) => heap.new(Point, { x })),
      );
      const c = s.cursor();
      let sum = 0;
      while (heap.scope(() => c.next())) sum += heap.scope(() => c.value!.x + s.at(0)!.x);
      expect(sum).toBe(10);
    });
  });
});

describe('along pointers', () => {
  function list(n: number): Ref<typeof Node> {
    return heap.scope(() => {
      let first: Ref<typeof Node> | null = null;
      for (let key = n; key > 0; key--) first = heap.new(Node, { key, next: first });
      return first!;
    });
  }

  test('walks a list longer than between two polls, and makes no references', () => {
    const first = list(3000);
    heap.scope(() => {
      const before = shadow().size;
      const c = heap.cursor(Node).set(first);
      let n = 1;
      while (c.follow('next')) {
        n++;
        expect(c.value.key).toBe(n);
      }
      expect(n).toBe(3000);
      expect(shadow().size).toBeLessThanOrEqual(before + 1);
      expect(shadow()).toContain(heap.addressOf(c.value));
      expect([c.follow('next'), c.follow('other'), c.value.key]).toEqual([false, false, 3000]);
    });
  });

  test('comes to a safepoint each 1024 moves', () => {
    const first = list(5000);
    heap.scope(() => {
      const c = heap.cursor(Node).set(first);
      let moves = 0;
      const polled = stopsAskedFor(() => moves);
      do moves++;
      while (c.follow('next'));
      expect(polled.at).toEqual([1024, 2048, 3072, 4096]);
    });
  });

  test('set moves it; its value is one reference', () => {
    heap.scope(() => {
      const a = heap.new(Node, { key: 1 });
      const b = heap.new(Node, { key: 2, other: a });
      a.other = b;
      const c = heap.cursor(Node).set(a);
      const { value } = c;
      const held = value.hold();
      expect(c.set(b)).toBe(c);
      expect(c.value).toBe(value);
      expect([value.key, held.key, c.follow('other'), value.key]).toEqual([2, 1, true, 1]);
      // Two of them are independent.
      const d = heap.cursor(Node).set(c.value);
      d.follow('other');
      expect([c.value.key, d.value.key]).toEqual([1, 2]);
      c.value.next = c.value;
      expect(a.next!.equals(a)).toBe(true);
    });
  });

  test('follows different fields in turns', () => {
    heap.scope(() => {
      const a = heap.new(Node, { key: 1 });
      const b = heap.new(Node, { key: 2, other: a });
      a.next = a;
      a.other = b;
      const c = heap.cursor(Node).set(a);
      const keys = (['next', 'other', 'next', 'other', 'other'] as const).map((field) => [
        c.follow(field),
        c.value.key,
      ]);
      expect(keys).toEqual([
        [true, 1],
        [true, 2],
        [false, 2],
        [true, 1],
        [true, 2],
      ]);
    });
  });

  test('what it refuses', () => {
    const a = heap.new(Node, { key: 1, point: heap.new(Point) });
    expect(() => heap.cursor(Node)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    let ended: NodeCursor<typeof Node> | undefined;
    heap.scope(() => {
      const c = (ended = heap.cursor(Node));
      expect(() => c.value).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
      expect(() => c.follow('next')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
      c.set(a);
      for (const field of ['point', 'key', 'nothing', 'constructor', '', undefined])
        expect(() => c.follow(field as never)).toThrow(
          expect.objectContaining({ name: 'TypeError', code: 'ERR_UNKNOWN_FIELD' }),
        );
      const stale = heap.scope(() => ({ ref: heap.new(Node) })).ref;
      const elsewhere = createHeap({ maxBytes: 2 ** 20 }).new(Node);
      for (const bad of [null, undefined, {}, 5, a.point, heap.new(slice(i32)), stale, elsewhere])
        expect(() => c.set(bad as never)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
      expect(c.value.key).toBe(1);
      expect(() => heap.cursor(slice(Node) as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      );
      expect(() => heap.cursor(undefined as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    });
    for (const use of [
      () => ended!.follow('next'),
      () => ended!.set(a),
      () => (ended!.value as Reference & { key: number }).key,
    ])
      expect(use).toThrow(StaleRefError);
  });
});
