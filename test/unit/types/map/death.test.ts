/**
 * A thread may die between any two stores. At each place where a writer can be interrupted all memory is copied, as it
 * would be if the thread ended there; in the copy it is reaped, and another thread finds the map whole: with the
 * operation that was under way either done or not, and everything else as it was.
 */
import { expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, type SharedHeap } from '../../../../src/index.ts';
import { MAP_SEED0, MAP_SEED1, TABLE_PENDING, TABLE_SEQ, TABLE_SPARE } from '../../../../src/layout/map.ts';
import { checkMap } from '../../../../src/types/map/check.ts';
import { keyCodec } from '../../../../src/types/map/keys.ts';
import { type MapOps, makeMapOps } from '../../../../src/types/map/ops.ts';
import { tablesOf } from '../../../../src/types/map/tables.ts';
import { mapHost, type ValueName, valueCodec } from '../../../support/map-host.ts';

const MB = 2 ** 20;
/** Copies at most for each place and phase. */
const COPIES = 8;

function copyOf({ spanheap, data, meta }: SharedHeap): SharedHeap {
  const copy = (from: SharedArrayBuffer): SharedArrayBuffer => {
    const to = new SharedArrayBuffer(from.byteLength);
    new Uint8Array(to).set(new Uint8Array(from));
    return to;
  };
  return { spanheap, data: copy(data), meta: copy(meta) };
}

class Scene {
  readonly heap: Heap;
  readonly writer: Heap;
  readonly ops: MapOps;
  readonly h: number;
  readonly model = new Map<string, unknown>();
  /** What may be true of the keys of the operation under way: one of these values; undefined: no entry. */
  pending = new Map<string, unknown[]>();
  readonly places = new Map<string, number>();
  readonly #value: ValueName;

  constructor(value: ValueName, maxBytes = MB) {
    this.#value = value;
    this.heap = createHeap({ gc: 'off', maxBytes, maxThreads: 3 });
    this.writer = attachHeap(this.heap.share());
    this.ops = this.#opsOf(this.writer);
    this.h = this.writer.scope(() => this.ops.create());
  }

  #opsOf(heap: Heap): MapOps {
    const host = mapHost(heap);
    return heap.scope(() => makeMapOps(host, keyCodec(host, 'string'), valueCodec(host, this.#value)));
  }

  /** Runs operations of the writer; dies in a copy of the world at each place that `dies` accepts. */
  phase(run: () => void, dies: (place: string) => boolean = () => true): void {
    const seen = new Map<string, number>();
    this.writer.setHooks({
      onDelay: (place) => {
        const n = (seen.get(place) ?? 0) + 1;
        seen.set(place, n);
        if (n > COPIES || !dies(place)) return;
        this.places.set(place, (this.places.get(place) ?? 0) + 1);
        try {
          this.#dieHere(place);
        } catch (error) {
          throw new Error(`after a death at ${place}, visit ${n}`, { cause: error });
        }
      },
    });
    this.writer.scope(run);
    this.writer.setHooks({});
  }

  #dieHere(place: string): void {
    const heap = attachHeap(copyOf(this.heap.share()));
    if (place === 'map.write') this.#tear(heap);
    expect(heap.reap(this.writer.threadId)).toBe(true);
    const ops = this.#opsOf(heap);
    const host = mapHost(heap);
    const { h } = this;
    heap.scope(() => {
      for (const [key, value] of this.model) if (!this.pending.has(key)) expect(ops.get(h, key)).toEqual(value);
      for (const [key, values] of this.pending) expect(values).toContainEqual(ops.get(h, key));
      const keys = [...this.model.keys(), ...this.pending.keys()];
      const there = new Set(keys.filter((key) => ops.has(h, key)));
      expect(ops.size(h)).toBe(there.size);
      const it = ops.iterate(h, false);
      for (const left = new Set(there); it.next(); ) expect(left.delete(it.key() as string)).toBe(true);
      expect(checkMap(host, ops.shape, h).entries).toBe(there.size);
      // Life goes on, in the tables that were being changed above all.
      const value = VALUES[this.#value]!(7);
      for (const key of this.pending.keys()) ops.set(h, key, value);
      for (let i = 0; i < 30; i++) ops.set(h, `afterwards ${i}`, value);
      expect(checkMap(host, ops.shape, h).entries).toBe(new Set([...there, ...this.pending.keys()]).size + 30);
      for (const key of keys) ops.delete(h, key);
      expect(checkMap(host, ops.shape, h).entries).toBe(30);
      ops.clear(h);
      checkMap(host, ops.shape, h);
    });
    heap.verify();
  }

  /** The first of the words that were about to be overwritten is so already. */
  #tear(heap: Heap): void {
    const host = mapHost(heap);
    const { i32 } = host.mem;
    const at = this.h >>> 2;
    const [key] = [...this.pending.keys()];
    const hash = keyCodec(host, 'string').load(key, '', i32[at + MAP_SEED0]!, i32[at + MAP_SEED1]!);
    const table = tablesOf(host).alive(at, hash);
    expect(i32[table + TABLE_SEQ]! & 1).toBe(1);
    i32[i32[table + TABLE_PENDING]!] = i32[i32[table + TABLE_SPARE]! >>> 2]!;
  }

  #do(key: string, value: unknown, run: () => void): void {
    this.pending = new Map([[key, [this.model.get(key), value]]]);
    run();
    this.pending = new Map();
    if (value === undefined) this.model.delete(key);
    else this.model.set(key, value);
  }

