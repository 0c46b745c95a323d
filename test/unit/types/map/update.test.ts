/** `map.update` as programs call it: what it returns. */
import { expect, test } from 'vitest';
import { ArgumentError, createHeap, f64, map, ref, string, struct, u32 } from '../../../../src/index.ts';

const Point = struct('Point', { x: f64, y: f64 });
const heap = createHeap({ maxBytes: 2 ** 22, background: false });

test.each([
  ['outside of scopes', <T>(fn: () => T): T => fn()],
  ['in a scope', <T>(fn: () => T): T => heap.scope(fn)],
])('returns what the function did, %s', (_, run) => {
  run(() => {
    const counts = heap.new(map(string, u32));
    expect(counts.update('a', (n = 0) => n + 1)).toBe(1);
    expect(counts.update('a', (n = 0) => n + 1)).toBe(2);
    expect(counts.get('a')).toBe(2);
    expect(counts.update('a', () => undefined)).toBeUndefined();
    expect(counts.has('a')).toBe(false);
    expect(counts.update('none', () => {})).toBeUndefined();
    const points = heap.new(map(string, ref(Point)));
    const made = heap.new(Point, { x: 1 });
    expect(points.update('p', (old) => old ?? made)).toBe(made);
    expect(points.update('p', (old) => old ?? heap.new(Point))?.equals(made)).toBe(true);
    expect(points.update('p', () => null)).toBeNull();
    // As it was returned: what is in the map is a copy.
    const given = { x: 3 };
    expect(heap.new(map(string, Point)).update('p', () => given)).toBe(given);
    expect(() => counts.update('a', () => -1)).toThrow(RangeError);
  });
});

test('a getter of what the function returned cannot change the map either, in whichever table the key is', () => {
  const points = heap.new(map(u32, Point));
  for (let i = 0; i < 5000; i++) points.set(i, { x: i });
  for (let i = 0; i < 5000; i += 50) {
    for (const change of [() => points.set(i, { x: -1 }), () => points.delete(i)]) {
      const made = {
        get x() {
          change();
          return 1;
        },
      };
      expect(() => points.update(7, () => made)).toThrow(ArgumentError);
    }
  }
  expect(points.size).toBe(5000);
  heap.scope(() => {
    for (const [key, { x }] of points) expect(x).toBe(key);
  });
  const reading = {
    get x() {
      return points.get(8)!.x;
    },
  };
  points.update(7, () => reading);
  expect(points.get(7)!.x).toBe(8);
  heap.verify();
});
