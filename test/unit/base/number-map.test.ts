/** Numbers to numbers, against JavaScript's map, over random sets and deletes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberMap } from '../../../src/base/number-map.ts';

const key = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.nat(2 ** 20).map((n) => 0x7f0000000000 + n * 16),
);
const step = fc.record({ key, remove: fc.boolean() });

test('does what a Map does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const model = new Map<number, number>();
      const map = new NumberMap();
      steps.forEach(({ key, remove }, i) => {
        if (remove) {
          model.delete(key);
          map.delete(key);
        } else {
          model.set(key, i);
          map.set(key, i);
        }
      });
      for (const { key } of steps) expect(map.get(key)).toBe(model.get(key) ?? -1);
    }),
  );
});

test('grows, and closes gaps in long runs', () => {
  const map = new NumberMap();
  for (let i = 0; i < 50_000; i++) map.set(i * 4096, i);
  for (let i = 0; i < 50_000; i += 2) map.delete(i * 4096);
  const wrong: number[] = [];
  for (let i = 0; i < 50_000; i++) if (map.get(i * 4096) !== (i % 2 === 0 ? -1 : i)) wrong.push(i);
  expect(wrong).toEqual([]);
});
