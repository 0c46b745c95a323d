/**
 * A writer comes between the loads of a reader: here in one thread, by a value codec that lets another thread's heap write
 * in the middle of reading a value. Whatever it does, the reader must return a value that the key had at some moment.
 */
import { expect, test } from 'vitest';
import { attachHeap, createHeap } from '../../../../src/index.ts';
import { TABLE_LOCK } from '../../../../src/layout/map.ts';
import { keyCodec } from '../../../../src/types/map/keys.ts';
import { makeMapOps } from '../../../../src/types/map/ops.ts';
import { tablesOf } from '../../../../src/types/map/tables.ts';
import { mapHost, type Pair, valueCodec } from '../../../support/map-host.ts';

const pair = (i: number, b: number): Pair => ({ a: i, b, sum: i + b });
const keyOf = (i: number): string => `k${i}`;

function setUp(entries: number) {
  const heap = createHeap({ maxBytes: 2 ** 24, maxThreads: 2 });
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
  return { heap, writer, writes, h, table, getDuring, getAlways };
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
