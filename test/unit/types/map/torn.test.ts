/**
 * A writer comes between the loads of a reader: here in one thread, by a value codec that lets another thread's heap write
 * in the middle of reading a value. Whatever it does, the reader must return a value that the key had at some moment.
 */
import { expect, test } from 'vitest';
import { attachHeap, createHeap } from '../../../../src/index.ts';
import { H_WRITE_BARRIER } from '../../../../src/layout/header.ts';
import { TABLE_GROUPS, TABLE_LOCK } from '../../../../src/layout/map.ts';
import { checkMap } from '../../../../src/types/map/check.ts';
import type { MapHost } from '../../../../src/types/map/host.ts';
import { keyCodec } from '../../../../src/types/map/keys.ts';
import { makeMapOps } from '../../../../src/types/map/ops.ts';
import { tablesOf } from '../../../../src/types/map/tables.ts';
import { mapHost, type Pair, valueCodec } from '../../../support/map-host.ts';

const pair = (i: number, b: number): Pair => ({ a: i, b, sum: i + b });
const keyOf = (i: number): string => `k${i}`;

function setUp(entries: number) {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, maxThreads: 2 });
  const writer = attachHeap(heap.share());
  const [host, writerHost] = [mapHost(heap), mapHost(writer)];
  const { i32 } = host.mem;
  let between: (() => void) | undefined;
  /** Let the writer in again at each attempt. */
  let always = false;
  const hooked = {
    ...valueCodec(host, 'pair'),
    read(addr: number): Pair {
      const a = i32[addr >>> 2]!;
      const run = between;
      if (!always) between = undefined;
      if (run !== undefined) writer.scope(run);
      return { a, b: i32[(addr >>> 2) + 1]!, sum: i32[(addr >>> 2) + 2]! };
    },
  };
  const ops = heap.scope(() => makeMapOps(host, keyCodec(host, 'string'), hooked));
  const writes = writer.scope(() =>
    makeMapOps(writerHost, keyCodec(writerHost, 'string'), valueCodec(writerHost, 'pair')),
  );
  const h = heap.scope(() => ops.create());
  heap.scope(() => {
    for (let i = 0; i < entries; i++) ops.set(h, keyOf(i), pair(i, 1));
  });
  /** Reads a key, and lets the writer in while it is being read. */
  const getDuring = (i: number, run: () => void): unknown => {
    between = run;
    const result = heap.scope(() => ops.get(h, keyOf(i)));
    expect(between).toBe(undefined);
    return result;
  };
  const getAlways = (i: number, run: () => void): unknown => {
    always = true;
    between = run;
    const result = heap.scope(() => ops.get(h, keyOf(i)));
    always = false;
    between = undefined;
    return result;
  };
  /** First word of the only table. */
  const table = (): number => tablesOf(host).alive(h >>> 2, 0);
  return { heap, host, writer, writerHost, ops, writes, h, table, getDuring, getAlways };
}

test('it is overwritten', () => {
  const { writes, h, getDuring } = setUp(8);
  for (let i = 0; i < 8; i++) {
    const result = getDuring(i, () => writes.set(h, keyOf(i), pair(i, 1000)));
    expect([pair(i, 1), pair(i, 1000)]).toContainEqual(result);
  }
});

test('it is removed', () => {
  const { writes, h, getDuring } = setUp(8);
  for (let i = 0; i < 8; i++) {
    const result = getDuring(i, () => writes.delete(h, keyOf(i)));
    expect([pair(i, 1), undefined]).toContainEqual(result);
  }
});

test('it is removed, and another takes its slot', () => {
  const { writes, h, getDuring } = setUp(8);
  for (let i = 0; i < 8; i++) {
    const result = getDuring(i, () => {
      writes.delete(h, keyOf(i));
      writes.set(h, keyOf(i + 100), pair(i + 100, 7));
    });
    expect(result).toBe(undefined);
  }
});

test('it is removed, comes back elsewhere, and another takes its slot', () => {
  const { writes, h, getDuring } = setUp(8);
  for (let i = 0; i < 8; i++) {
    const result = getDuring(i, () => {
      writes.delete(h, keyOf(i));
      writes.set(h, keyOf(i + 100), pair(i + 100, 7));
      writes.set(h, keyOf(i), pair(i, 50));
    });
    expect([pair(i, 1), pair(i, 50)]).toContainEqual(result);
  }
});

/** Fills memory that was freed with what looks like nothing in particular. */
function scribble(writer: ReturnType<typeof setUp>['writer'], sizes: readonly number[]): void {
  const { u8 } = writer.memory;
  for (const size of sizes) {
    for (let n = 0; n < 40; n++) {
      const addr = writer.raw.mallocgc(size, null, false);
      u8.fill(0xa5, addr, addr + size);
    }
  }
}

