/** Frees for other threads, in interleavings that are forced: both threads are played by one. */
import { beforeEach, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { PROC_REMOTE_HEAD } from '../../../src/layout/proc.ts';
import { SPAN_DEFER, SPAN_OWNER, SPAN_REMOTE_QUEUED } from '../../../src/layout/span.ts';
import { Internals } from '../../support/internals.ts';

let owner: Heap;
let other: Heap;
let x: Internals;

beforeEach(() => {
  owner = createHeap({ gc: 'off', maxBytes: 2 ** 24, maxThreads: 4 });
  other = attachHeap(owner.share());
  x = new Internals(owner);
});

const make = (n: number, size: number): number[] =>
  Array.from({ length: n }, () => owner.raw.mallocgc(size, null, true));

/** Makes a thread take the notes that are left for it. */
const drain = (heap: Heap): void => heap.raw.free(heap.raw.mallocgc(50_000, null, true));

/** Runs `fn` the first time that this thread comes to a place. */
function once(heap: Heap, place: string, fn: () => void): () => boolean {
  let done = false;
  heap.setHooks({
    onDelay: (at) => {
      if (at !== place || done) return;
      done = true;
      fn();
    },
  });
  return () => done;
}

test('a note is one bit, its span stands on the owner’s stack once, and the owner’s next slow path takes all', () => {
  const addrs = make(8, 1024);
  const s = x.span(addrs[0]!);
  expect(x.m[s + SPAN_DEFER]).toBe(0);
  for (const addr of addrs.slice(0, 3)) other.raw.free(addr);
  expect(x.m[x.m[s + SPAN_DEFER]!]).toBe(0b111);
  expect(x.m[x.proc(owner.threadId) + PROC_REMOTE_HEAD]).toBe(s);
  expect(owner.stats().liveObjects).toBe(8);
  owner.verify();
  drain(owner);
  expect(x.m[x.m[s + SPAN_DEFER]!]).toBe(0);
  expect(x.m[x.proc(owner.threadId) + PROC_REMOTE_HEAD]).toBe(0);
  expect(owner.stats()).toMatchObject({ liveObjects: 5, remoteFrees: 3, badRemoteFrees: 0 });
  owner.verify();
});

test('a note made while the owner takes the span’s others is not lost', () => {
  const addrs = make(40, 1024);
  const s = x.span(addrs[0]!);
  other.raw.free(addrs[0]!);
  const done = once(owner, 'defer.taken', () => {
    expect(x.m[s + SPAN_REMOTE_QUEUED]).toBe(0);
    other.raw.free(addrs[1]!);
  });
  drain(owner);
  expect(done()).toBe(true);
  expect(x.m[s + SPAN_REMOTE_QUEUED]).toBe(1);
  owner.verify();
  drain(owner);
  expect(owner.stats().liveObjects).toBe(38);
  owner.verify();
});

test('a note taken before its span was queued is taken once', () => {
  const addrs = make(40, 1024);
  other.raw.free(addrs[0]!);
  const done = once(other, 'defer.noted', () => drain(owner));
  other.raw.free(addrs[1]!);
  expect(done()).toBe(true);
  expect(owner.stats().liveObjects).toBe(38);
  owner.verify();
  drain(owner);
  expect(owner.stats()).toMatchObject({ liveObjects: 38, badRemoteFrees: 0 });
  owner.verify();
});

test('a record on one thread’s stack whose span is another’s by now is passed on to that thread', () => {
  const third = attachHeap(owner.share());
  const addrs = [1, 2, 3].map(() => third.raw.mallocgc(1024, null, true));
  other.raw.free(addrs[0]!);
  const s = x.span(addrs[0]!);
  const [mine, theirs] = [owner, third].map((heap) => x.proc(heap.threadId) + PROC_REMOTE_HEAD);
  // As if the record had been queued for the one, and had become a span of the other since.
  x.m[theirs!] = 0;
  x.m[mine!] = s;
  drain(owner);
  expect(x.m[mine!]).toBe(0);
  expect(x.m[theirs!]).toBe(s);
  expect(x.m[s + SPAN_REMOTE_QUEUED]).toBe(1);
  expect(third.stats().liveObjects).toBe(3);
  third.verify();
  drain(third);
  expect(third.stats().liveObjects).toBe(2);
  third.verify();
});

test('bits of a span without owner are left alone: they may be free memory by now', () => {
  const addrs = make(4, 1024);
  other.raw.free(addrs[0]!);
  const s = x.span(addrs[0]!);
  const word = x.m[s + SPAN_DEFER]!;
  x.m[s + SPAN_OWNER] = 0;
  drain(owner);
  expect([x.m[x.proc(owner.threadId) + PROC_REMOTE_HEAD], x.m[word]]).toEqual([0, 1]);
  x.m[s + SPAN_OWNER] = owner.threadId;
  other.raw.free(addrs[1]!);
  drain(owner);
  expect([x.m[word], owner.stats().liveObjects]).toEqual([0, 2]);
  owner.verify();
});

test('notes for tiny objects name the object; the block goes with its last', () => {
  const addrs = [3, 5, 4, 2].map((size) => owner.raw.mallocgc(size, null, true));
  expect(new Set(addrs.map((addr) => addr >>> 4)).size).toBe(1);
  for (const i of [2, 0]) other.raw.free(addrs[i]!);
  drain(owner);
  owner.raw.free(addrs[1]!);
  other.raw.free(addrs[3]!);
  drain(owner);
  expect(owner.stats()).toMatchObject({ remoteFrees: 3, badRemoteFrees: 0 });
  owner.detach();
  expect(other.stats().heapInUseBytes).toBe(0);
  other.verify();
});

test('an object that another thread freed cannot be freed by its owner, before it takes the note or after', () => {
  const addrs = make(3, 1024);
  other.raw.free(addrs[1]!);
  const again = (): void => owner.raw.free(addrs[1]!);
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_DOUBLE_FREE' }));
  drain(owner);
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_DOUBLE_FREE' }));
  expect(owner.stats()).toMatchObject({ liveObjects: 2, badRemoteFrees: 0 });
  owner.verify();
});
