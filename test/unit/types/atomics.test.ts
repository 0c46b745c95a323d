/** Atomic integers: all operations of all kinds against BigInt arithmetic, neighbours, and threads that add at once. */
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  type Atomic,
  array,
  atomic,
  createHeap,
  type Heap,
  i8,
  i16,
  i32,
  i64,
  slice,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/index.ts';
import { newSeed, random } from '../../support/random.ts';
import { Counters, type TypesWorkerInput } from '../../support/types-worker.ts';

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24 });
});

afterEach(() => {
  heap.verify();
});

const KINDS = [
  ['i8', i8, 8, true],
  ['u8', u8, 8, false],
  ['i16', i16, 16, true],
  ['u16', u16, 16, false],
  ['i32', i32, 32, true],
  ['u32', u32, 32, false],
  ['i64', i64, 64, true],
  ['u64', u64, 64, false],
] as const;

describe.each(KINDS)('%s', (name, kind, bits, signed) => {
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const max = signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n;
  const wrap = (x: bigint): bigint => (signed ? BigInt.asIntN(bits, x) : BigInt.asUintN(bits, x));
  const big = bits === 64;
  type Int = Atomic<number>;
  const js = (x: bigint): number => (big ? x : Number(x)) as number;
  const Pair = struct(`Pair ${name}`, { before: kind, value: atomic(kind), after: kind, list: slice(atomic(kind)) });

  test('add and sub wrap around at both ends', () => {
    const { value } = heap.new(Pair) as unknown as { value: Int };
    value.store(js(max));
    expect(value.add(js(1n))).toBe(js(max));
    expect(value.load()).toBe(js(min));
    expect(value.sub(js(1n))).toBe(js(min));
    expect(value.load()).toBe(js(max));
    // What is added may be outside of the range, as in Go a constant could not, but a sum can.
    value.store(js(0n));
    value.add(js(-1n));
    expect(value.load()).toBe(js(signed ? -1n : max));
  });

  test('every operation, against BigInt; the neighbours stay', () => {
    const seed = newSeed(`atomics ${name}`);
    const rnd = random(seed);
    const values = [min, max, 0n, 1n, wrap(-1n), wrap(0x5a5a5a5a5a5a5a5an)];
    heap.scope(() => {
      const pair = heap.new(Pair, { before: js(max), after: js(max) } as object);
      const elements = heap.new(array(atomic(kind as typeof u8), 3), [js(max), js(0n), js(max)]);
      for (const value of [pair.value as unknown as Int, elements.at(1) as Int]) {
        let model = 0n;
        for (let i = 0; i < 500; i++) {
          const x = rnd.pick(values);
          const op = rnd.pick(['store', 'add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange'] as const);
          const before = model;
          if (op === 'compareExchange') {
            const expected = rnd.oneIn(2) ? model : rnd.pick(values);
            if (expected === model) model = x;
            expect(value.compareExchange(js(expected), js(x))).toBe(js(before));
          } else {
            const results = {
              store: x,
              exchange: x,
              add: model + x,
              sub: model - x,
              and: model & x,
              or: model | x,
              xor: model ^ x,
            };
            model = wrap(results[op]);
            expect(value[op](js(x))).toBe(op === 'store' ? undefined : js(before));
          }
          expect(value.load()).toBe(js(model));
        }
      }
      expect([pair.before, pair.after]).toEqual([js(max), js(max)]);
      expect([elements.at(0).load(), elements.at(2).load()]).toEqual([js(max), js(max)]);
    });
  });

  test('in slices: pushed, set, copied; assigned by literals', () => {
    heap.scope(() => {
      const pair = heap.new(Pair, { value: js(7n), list: [js(1n), js(max)] } as object);
      const list = pair.list as unknown as ReturnType<typeof heap.make<ReturnType<typeof atomic<typeof u32>>>>;
      expect((pair.value as unknown as Int).load()).toBe(js(7n));
      list.push(js(min), js(0n));
      list.set(0, js(max));
      const load = (): number[] => list.toArray().map((a) => a.load());
      expect(load()).toEqual([max, max, min, 0n].map(js));
      expect(list.copyFrom(list.slice(2))).toBe(2);
      expect(load()).toEqual([min, 0n, min, 0n].map(js));
      list.at(1).add(js(1n));
      const popped = list.slice(0, 2).pop()!;
      expect(popped.load()).toBe(js(1n));
      expect(load()).toEqual([min, 0n, min, 0n].map(js));
      // An object of its own: it is not the place that it came from.
      popped.store(js(5n));
      expect(list.at(1).load()).toBe(js(0n));
      list.fill(js(1n), 1, 3);
      expect(load()).toEqual([min, 1n, 1n, 0n].map(js));
    });
  });

  test('what is no such integer is refused, and nothing is changed', () => {
    const pair = heap.new(Pair, { value: js(3n) } as object);
    const value = pair.value as unknown as Int;
    const wrongType = big ? [1, 1.5, '1', null, undefined, true] : [1n, '1', null, undefined, true, {}];
    const outside = [js(max + 1n), js(min - 1n), ...(big ? [] : [0.5, Number.NaN, Infinity])];
    for (const op of ['store', 'exchange', 'compareExchange', 'add', 'sub', 'and', 'or', 'xor'] as const) {
      for (const x of wrongType) {
        expect(() => value[op](x as never, js(1n))).toThrow(
          expect.objectContaining({ name: 'TypeError', code: 'ERR_WRONG_TYPE' }),
        );
      }
    }
    for (const x of outside) {
      const refused = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
      expect(() => value.store(x)).toThrow(refused);
      expect(() => value.exchange(x)).toThrow(refused);
      expect(() => value.compareExchange(js(3n), x)).toThrow(refused);
      expect(() => value.compareExchange(x, js(3n))).toThrow(refused);
    }
    expect(() => {
      (pair as { value: unknown }).value = js(max + 1n);
    }).toThrow(RangeError);
    expect(value.load()).toBe(js(3n));
  });
});

test('two workers and this thread add at once, and nothing is lost', async () => {
  const counters = heap.new(Counters);
  heap.roots.set('counters', counters);
  const rounds = 200_000;
  const work = [1, 2].map(
    (i) =>
      new Promise<void>((resolve, reject) => {
        const workerData: TypesWorkerInput = { shared: heap.share(), role: 'add', rounds, seed: i };
        new Worker(`${inject('workerDir')}/types-worker.mjs`, { workerData })
          .once('error', reject)
          .once('exit', () => resolve());
      }),
  );
  heap.scope(() => {
    for (let i = 0; i < rounds; i++) {
      counters.small.add(1);
      counters.word.add(1);
      counters.wide.add(1n);
      counters.list.at(1).sub(1);
      if (i % 1000 === 0) heap.poll();
    }
  });
  await Promise.all(work);
  const total = rounds * 3;
  expect(counters.small.load()).toBe(total & 0xff);
  expect(counters.word.load()).toBe(total);
  expect(counters.wide.load()).toBe(BigInt(total));
  expect(counters.list.toArray().map((c) => c.load())).toEqual([0, -total, 0]);
  expect(counters.left).toBe(0);
});
