/** Iteration: what comes, when the map stays and when it changes under it. */
import { expect, test } from 'vitest';
import { createHeap, map, u32 } from '../../../../src/index.ts';
import { MAP_ROOT, SEQ_DEAD, TABLE_GROUPS, TABLE_SEQ, TABLE_WORDS } from '../../../../src/layout/map.ts';
import type { KeyName } from '../../../../src/types/kinds.ts';
import { tablesOf } from '../../../../src/types/map/tables.ts';
import { type At, testMap, type ValueName } from '../../../support/map-host.ts';
import { random } from '../../../support/random.ts';

function setUp(key: KeyName = 'string', value: ValueName = 'u32') {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 26 });
  const { ops, host, h } = testMap(heap, key, value);
  /** Walks the map; `during` runs after each entry. */
  const walk = (during: (key: unknown, value: unknown, n: number) => void = () => {}): Map<unknown, unknown> =>
    heap.scope(() => {
      const found = new Map<unknown, unknown>();
      const it = ops.iterate(h);
      while (it.next()) {
        if (found.has(it.key())) throw new Error(`${it.key()} came twice`);
        found.set(it.key(), it.value());
        during(it.key(), it.value(), found.size);
      }
      expect(it.next()).toBe(false);
      return found;
    });
  const fill = (from: number, to: number): void => {
    heap.scope(() => {
      for (let i = from; i < to; i++) ops.set(h, `k${i}`, i);
    });
  };
  return { heap, ops, host, h, walk, fill };
}

test.each([0, 1, 8, 9, 896, 897, 20_000])('%i entries, each once', (n) => {
  const { walk, fill } = setUp();
  fill(0, n);
  const found = walk();
  expect(found.size).toBe(n);
  for (let i = 0; i < n; i++) if (found.get(`k${i}`) !== i) throw new Error(`k${i}`);
});

test('the order is the same while the map is', () => {
  const { walk, fill } = setUp();
  fill(0, 3000);
  const order = [...walk().keys()];
  expect([...walk().keys()]).toEqual(order);
  fill(3000, 6000);
  const old = new Set(order);
  expect([...walk().keys()].filter((k) => old.has(k))).toEqual(order);
});

test('an entry that is removed before its turn does not come', () => {
  const { ops, h, walk, fill } = setUp();
  fill(0, 5000);
  const removed = new Set<unknown>();
  const found = walk((key, value) => {
    if (removed.has(key)) throw new Error(`${key} was removed`);
    const other = `k${4999 - (value as number)}`;
    ops.delete(h, other);
    removed.add(other);
  });
  expect(found.size).toBe(2500);
});

test('values are those of the moment', () => {
  const { ops, h, walk, fill } = setUp();
  fill(0, 3000);
  const found = walk((_, __, n) => {
    if (n === 1500) for (let i = 0; i < 3000; i++) ops.set(h, `k${i}`, i + 10_000);
  });
  expect([...found.values()].filter((v) => (v as number) >= 10_000).length).toBe(1500);
});

test('entries that stay come exactly once while the map grows, shrinks, and is cleared of the rest', () => {
  const { ops, h, walk, fill } = setUp();
  const rnd = random(7);
  const stays = (i: number): boolean => i % 10 === 0;
  fill(0, 10_000);
  for (const step of [1, 97, 1000]) {
    let high = 10_000;
    const found = walk((_, __, n) => {
      if (n % step !== 0) return;
      // Grows by up to 30 thousand, then loses all but what stays.
      const grow = Math.floor(n / step) % 2 === 0;
      for (let i = 0; i < 30 * step; i++) {
        const k = rnd.below(40_000);
        if (grow) ops.set(h, `k${k}`, k);
        else if (!stays(k) || k >= 10_000) ops.delete(h, `k${k}`);
        high = Math.max(high, k);
      }
    });
    for (let i = 0; i < 10_000; i += 10) if (found.get(`k${i}`) !== i) throw new Error(`k${i} did not come`);
  }
});

