/** Random programs on a shared map against a JS Map, with all invariants checked as they go. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHeap, type Heap } from '../../src/index.ts';
import type { KeyName } from '../../src/types/kinds.ts';
import { checkMap } from '../../src/types/map/check.ts';
import { testMap, type ValueName } from '../support/map-host.ts';

const MB = 2 ** 20;

/** A shared map and what it should hold, by the key as text. */
class Twin {
  readonly heap: Heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  readonly model = new Map<string, { key: unknown; value: unknown }>();
  readonly #map: ReturnType<typeof testMap>;
  readonly #value: (n: number) => unknown;

  constructor(key: KeyName, value: ValueName) {
    this.#map = testMap(this.heap, key, value);
    this.#value = VALUES[value]!;
  }

  run(program: readonly Step[]): void {
    this.heap.scope(() => {
      for (const step of program) step(this);
      this.check();
    });
    this.heap.verify();
  }

  set(key: unknown, n: number): void {
    const { ops, h } = this.#map;
    ops.set(h, key, this.#value(n));
    this.model.set(String(key), { key, value: this.#value(n) });
  }

  get(key: unknown): void {
    const { ops, h } = this.#map;
    const expected = this.model.get(String(key));
    expect(ops.get(h, key)).toEqual(expected?.value);
    expect(ops.has(h, key)).toBe(expected !== undefined);
  }

  delete(key: unknown): void {
    const { ops, h } = this.#map;
    expect(ops.delete(h, key)).toBe(this.model.delete(String(key)));
  }

  update(key: unknown, n: number): void {
    const { ops, h } = this.#map;
    const next = n % 3 === 0 ? undefined : this.#value(n);
    const result = ops.update(h, key, (old) => {
      expect(old).toEqual(this.model.get(String(key))?.value);
      return next;
    });
    expect(result).toEqual(next);
    if (next === undefined) this.model.delete(String(key));
    else this.model.set(String(key), { key, value: next });
  }

  clear(): void {
    this.#map.ops.clear(this.#map.h);
    this.model.clear();
  }

  /** Walks the map, and runs a program in the middle. Entries that it does not touch must come once. */
  walk(program: readonly Step[]): void {
    const { ops, h } = this.#map;
    const before = new Map(this.model);
    const middle = Math.floor(before.size / 2);
    const seen = new Map<string, unknown>();
    const it = ops.iterate(h);
    for (let n = 0; it.next(); n++) {
      if (n === middle) for (const step of program) step(this);
      const name = String(it.key());
      expect(seen.has(name)).toBe(false);
      seen.set(name, it.value());
    }
    for (const [name, entry] of before) {
      if (this.model.get(name) === entry) expect(seen.get(name)).toEqual(entry.value);
    }
  }

  check(): void {
    const { ops, host, h } = this.#map;
    expect(checkMap(host, ops.shape, h).entries).toBe(this.model.size);
    expect(ops.size(h)).toBe(this.model.size);
    const it = ops.iterate(h);
    const found = new Map<string, unknown>();
    while (it.next()) found.set(String(it.key()), it.value());
    expect(found).toEqual(new Map([...this.model].map(([name, { value }]) => [name, value])));
  }
}

const VALUES: Partial<Record<ValueName, (n: number) => unknown>> = {
  u32: (n) => n,
  f64: (n) => n / 7,
  pair: (n) => ({ a: n, b: -n | 0, sum: 0 }),
  string: (n) => (n % 5 === 0 ? '' : `wert ${n} ☃`.repeat(n % 7)),
};

type Step = (twin: Twin) => void;

const KEYS: Record<string, fc.Arbitrary<unknown>> = {
  string: fc.oneof(
    fc.nat(3000).map((n) => `k${n}`),
    fc.nat(300).map((n) => `a key with memory of its own ${n}`),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
  ),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.uint8Array({ maxLength: 30 }),
    fc.nat(300).map((n) => new Uint8Array(n)),
  ),
  i16: fc.integer({ min: -2000, max: 2000 }),
  u32: fc.oneof(fc.nat(3000), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  i64: fc.oneof(fc.bigInt({ min: -1000n, max: 1000n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
};

const one = (key: fc.Arbitrary<unknown>): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(key, fc.nat()).map(
        ([k, n]): Step =>
          (t) =>
            t.set(k, n),
      ),
    },
    {
      weight: 2,
      arbitrary: key.map(
        (k): Step =>
          (t) =>
            t.get(k),
      ),
    },
    {
      weight: 3,
      arbitrary: key.map(
        (k): Step =>
          (t) =>
            t.delete(k),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(key, fc.nat()).map(
        ([k, n]): Step =>
          (t) =>
            t.update(k, n),
      ),
    },
  );

/** Runs of keys that fill, and empty, whole tables. */
const many = (key: fc.Arbitrary<unknown>, make: (i: number) => unknown): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 10, arbitrary: one(key) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat(2000), fc.nat(2500)).map(
        ([from, count]): Step =>
          (t) => {
            for (let i = from; i < from + count; i++) t.set(make(i), i);
          },
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat(2000), fc.nat(4500), fc.integer({ min: 1, max: 3 })).map(
        ([from, count, step]): Step =>
          (t) => {
            for (let i = from; i < from + count; i += step) t.delete(make(i));
          },
      ),
    },
    {
      weight: 1,
      arbitrary: fc.array(one(key), { maxLength: 40 }).map(
        (p): Step =>
          (t) =>
            t.walk(p),
      ),
    },
    { weight: 1, arbitrary: fc.constant<Step>((t) => t.check()) },
  );

const rarely = (steps: fc.Arbitrary<Step>): fc.Arbitrary<Step> =>
  fc.oneof({ weight: 40, arbitrary: steps }, { weight: 1, arbitrary: fc.constant<Step>((t) => t.clear()) });

const KINDS: [KeyName, ValueName, (i: number) => unknown][] = [
  ['string', 'u32', (i) => (i % 2 === 0 ? `k${i}` : `a key with memory of its own ${i}`)],
  ['string', 'string', (i) => `k${i}`],
  ['bytes', 'pair', (i) => Uint8Array.of(i, i >> 8, 3)],
  ['i16', 'f64', (i) => i],
  ['u32', 'pair', (i) => i],
  ['i64', 'u32', (i) => BigInt(i) << 30n],
];

describe.each(KINDS)('map(%s,%s)', (key, value, make) => {
  test('random programs', () => {
    const steps = rarely(many(KEYS[key]!, make));
    fc.assert(
      fc.property(fc.array(steps, { minLength: 10, maxLength: 60 }), (program) => new Twin(key, value).run(program)),
      { numRuns: 20, endOnFailure: false },
    );
  });
});
