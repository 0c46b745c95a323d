/** Growing and shrinking: how large maps are for what they hold, and that their memory comes back. */
import { expect, test } from 'vitest';
import { array, createHeap, f64, map, u64 } from '../../../../src/index.ts';
import { MAP_SEED0 } from '../../../../src/layout/map.ts';
import { checkMap } from '../../../../src/types/map/check.ts';
import { testMap } from '../../../support/map-host.ts';
import { ObjectWalk } from '../../../support/object-walk.ts';

const MB = 2 ** 20;

function setUp(maxBytes = 64 * MB) {
  const heap = createHeap({ gc: 'off', maxBytes });
  const { ops, host, h } = testMap(heap, 'string', 'u32');
  const check = () => heap.scope(() => checkMap(host, ops.shape, h));
  const each = (from: number, to: number, fn: (key: string, i: number) => void): void => {
    heap.scope(() => {
      for (let i = from; i < to; i++) fn(`user:${i}`, i);
    });
  };
  return { heap, ops, host, h, check, each };
}

test('a map of a million entries, and back to nothing', () => {
  const { heap, ops, h, check, each } = setUp(256 * MB);
  const count = 1_000_000;
  each(0, count, (k, i) => ops.set(h, k, i));
  const full = check();
  expect(full.entries).toBe(count);
  // Between 7/16 and 7/8 full, as tables that split are.
  expect(full.slots).toBeGreaterThan((count * 8) / 7);
  expect(full.slots).toBeLessThan((count * 16) / 7);
  expect(full.depth).toBeGreaterThanOrEqual(11);
  each(0, count, (k, i) => {
    if (ops.get(h, k) !== i) throw new Error(`${k} is ${ops.get(h, k)}`);
  });
  each(0, count, (k, i) => {
    if (i % 100 !== 0 && !ops.delete(h, k)) throw new Error(`${k} was not there`);
  });
  const few = check();
  expect(few.entries).toBe(count / 100);
  expect(few.slots).toBeLessThan((count / 100) * 16);
  each(0, count, (k, i) => {
    if (ops.has(h, k) !== (i % 100 === 0)) throw new Error(k);
  });
  each(0, count, (k) => ops.delete(h, k));
  expect(check()).toEqual({ entries: 0, tables: 1, slots: 8, depth: 0 });
  heap.verify();
});

test('maps are as small as they can be', () => {
  const { check, each, ops, h } = setUp();
  expect(check()).toEqual({ entries: 0, tables: 0, slots: 0, depth: 0 });
  const slots: number[] = [];
  for (const n of [1, 8, 9, 14, 15, 28, 29, 896]) {
    each(0, n, (k, i) => ops.set(h, k, i));
    slots.push(check().slots);
  }
  expect(slots).toEqual([8, 8, 16, 16, 32, 32, 64, 1024]);
  each(0, 897, (k, i) => ops.set(h, k, i));
  expect(check()).toMatchObject({ tables: 2, slots: 2048, depth: 1 });
});

test('a map that grows and shrinks around a size does not do so with each entry', () => {
  const { check, each, ops, h } = setUp();
  each(0, 897, (k, i) => ops.set(h, k, i));
  const before = check();
  // Two tables of 1024: 400 are 200 in each, give or take 10, as the seed has it. One shrinks at 128.
  for (let round = 0; round < 5; round++) {
    each(400, 897, (k) => ops.delete(h, k));
    expect(check()).toMatchObject({ tables: before.tables, slots: before.slots });
    each(400, 897, (k, i) => ops.set(h, k, i));
    expect(check()).toMatchObject({ tables: before.tables, slots: before.slots });
  }
});

test('entries that come and go leave no more than their deleted slots', () => {
  const { check, each, ops, h } = setUp();
  each(0, 500, (k, i) => ops.set(h, k, i));
  each(500, 100_000, (k, i) => {
    ops.set(h, k, i);
    ops.delete(h, `user:${i - 500}`);
  });
  expect(check()).toMatchObject({ entries: 500, tables: 1, slots: 1024 });
});

test.each([0, 1, 8, 500, 5000, 100_000])('clear of %i entries', (n) => {
  const { check, each, ops, h, heap } = setUp();
  each(0, n, (k, i) => ops.set(h, k, i));
  heap.scope(() => ops.clear(h));
  expect(check().entries).toBe(0);
  expect(check().slots).toBeLessThanOrEqual(8);
  each(0, n, (k) => {
    if (ops.has(h, k)) throw new Error(k);
  });
  each(0, n, (k, i) => ops.set(h, k, -i >>> 0));
  each(0, n, (k, i) => {
    if (ops.get(h, k) !== -i >>> 0) throw new Error(k);
  });
  expect(check().entries).toBe(n);
});

test('the memory of tables comes back: what stays are keys, headers, and 64 bytes of each table that was replaced', () => {
  const { each, ops, h, heap } = setUp();
  const bytes = (): number => new ObjectWalk(heap).objects().reduce((sum, o) => sum + o.size, 0);
  each(0, 100_000, (k, i) => ops.set(h, k, i));
  const full = bytes();
  expect(full).toBeGreaterThan(100_000 * 20);
  heap.scope(() => ops.clear(h));
  expect(bytes()).toBeLessThan(full / 40);
});

test('every object has a type that names its pointers, all of them lead to objects, and none is missed', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB });
  const { ops, h } = testMap(heap, 'string', 'string');
  heap.scope(() => {
    for (let i = 0; i < 20_000; i++) ops.set(h, `a key with memory of its own ${i % 7000}`, `value ${i}`);
    for (let i = 0; i < 6000; i += 2) ops.delete(h, `a key with memory of its own ${i}`);
  });
  const { i32 } = heap.memory;
  const seen = new Set<number>();
  const names = new Map<string, number>();
  const visit = (addr: number): void => {
    if (addr === 0 || seen.has(addr)) return;
    seen.add(addr);
    // Throws for what is not the first byte of a live object.
    const size = heap.raw.usableSize(addr);
    const type = heap.raw.typeOf(addr);
    names.set(type?.name ?? 'bytes', (names.get(type?.name ?? 'bytes') ?? 0) + 1);
    if (type === null) return;
    for (let at = addr; at + type.size <= addr + size; at += type.size) {
      for (const p of type.pointers) visit(i32[(at + p) >>> 2]! >>> 0);
    }
  };
  visit(h);
  expect([...names.keys()].sort()).toEqual([
    'bytes',
    'map.directory(string,string)',
    'map.groups(string,string)',
    'map.header(string,string)',
    'map.table(string,string)',
    'test.string',
  ]);
  // 4000 keys and as many values are left.
  expect(names.get('bytes')).toBe(8000);
});

/** What the hash of 64-bit integers makes of the lower half (`mix` in hash.ts). */
function mix(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

test('a table that cannot be split any more grows and shrinks beyond the size of others', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  // Of values so large a table has two groups otherwise.
  const m = heap.new(map(u64, array(f64, 500)));
  const value = heap.new(array(f64, 500));
  const seed = heap.memory.i32[(heap.addressOf(m) >>> 2) + MAP_SEED0]!;
  const keys = Array.from({ length: 900 }, (_, i) => (BigInt(-mix(i ^ seed) >>> 0) << 32n) | BigInt(i));
  for (const key of keys) m.set(key, value);
  heap.verify();
  expect(new Set(m.keys())).toEqual(new Set(keys));
  keys.forEach((key, i) => {
    expect(m.delete(key)).toBe(true);
    expect(m.size).toBe(keys.length - i - 1);
  });
  heap.verify();
});