test('clear in the middle ends it', () => {
  const { ops, h, walk, fill } = setUp();
  fill(0, 5000);
  const found = walk((_, __, n) => {
    if (n === 100) ops.clear(h);
  });
  expect(found.size).toBe(100);
});

test('of values that are places, each entry brings a copy; of integers, the keys', () => {
  const { ops, h, heap, host } = setUp('i64', 'place');
  heap.scope(() => {
    for (let i = 0n; i < 100n; i++) ops.set(h, i - 50n, [Number(i), 0, Number(i) * 2]);
    const keys = ops.iterate(h, false);
    let n = 0;
    while (keys.next()) n++;
    const it = ops.iterate(h);
    while (it.next()) {
      const at = (it.value() as At).$a >>> 2;
      expect(BigInt(host.mem.i32[at]!) - 50n).toBe(it.key());
      expect(host.mem.i32[at + 2]).toBe(2 * host.mem.i32[at]!);
      n--;
    }
    expect(n).toBe(0);
  });
});

test('keys whose hashes are the same come each once', () => {
  const { ops, h, walk, host } = setUp('u64');
  // With 64-bit keys hashes repeat: search for some, under this map's seeds.
  const { key } = ops.shape;
  const at = h >>> 2;
  const seen = new Map<number, bigint>();
  const pairs: [bigint, bigint][] = [];
  for (let k = 0n; pairs.length < 3; k++) {
    const hash = key.load(k << 20n, '', host.mem.i32[at + 2]!, host.mem.i32[at + 3]!);
    const other = seen.get(hash);
    if (other !== undefined) pairs.push([other, k << 20n]);
    seen.set(hash, k << 20n);
  }
  for (const [a, b] of pairs) {
    ops.set(h, a, 1);
    ops.set(h, b, 2);
  }
  const found = walk();
  for (const [a, b] of pairs) expect([found.get(a), found.get(b)]).toEqual([1, 2]);
  const [[a, b]] = pairs as [[bigint, bigint]];
  expect(walk((k) => void ops.delete(h, k === a ? b : a)).size).toBeLessThan(6);
});

/**
 * A map of 5000 entries, with the tables that its iteration comes to before the one in which `zero` is. Seeds are random:
 * maps are made until there is such a table.
 */
function withTablesBefore(kind: 'u32' | 'string', keyOf: (i: number) => unknown) {
  for (;;) {
    const map = setUp(kind);
    const { ops, h, heap, host } = map;
    const tables = heap.scope(() => {
      for (let i = 0; i < 5000; i++) ops.set(h, keyOf(i), i);
      const [at, of] = [h >>> 2, tablesOf(host)];
      const hash = ops.shape.key.load(keyOf(0) as never, '', host.mem.i32[at + 2]!, host.mem.i32[at + 3]!);
      const home = of.alive(at, hash);
      const before = new Set<number>();
      for (let from = 0, table = 0; (table = of.alive(at, from)) !== home; from = of.endOf(table)) before.add(table);
      return before;
    });
    if (tables.size > 0) return { ...map, before: [...tables] };
  }
}

test.each(['u32', 'string'] as const)(
  'what is read of a slot that is just being emptied is no entry; keys: %s',
  (kind) => {
    const keyOf = (i: number): unknown => (kind === 'u32' ? i : i === 0 ? '' : `k${i}`);
    const { ops, h, heap, host, before } = withTablesBefore(kind, keyOf);
    const { words } = ops.shape.key;
    const found = heap.scope(() => {
      // In each table that comes before the one of key zero, a slot looks as if it held that key.
      const emptied = before.map((table) => {
        const slots: number[] = [];
        tablesOf(host).eachSlot(table, ops.shape, (slot) => void slots.push(slot));
        return slots[0]!;
      });
      const keptWords = emptied.map((slot) => host.mem.i32.slice(slot, slot + words));
      for (const slot of emptied) host.mem.i32.fill(0, slot, slot + words);
      const keys: unknown[] = [];
      for (const it = ops.iterate(h); it.next(); ) keys.push(it.key());
      emptied.forEach((slot, n) => {
        host.mem.i32.set(keptWords[n]!, slot);
      });
      expect(keys.length).toBe(5000 - emptied.length);
      return keys;
    });
    expect(new Set(found).size).toBe(found.length);
    expect(found).toContain(keyOf(0));
  },
);

