/** References cannot be sent to another thread, or cloned: the error says what to do instead. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import {
  array,
  atomic,
  createHeap,
  i32,
  map,
  type Reference,
  ref,
  slice,
  string,
  struct,
  u32,
} from '../../../src/index.ts';

const Node = struct('Node', {
  key: i32,
  hits: atomic(u32),
  grid: array(i32, 2),
  list: slice(i32),
  words: map(string, u32),
  get next() {
    return ref(Node);
  },
});

const heap = createHeap({ maxBytes: 2 ** 22 });
const refused = expect.objectContaining({
  name: 'DataCloneError',
  message: expect.stringMatching(
    /reference belongs to its thread: give the object a name by heap\.roots\.set.*could not be cloned/,
  ),
});

function allOf(): Reference[] {
  const node = heap.new(Node);
  return [node, node.hits, node.grid, node.list, node.words, heap.new(slice(Node), [{}]).at(0), node.hold()];
}

function expectRefused(value: unknown): void {
  expect(() => structuredClone(value)).toThrow(refused);
  expect(() => structuredClone({ deep: [new Map([['it', value]])] })).toThrow(refused);
  const { port1 } = new MessageChannel();
  expect(() => port1.postMessage(value)).toThrow(refused);
  port1.close();
  expect(() => new Worker('', { eval: true, workerData: { value } })).toThrow(refused);
}

test('persistent ones, disposed ones, and those that a scope has carried out', () => {
  const all = allOf();
  all.forEach(expectRefused);
  for (const one of all) one.dispose();
  all.forEach(expectRefused);
  expectRefused(heap.scope(() => heap.new(Node)));
});

test('local ones, those of cursors, and those that have ended', () => {
  const ended = heap.scope(() => {
    const all = heap.scope(() => {
      const inner = allOf();
      inner.forEach(expectRefused);
      return { inner };
    }).inner;
    const c = heap.new(slice(Node), [{}]).cursor();
    c.next();
    return { all: [...all, c.value] };
  }).all;
  ended.forEach(expectRefused);
});

test('a heap is refused too, and it says what to pass', () => {
  const refused = expect.objectContaining({
    name: 'DataCloneError',
    message: expect.stringMatching(/belongs to its thread: pass heap\.share\(\) .*attachHeap.*could not be cloned/),
  });
  const unshared = createHeap({ maxBytes: 2 ** 20, shared: false });
  const gone = createHeap({ maxBytes: 2 ** 20 });
  gone.detach();
  for (const one of [heap, unshared, gone]) {
    expect(() => structuredClone(one)).toThrow(refused);
    expect(() => new Worker('', { eval: true, workerData: { heap: one } })).toThrow(refused);
  }
  expect(Object.keys(heap)[0]).toBe('belongs');
});

test('what is sent instead is what the reference leads to: its fields, or the heap', () => {
  const node = heap.new(Node, { key: 1, list: [1, 2] });
  expect(structuredClone({ key: node.key, list: node.list.toArray() })).toEqual({ key: 1, list: [1, 2] });
  expect(structuredClone(heap.share())).toHaveProperty('spanheap');
});

test('weak references are refused with the same words', () => {
  expectRefused(heap.weak(heap.new(Node)));
});

test('interned texts and cursors are refused too', () => {
  const refused = expect.objectContaining({ name: 'DataCloneError' });
  expect(() => structuredClone(heap.intern('x'))).toThrow(refused);
  heap.scope(() => {
    const list = heap.new(slice(i32));
    expect(() => structuredClone(list.cursor())).toThrow(refused);
  });
});
