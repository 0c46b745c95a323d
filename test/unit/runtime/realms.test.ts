/** Values of another realm than the library's, as programs have them that a test runner runs in a realm of its own. */
import { createContext } from 'node:vm';
import { MessageChannel, moveMessagePortToContext, receiveMessageOnPort } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { attachHeap, bytes, createHeap, map, string, struct, u32, viewHeap } from '../../../src/index.ts';

function fromAnotherRealm<T>(value: T): T {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value);
  const received = receiveMessageOnPort(moveMessagePortToContext(port2, createContext()) as never) as { message: T };
  port1.close();
  expect(received.message).not.toBeInstanceOf(Object);
  return received.message;
}

const Counts = map(string, u32);
const Blob = struct('Blob', { data: bytes });

test('a heap that comes from there is attached to, and seen', () => {
  const heap = createHeap({ maxBytes: 1 << 24, background: false });
  const counts = heap.new(Counts);
  heap.roots.set('counts', counts);
  const shared = fromAnotherRealm(heap.share());
  expect(viewHeap(shared).info().shared).toBe(true);
  const other = attachHeap(shared);
  other.roots.get('counts', Counts)!.set('there', 1);
  expect(counts.get('there')).toBe(1);
  expect(other.view().info().shared).toBe(true);
  other.detach();
  heap.detach();
});

test('maps and bytes that come from there are taken; what only looks like them is not', () => {
  const heap = createHeap({ maxBytes: 1 << 24, shared: false });
  expect(heap.new(Counts, fromAnotherRealm(new Map([['a', 1]]))).get('a')).toBe(1);
  const blob = heap.new(Blob, fromAnotherRealm({ data: Uint8Array.of(1, 2) }));
  expect(blob.data).toEqual(Uint8Array.of(1, 2));
  const sizes = heap.new(map(bytes, u32), [[fromAnotherRealm(Uint8Array.of(3)), 1]]);
  expect(sizes.get(fromAnotherRealm(Uint8Array.of(3)))).toBe(1);
  const imitation = { [Symbol.toStringTag]: 'Uint8Array', length: 1 };
  for (const data of [imitation, new Int8Array(1), new DataView(new ArrayBuffer(1)), new ArrayBuffer(1)])
    expect(() => heap.new(Blob, { data: data as never })).toThrow('expected a Uint8Array');
});