test('what lies where a table was that has been replaced and collected is not read', () => {
  const heap = createHeap({ background: false, maxBytes: 2 ** 24 });
  const { i32 } = heap.memory;
  const numbers = heap.new(map(u32, u32));
  for (let i = 0; i < 100; i++) numbers.set(i, i);
  const table = i32[(heap.addressOf(numbers) >>> 2) + MAP_ROOT]! >>> 2;
  const seq = i32[table + TABLE_SEQ]!;
  const entries = numbers.entries();
  const found = [entries.next().value![0]];
  for (let i = 100; i < 3000; i++) numbers.set(i, i);
  expect(i32[table + TABLE_SEQ]).toBe(SEQ_DEAD);
  heap.gc();
  heap.gc();
  heap.scope(() => {
    const { raw } = heap;
    const type = raw.type({ name: 'like a table', size: TABLE_WORDS * 4, pointers: [TABLE_GROUPS * 4] });
    let addr = 0;
    for (let i = 0; addr >>> 2 !== table; i++) {
      if (i > 100_000) throw new Error('the memory of the table is not used again');
      addr = raw.newobject(type);
      raw.keepAlive(addr);
    }
    // Of the same sequence as the table had; all of its slots say 7.
    const groups = raw.mallocgc(32 << 10, null, true);
    raw.keepAlive(groups);
    i32.fill(7, groups >>> 2, (groups + (32 << 10)) >>> 2);
    i32[table + TABLE_SEQ] = seq;
    i32[table + TABLE_GROUPS] = groups;
    for (const [key, value] of entries) {
      expect(value).toBe(key);
      found.push(key);
    }
  });
  expect(found.filter((key) => key < 100).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test.each([
  ['stays', 900, 0],
  ['is changed meanwhile so that its table is replaced', 5000, 1e6],
])('of the first entries keys and values belong together, where the map %s', (_, size, more) => {
  const { heap, ops, host, h, fill } = setUp();
  fill(0, 900);
  heap.scope(() => {
    let calls = 0;
    const found = ops.first(h, 100, (addr) => {
      if (++calls === 50) for (let i = 0; i < size; i++) ops.set(h, `k${i}`, i + more);
      return host.mem.i32[addr >>> 2]!;
    });
    expect(found.length).toBe(100);
    expect(new Map(found).size).toBe(100);
    for (const [key, value] of found) expect(`k${value - more}`).toBe(key);
  });
});

test('so they do where others come into their slots', () => {
  const { heap, ops, host, h, fill } = setUp();
  fill(0, 50);
  heap.scope(() => {
    let calls = 0;
    const found = ops.first(h, 100, (addr) => {
      if (++calls === 10) {
        for (let i = 0; i < 50; i++) ops.delete(h, `k${i}`);
        for (let i = 50; i < 100; i++) ops.set(h, `k${i}`, i);
      }
      return host.mem.i32[addr >>> 2]!;
    });
    expect(found.map(([key]) => key).sort()).toEqual(Array.from({ length: 50 }, (_, i) => `k${i + 50}`));
    for (const [key, value] of found) expect(`k${value}`).toBe(key);
  });
});

test.each([0, 1, 8, 99, 3000])('the first of %i entries, as many as are wanted', (n) => {
  const { heap, ops, h, fill } = setUp();
  fill(0, n);
  heap.scope(() => {
    for (const max of [0, 1, 7, 100, 5000]) {
      const keys = ops.first(h, max, () => 0).map(([key]) => key);
      expect(keys.length).toBe(Math.min(n, max));
      expect(new Set(keys).size).toBe(keys.length);
      expect(keys.every((key) => ops.has(h, key))).toBe(true);
    }
  });
});
