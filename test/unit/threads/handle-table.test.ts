/** The table of persistent references: what its thread keeps of it in JavaScript, as handles come and go. */
import { beforeEach, describe, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, OutOfMemoryError, type Ref, struct, u32 } from '../../../src/index.ts';
import type { Frame } from '../../../src/threads/frame.ts';
import type { HandleTable } from '../../../src/threads/handles.ts';
import { Internals } from '../../support/internals.ts';
import { handleSlots } from '../../support/reference-slots.ts';

const Cell = struct('Cell', { key: u32 });
/** Handles in a segment. */
const SLOTS = 2046;

let heap: Heap;
let table: HandleTable;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24, background: false });
  table = (heap.raw as unknown as { handles: HandleTable }).handles;
});

const make = (n: number): Ref<typeof Cell>[] => Array.from({ length: n }, (_, key) => heap.new(Cell, { key }));
const frameOf = (ref: unknown): Frame => (ref as { $s: Frame }).$s;
const slots = (): number[] => handleSlots(new Internals(heap), heap.threadId).sort((a, b) => a - b);
const addresses = (refs: Ref<typeof Cell>[]): number[] => refs.map((r) => heap.addressOf(r)).sort((a, b) => a - b);

/** Elements of all arrays that an object has, those in each other too. Throws if it has a table of another kind. */
function elements(object: object): number {
  let n = 0;
  for (const value of Object.values(object)) {
    if (value instanceof Map || value instanceof Set) throw new Error('what is deleted of it leaves something behind');
    if (Array.isArray(value)) n += value.length + elements(value.filter(Array.isArray));
  }
  return n;
}

test('is as large after many handles came and went as before', () => {
  const kept = make(3 * SLOTS + 10);
  kept.pop()!.dispose();
  const before = elements(table);
  expect(before).toBeGreaterThan(3 * SLOTS);
  expect(before).toBeLessThan(3.1 * SLOTS);
  for (let i = 0; i < 50_000; i++) heap.new(Cell).dispose();
  for (let i = 0; i < 50_000; i++) kept[i % kept.length]!.hold().dispose();
  expect(elements(table)).toBe(before);
  expect(table.size).toBe(kept.length);
  expect(slots()).toEqual(addresses(kept));
  expect(kept.every((cell, key) => cell.key === key)).toBe(true);
  heap.verify();
});

test('slots of all segments are used again before there is another', () => {
  const refs = make(3 * SLOTS);
  const { manualBytes } = heap.stats();
  for (let round = 0; round < 4; round++) {
    // In another order each time: every second, or third, …
    const gone = refs.filter((_, i) => i % (round + 2) === 0);
    for (const ref of gone) ref.dispose();
    expect(table.size).toBe(refs.length - gone.length);
    const live = refs.filter((_, i) => i % (round + 2) !== 0);
    expect(slots()).toEqual(addresses(live));
    refs.splice(0, refs.length, ...live, ...make(gone.length));
    expect(table.size).toBe(3 * SLOTS);
    expect(slots()).toEqual(addresses(refs));
  }
  expect(heap.stats().manualBytes).toBe(manualBytes);
  expect(new Set(refs.map((ref) => frameOf(ref).base)).size).toBe(refs.length);
  make(1);
  expect(heap.stats().manualBytes).toBeGreaterThan(manualBytes);
  heap.verify();
});

test.each([0, SLOTS - 1, SLOTS, 3 * SLOTS - 1])(
  'a handle that was given up, number %i, has no say over who follows',
  (i) => {
    const refs = make(3 * SLOTS);
    const old = refs[i]!;
    const frame = frameOf(old);
    expect(table.owns(frame)).toBe(true);
    old.dispose();
    expect(table.owns(frame)).toBe(false);
    const next = heap.new(Cell, { key: 77 });
    expect(frameOf(next).base).toBe(frame.base);
    expect(table.owns(frame)).toBe(false);
    old.dispose();
    table.remove(frame);
    expect(table.size).toBe(3 * SLOTS);
    expect(next.key).toBe(77);
    expect(slots()).toContain(heap.addressOf(next));
    expect(() => old.key).toThrow('was disposed of');
  },
);

test('frames of scopes are none of its handles, whatever number they have', () => {
  const cell = heap.new(Cell);
  heap.scope(() => {
    const local = heap.new(Cell);
    expect(table.owns(frameOf(local))).toBe(false);
    local.dispose();
  });
  expect(table.size).toBe(1);
  expect(slots()).toEqual(addresses([cell]));
});

test('detach ends the handles of all segments, and keeps nothing', () => {
  const refs = make(2 * SLOTS + 5);
  refs[3]!.dispose();
  const frames = refs.map(frameOf);
  heap.detach();
  expect(elements(table)).toBe(0);
  expect(table.size).toBe(0);
  expect(refs.every((ref) => frameOf(ref).live === 0)).toBe(true);
  expect(frames.some((frame) => table.owns(frame))).toBe(false);
  for (const ref of refs) ref.dispose();
  expect(table.size).toBe(0);
});

/** What `make` throws when it is called until it does. */
function fill(make: () => unknown): OutOfMemoryError {
  try {
    for (;;) make();
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    return error;
  }
}

describe('a heap that is full', () => {
  test.each([2 ** 20, 2 ** 16])(
    'of %i bytes says how many persistent references there are, if there are many',
    (maxBytes) => {
      const small = createHeap({ maxBytes, background: false });
      const kept: unknown[] = [];
      const { message } = fill(() => kept.push(small.new(Cell)));
      const n = kept.length.toLocaleString('en-US');
      expect(message).toMatch(
        /^runtime: out of memory: cannot allocate \d+-byte block \(\d+ in use, limit \d+\): this/,
      );
      expect(message).toContain(
        `: this thread holds ${n} persistent references; make them in heap.scope(…), or dispose() of them`,
      );
      expect(fill(() => small.raw.mallocgc(8192, null, false)).message).toContain(`this thread holds ${n} persistent`);
      small.verify();
    },
  );

  test('says nothing of few', () => {
    const some = make(9000);
    expect(fill(() => heap.raw.pin(heap.raw.mallocgc(2 ** 20, null, false)))).toHaveProperty(
      'message',
      expect.not.stringContaining('persistent'),
    );
    make(1001);
    expect(fill(() => heap.raw.mallocgc(2 ** 20, null, false)).message).toMatch(/holds 10,0\d\d persistent references/);
    expect(some.length).toBe(9000);
  });

  test('says nothing of those of other threads', () => {
    const other = attachHeap(heap.share());
    const theirs = Array.from({ length: 20_000 }, () => other.new(Cell));
    expect(fill(() => heap.raw.pin(heap.raw.mallocgc(2 ** 20, null, false))).message).not.toContain('persistent');
    expect(theirs.length).toBe(20_000);
    other.detach();
  });
});
