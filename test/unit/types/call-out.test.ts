// A program's functions are called in the middle of the library's work: they may use the heap, and change nothing of it.
import { expect, test } from 'vitest';
import { bytes, createHeap, i64, map, slice, string, struct, u8, u32 } from '../../../src/index.ts';

const LONG = 'a key of more than eleven bytes';
const OTHER = 'another key that is as long';

test.each([
  ['string', string, LONG, OTHER],
  ['short string', string, 'short', 'other'],
  ['bytes', bytes, Buffer.from(LONG), Buffer.from(OTHER)],
  ['u32', u32, 7, 8],
  ['i64', i64, 1n << 40n, 3n],
] as const)('onAlloc looks for another key while one is added: %s', (_, kind, key, other) => {
  const heap = createHeap({ gc: 'off' });
  const m = heap.new(map(kind as typeof string, slice(u8)));
  m.set(other as string, new Uint8Array(1));
  let calls = 0;
  heap.setHooks({
    onAlloc: () => {
      calls++;
      m.get(other as string);
    },
  });
  m.set(key as string, new Uint8Array(3));
  heap.setHooks({});
  expect(calls).toBeGreaterThan(0);
  expect(m.size).toBe(2);
  expect(m.get(key as string)?.length).toBe(3);
  expect(m.get(other as string)?.length).toBe(1);
  heap.verify();
});

test('onAlloc reads and writes text while text is written', () => {
  const heap = createHeap({ gc: 'off' });
  const Named = struct('Named', { name: string });
  const [a, b, c] = [heap.new(Named, { name: 'é'.repeat(40) }), heap.new(Named), heap.new(Named)];
  heap.setHooks({
    onAlloc: () => {
      c.name = `not ${a.name}`;
    },
  });
  for (const text of ['plain text', 'ü'.repeat(50), 'x'.repeat(70_000), 'ß'.repeat(40_000)]) {
    b.name = text;
    expect(b.name === text).toBe(true);
    expect(c.name).toBe(`not ${'é'.repeat(40)}`);
  }
  heap.setHooks({});
  heap.verify();
});

test('onOutOfMemory drops what is cached, and the map that asked for memory is right', () => {
  const heap = createHeap({ maxBytes: 1 << 18, background: false });
  const cache = heap.new(map(string, slice(u8)));
  for (let i = 0; i < 3; i++) heap.scope(() => cache.set(`cached ${i}`, new Uint8Array(40_000)));
  let dropped = 0;
  heap.setHooks({
    onOutOfMemory: () => {
      const was = cache.delete(`cached ${dropped++}`);
      if (was) heap.gc();
      return was;
    },
  });
  const m = heap.new(map(string, u32));
  let added = 0;
  expect(() => {
    for (; ; added++) heap.scope(() => m.set(`a key of the map ${added}`, added));
  }).toThrow(/out of memory/i);
  expect(dropped).toBeGreaterThan(2);
  expect(m.size).toBe(added);
  for (let i = 0; i < added; i++) expect(m.get(`a key of the map ${i}`)).toBe(i);
  heap.setHooks({});
  heap.verify();
});

test('a function that gets the lines of gctrace may use the heap', () => {
  let log: { set(key: string, value: number): unknown } | undefined;
  let lines = 0;
  const heap = createHeap({
    maxBytes: 1 << 24,
    background: false,
    gcPercent: 20,
    gctrace: () => void log?.set(`line number ${lines++} of the log`, lines),
  });
  log = heap.new(map(string, u32));
  const m = heap.new(map(string, u32));
  for (let i = 0; i < 60_000; i++) heap.scope(() => m.set(`a key of the map ${i}`, i));
  expect(lines).toBeGreaterThan(1);
  expect(m.size).toBe(60_000);
  for (let i = 0; i < 60_000; i++) if (m.get(`a key of the map ${i}`) !== i) throw new Error(`key ${i}`);
  heap.verify();
});

test('a hook that is no function is refused before anything is attached', () => {
  const heap = createHeap({ gc: 'off' });
  let calls = 0;
  heap.setHooks({ onAlloc: () => void calls++ });
  expect(() => heap.setHooks({ onFree: 5 as never })).toThrow('setHooks: onFree: expected a function, got 5');
  heap.raw.mallocgc(16, null, true);
  expect(calls).toBe(1);
});