  set(key: string, value: unknown): void {
    this.#do(key, value, () => this.ops.set(this.h, key, value));
  }

  delete(key: string): void {
    this.#do(key, undefined, () => this.ops.delete(this.h, key));
  }

  update(key: string, value: unknown): void {
    this.#do(key, value, () =>
      this.ops.update(this.h, key, () => {
        // As a function that allocates would.
        this.writer.raw.mallocgc(100, null, true);
        return value;
      }),
    );
  }

  clear(): void {
    this.pending = new Map([...this.model].map(([key, value]) => [key, [value, undefined]]));
    this.ops.clear(this.h);
    this.model.clear();
    this.pending = new Map();
  }
}

const VALUES: Record<string, (i: number) => unknown> = {
  u32: (i) => i,
  pair: (i) => ({ a: i, b: 5, sum: i + 5 }),
  string: (i) => `the value ${i}`,
};
/** Some in the slot, some with memory of their own. */
const keyOf = (i: number): string => (i % 2 === 0 ? `k${i}` : `a rather long key ${i}`);
const isMap = (place: string): boolean => place.startsWith('map.');
const isResize = (place: string): boolean => isMap(place) && !/lock|insert|delete|write/.test(place);

test.each(Object.keys(VALUES) as ValueName[])('small maps, values of kind %s', (kind) => {
  const s = new Scene(kind);
  const value = VALUES[kind]!;
  s.phase(() => {
    for (let i = 0; i < 10; i++) s.set(keyOf(i), value(i));
  });
  s.phase(() => {
    for (let i = 10; i < 35; i++) s.set(keyOf(i), value(i));
    for (let i = 0; i < 10; i++) s.set(keyOf(i), value(i + 100));
  }, isMap);
  s.phase(() => {
    for (let i = 0; i < 10; i++) s.update(keyOf(i * 4), value(i + 200));
    s.update(keyOf(1), undefined);
    s.update('none', undefined);
  });
  s.phase(() => {
    for (let i = 2; i < 34; i++) s.delete(keyOf(i));
  }, isMap);
  s.phase(() => s.clear());
  for (const place of ['insert', 'inserted', 'lock', 'delete', 'deleted', 'kill', 'killed', 'patch', 'clear']) {
    expect(s.places.get(`map.${place}`) ?? 0, place).toBeGreaterThan(0);
  }
  if (kind !== 'u32') expect(s.places.get('map.write')).toBeGreaterThan(10);
});

test('tables that split and merge, directories that grow and shrink', () => {
  const s = new Scene('u32', 4 * MB);
  s.phase(() => {
    for (let i = 0; i < 4000; i++) s.set(keyOf(i), i);
  }, isResize);
  s.phase(() => {
    for (let i = 0; i < 3995; i++) s.delete(keyOf(i));
  }, isResize);
  for (const [place, n] of Object.entries({ kill: 16, killed: 16, patch: 16, publish: 3, merge: 3 })) {
    expect(s.places.get(`map.${place}`) ?? 0, place).toBeGreaterThanOrEqual(n);
  }
}, 300_000);

test('clear of a map of many tables', () => {
  const s = new Scene('u32', 4 * MB);
  s.phase(
    () => {
      for (let i = 0; i < 2500; i++) s.set(keyOf(i), i);
    },
    () => false,
  );
  s.phase(() => s.clear(), isMap);
  expect(s.places.get('map.clear')).toBeGreaterThan(2);
});

test('the lock of a dead thread is not taken for that of the thread that got its record', () => {
  const s = new Scene('u32');
  s.phase(() => s.set('a', 1));
  let copy: SharedHeap | undefined;
  s.writer.setHooks({
    onDelay: (place) => {
      if (place === 'map.insert') copy = copyOf(s.heap.share());
    },
  });
  s.writer.scope(() => s.ops.set(s.h, 'b', 2));
  const reaper = attachHeap(copy!);
  expect(reaper.reap(s.writer.threadId)).toBe(true);
  const heir = attachHeap(copy!);
  expect(heir.threadId).toBe(s.writer.threadId);
  const host = mapHost(heir);
  heir.scope(() => {
    const ops = makeMapOps(host, keyCodec(host, 'string'), valueCodec(host, 'u32'));
    ops.set(s.h, 'c', 3);
    expect(ops.get(s.h, 'a')).toBe(1);
    expect(ops.has(s.h, 'b')).toBe(false);
    expect(checkMap(host, ops.shape, s.h).entries).toBe(2);
  });
});
