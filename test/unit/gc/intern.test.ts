/** Interned text, with collections played by hand. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  attachHeap,
  createHeap,
  type Heap,
  type Interned,
  i32,
  map,
  slice,
  string,
  struct,
  WrongTypeError,
} from '../../../src/index.ts';
import { H_INTERN_COUNT, H_INTERN_SIZE } from '../../../src/layout/header.ts';
import { HandSweep } from '../../support/hand-sweep.ts';
import { Internals } from '../../support/internals.ts';
import { collectUntil, handleSlots } from '../../support/reference-slots.ts';

const Named = struct('Named', { key: i32, name: string });

let heap: Heap;
let hand: HandSweep;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24, maxThreads: 4 });
  hand = new HandSweep(heap);
});

afterEach(() => {
  heap.verify();
});

/** Address of the bytes of a text. */
const bytes = (text: Interned, of: Heap = heap): number => {
  const named = of.new(Named, { name: text });
  return of.memory.i32[(of.addressOf(named) + 4) >>> 2]! >>> 0;
};
const count = (): number => hand.mem.m[H_INTERN_COUNT]!;

test('equal texts are one object in a thread, and have the same bytes in all', () => {
  const other = attachHeap(heap.share());
  const texts = ['', 'a', 'é', 'twelve bytes', '🙂', 'x'.repeat(100_000), '\ufeffmark'];
  for (const text of texts) {
    const mine = heap.intern(text);
    expect(mine.value).toBe(text);
    expect(`${mine}`).toBe(text);
    expect(JSON.stringify([mine])).toBe(JSON.stringify([text]));
    expect(heap.intern(`${text} `.slice(0, -1))).toBe(mine);
    expect(bytes(other.intern(text), other)).toBe(bytes(mine));
    expect(heap.new(Named, { name: mine }).name).toBe(text);
  }
  expect(count()).toBe(texts.length - 1);
  expect(new Set(texts.map((t) => bytes(heap.intern(t)))).size).toBe(texts.length);
  other.detach();
});

test('can be stored wherever a string can', () => {
  const text = heap.intern('shared by all of them');
  const at = bytes(text);
  const { i32: words } = heap.memory;
  const named = heap.new(Named);
  (named as { name: unknown }).name = text;
  expect(words[(heap.addressOf(named) + 4) >>> 2]! >>> 0).toBe(at);
  const list = heap.new(slice(string), ['first', text]);
  list.push(text);
  list.set(0, text);
  expect([...list]).toEqual([text.value, text.value, text.value]);
  const elements = words[heap.addressOf(list) >>> 2]! >>> 2;
  expect([0, 2, 4].map((i) => words[elements + i]! >>> 0)).toEqual([at, at, at]);
  const table = heap.new(map(i32, string));
  table.set(1, text);
  expect(table.get(1)).toBe(text.value);
  const keys = heap.new(map(string, i32));
  expect(() => keys.set(text as never, 1)).toThrow(WrongTypeError);
  keys.set(text.value, 1);
});

test('lone surrogates become U+FFFD', () => {
  expect(heap.intern('a\ud800').value).toBe('a\ufffd');
  expect(heap.new(Named, { name: heap.intern('a\ud800') }).name).toBe('a\ufffd');
  expect(bytes(heap.intern('a\ud800'))).toBe(bytes(heap.intern('a\ufffd')));
});

test('bad input', () => {
  expect(() => heap.intern(5 as never)).toThrow(WrongTypeError);
  const alien = createHeap({ maxBytes: 2 ** 22 }).intern('alien');
  expect(() => heap.new(Named, { name: alien })).toThrow('Named.name: expected a string, got an object');
});

test('the table grows, and every text is found again', () => {
  const texts = Array.from({ length: 1000 }, (_, i) => heap.intern(`text number ${i}`));
  expect(hand.mem.m[H_INTERN_SIZE]).toBe(1024);
  expect(count()).toBe(1000);
  heap.verify();
  const other = attachHeap(heap.share());
  for (const text of texts) expect(bytes(other.intern(text.value), other)).toBe(bytes(text));
  expect(count()).toBe(1000);
  other.detach();
});

test('texts leave the table with their bytes; the same text is then made anew', () => {
  const [a, b] = [heap.intern('the first of two'), heap.intern('the second of two')];
  const [atA, atB] = [bytes(a), bytes(b)];
  hand.collect(atB);
  expect(count()).toBe(1);
  const other = attachHeap(heap.share());
  expect(bytes(other.intern('the second of two'), other)).toBe(atB);
  expect(bytes(other.intern('the first of two'), other)).not.toBe(atA);
  expect(count()).toBe(2);
  other.detach();
});

test('short texts share no block with others, and leave the table alone', () => {
  const [a, b] = [heap.intern('a'), heap.intern('b')];
  expect(bytes(a) >>> 4).not.toBe(bytes(b) >>> 4);
  hand.collect(bytes(b));
  expect(count()).toBe(1);
});

test('an Interned that the program has dropped gives its handle up', async () => {
  const x = new Internals(heap);
  const handles = (): number => handleSlots(x, heap.threadId).length;
  const kept = heap.intern('kept');
  for (let i = 0; i < 50; i++) heap.intern(`dropped ${i}`);
  expect(handles()).toBe(51);
  await collectUntil('the handles are free', () => handles() === 1);
  expect(heap.intern('kept')).toBe(kept);
  expect(heap.intern('dropped 1').value).toBe('dropped 1');
  expect(handles()).toBe(2);
});