test.each([
  ['grows', 8, (i: number) => i + 1000, 300],
  ['splits', 896, (i: number) => i + 1000, 200],
])('its table %s, and the old one’s memory is used by others', (_, entries, keyAt, more) => {
  const { writer, writes, h, getDuring } = setUp(entries);
  const result = getDuring(3, () => {
    for (let i = 0; i < more; i++) writes.set(h, keyOf(keyAt(i)), pair(keyAt(i), 1));
    scribble(writer, [256, 512, 1024, 2048, 4096, 8192, 27_000, 29_000, 32_000]);
  });
  expect(result).toEqual(pair(3, 1));
});

test('the map is cleared, shrinks, and its memory is used by others', () => {
  const { writer, writes, h, getDuring } = setUp(2000);
  const result = getDuring(3, () => {
    writes.clear(h);
    scribble(writer, [256, 512, 1024, 2048, 4096, 8192, 27_000, 29_000, 32_000]);
  });
  expect(result).toBe(undefined);
});

test('a table that is written to at each attempt: the reader takes its lock in the end', () => {
  const { heap, writes, h, getAlways, table } = setUp(8);
  let attempts = 0;
  let underLock = 0;
  const result = getAlways(3, () => {
    attempts++;
    // Here the writer would have to wait for the reader, which is the same JS thread.
    if (heap.memory.i32[table() + TABLE_LOCK] !== 0) underLock++;
    else writes.set(h, keyOf(3), pair(3, attempts));
  });
  expect(attempts).toBeGreaterThan(10);
  expect(underLock).toBe(1);
  expect(result).toEqual(pair(3, attempts - 1));
});

test('while a value is half written, no reader believes it', () => {
  const { heap, writer, writerHost, writes, h, table } = setUp(8);
  const { m } = writerHost.mem;
  const { begin, isValid } = tablesOf(writerHost);
  let seen = 0;
  // The write barrier comes between the words that are pointers.
  const strings = writer.scope(() =>
    makeMapOps(writerHost, keyCodec(writerHost, 'string'), valueCodec(writerHost, 'string')),
  );
  const other = writer.scope(() => strings.create());
  writer.scope(() => strings.set(other, 'a', 'one value'));
  const root = (): number => heap.memory.i32[other >>> 2]! >>> 2;
  expect(table()).not.toBe(root());
  m[H_WRITE_BARRIER] = 1;
  writerHost.barrier.onWrite = (slot, old) => {
    // The pointer of the value in its slot, which is not nil: not the spare value.
    const groups = heap.memory.i32[root()]! >>> 0;
    if (old === 0 || slot < groups || slot >= groups + strings.shape.groupWords * 4) return;
    seen++;
    expect(isValid(root(), begin(root()))).toBe(false);
  };
  writer.scope(() => strings.set(other, 'a', 'another value'));
  m[H_WRITE_BARRIER] = 0;
  writerHost.barrier.onWrite = () => {};
  expect(seen).toBe(1);
  expect(writer.scope(() => strings.get(other, 'a'))).toBe('another value');
  expect(writer.scope(() => writes.size(h))).toBe(8);
});

test('memory is freed only when no reader believes what is in it', () => {
  const { heap, writerHost, writes, writer, h } = setUp(0);
  const { i32 } = heap.memory;
  const { alive, endOf } = tablesOf(writerHost);
  const { free } = writerHost;
  let freed = 0;
  (writerHost as { free: MapHost['free'] }).free = (addr) => {
    for (let hash = 0, more = i32[h >>> 2] !== 0; more; more = hash !== 0) {
      const table = alive(h >>> 2, hash);
      const groups = i32[table + TABLE_GROUPS]! >>> 0;
      expect(groups === 0 || groups === addr).toBe(false);
      hash = endOf(table);
    }
    freed++;
    free(addr);
  };
  writer.scope(() => {
    for (let i = 0; i < 3000; i++) writes.set(h, keyOf(i), pair(i, 1));
    for (let i = 0; i < 3000; i++) writes.delete(h, keyOf(i));
  });
  expect(freed).toBeGreaterThan(15);
});

test('a writer that gets the lock of a table that has died looks for the next one', () => {
  const { heap, host, ops, writer, writes, h, table } = setUp(8);
  const dying = table();
  const real = Atomics.compareExchange;
  let met = 0;
  Atomics.compareExchange = ((array: Int32Array, index: number, ...rest: [number, number]) => {
    if (index === dying + TABLE_LOCK && array[index] === 0 && met++ === 0) {
      Atomics.compareExchange = real;
      writer.scope(() => {
        for (let i = 100; i < 110; i++) writes.set(h, keyOf(i), pair(i, 1));
      });
    }
    return real(array, index, ...rest);
  }) as typeof real;
  try {
    heap.scope(() => ops.set(h, keyOf(50), pair(50, 1)));
  } finally {
    Atomics.compareExchange = real;
  }
  expect(met).toBe(1);
  expect(table()).not.toBe(dying);
  expect(heap.scope(() => ops.get(h, keyOf(50)))).toEqual(pair(50, 1));
  expect(heap.scope(() => checkMap(host, ops.shape, h)).entries).toBe(19);
});
