/** `map.update` as programs call it: what it returns. */
import { expect, test } from 'vitest';
import { createHeap, f64, map, ref, string, struct, u32 } from '../../../../src/index.ts';

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
