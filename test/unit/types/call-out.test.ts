// A program's functions are called in the middle of the library's work: they may use the heap, and change nothing of it.
import { describe, expect, test, vi } from 'vitest';
import {
  atomic,
  bytes,
  createHeap,
  type Heap,
  i32,
  i64,
  map,
  ref,
  slice,
  string,
  struct,
  u8,
  u32,
} from '../../../src/index.ts';

const MB = 2 ** 20;
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
      if (m.has(other as string)) calls++;
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

test('onAlloc reads text while text is written', () => {
  const heap = createHeap({ gc: 'off' });
  const Named = struct('Named', { name: string });
  const [a, b] = [heap.new(Named, { name: 'é'.repeat(40) }), heap.new(Named)];
  const seen = new Set<string>();
  heap.setHooks({ onAlloc: () => void seen.add(a.name) });
  for (const text of ['plain text', 'ü'.repeat(50), 'x'.repeat(70_000), 'ß'.repeat(40_000)]) {
    b.name = text;
    expect(b.name === text).toBe(true);
  }
  heap.setHooks({});
  expect([...seen]).toEqual(['é'.repeat(40)]);
  heap.verify();
});

/** What calls each hook. Of those of spans it is a large object that was freed. */
const READERS = [
  'onAlloc',
  'onFree',
  'onSample',
  'onRefill',
  'onLargeAlloc',
  'onSpanAlloc',
  'onSpanFree',
  'onGrow',
] as const;

function callAll(heap: Heap): void {
  const large = heap.raw.mallocgc(8 * MB, null, true);
  heap.raw.free(large);
  for (let i = 0; i < 600; i++) heap.raw.free(heap.raw.mallocgc(64 + i, null, true));
}

describe.each(READERS)('%s may only read', (name) => {
  const Node = struct('Node', { text: string, words: map(string, u32) });

  test.each<[string, (heap: Heap, kept: number) => unknown]>([
    ['mallocgc', (heap) => heap.raw.mallocgc(8, null, true)],
    ['mallocgc', (heap) => heap.raw.mallocgc(48, null, true)],
    ['mallocgc', (heap) => heap.raw.mallocgc(48 * 1024, null, true)],
    ['mallocgc', (heap) => heap.new(Node)],
    ['mallocgc', (heap) => heap.make(slice(u8), 20)],
    ['free', (heap, kept) => heap.raw.free(kept)],
    ['realloc', (heap, kept) => heap.raw.realloc(kept, 2000)],
    ['gc', (heap) => heap.gc()],
    ['gcStep', (heap) => heap.gcStep(1)],
    ['stopping the world', (heap) => heap.verify()],
    ['setHooks', (heap) => heap.setHooks({})],
  ])('%s (%#)', (what, forbidden) => {
    const heap = createHeap({ maxBytes: 64 * MB, background: false });
    const kept = heap.raw.mallocgc(100, null, true);
    const node = heap.new(Node, { text: 'the text of the node' });
    node.words.set('a word', 7);
    heap.make(slice(u8), 1);
    // Those of spans find no room for references if there was none.
    heap.scope(() => node.words);
    const errors = new Set<string>();
    let read = 0;
    const hook = (): void => {
      if (node.text === 'the text of the node' && node.words.get('a word') === 7) read++;
      try {
        forbidden(heap, kept);
        errors.add('none');
      } catch (error) {
        errors.add((error as Error).message);
      }
    };
    heap.setHooks({ [name]: hook, ...(name === 'onSample' && { sampleRate: 1 }) });
    callAll(heap);
    heap.setHooks({});
    const text = `${what}: not in the hook ${name}: it is called in the middle of a change, and may only read the heap`;
    expect([...errors]).toEqual([text]);
    expect(read).toBeGreaterThan(0);
    heap.raw.free(kept);
    heap.gc();
    heap.verify();
    expect(node.text).toBe('the text of the node');
    // All is allowed again.
    forbidden(heap, heap.raw.mallocgc(100, null, true));
  });

  test('references that it makes, in the caller’s first scope and outside of all, end with it', () => {
    const heap = createHeap({ maxBytes: 64 * MB, background: false });
    const List = struct('List', {
      key: u32,
      get next() {
        return ref(List);
      },
    });
    const first = heap.new(List, { key: 1 });
    first.next = heap.new(List, { key: 2, next: first });
    const before = heap.stats().manualBytes;
    const ofSpans = ['onSpanAlloc', 'onSpanFree', 'onGrow'].includes(name);
    const steps = ofSpans ? 10 : 1000;
    let calls = 0;
    if (ofSpans) heap.scope(() => first.next);
    const hook = (): void => {
      let at = first;
      for (let i = 0; i < steps; i++) at = at.next!;
      if (at.key === 1) calls++;
    };
    heap.setHooks({ [name]: hook, ...(name === 'onSample' && { sampleRate: 1 }) });
    callAll(heap);
    heap.scope(() => callAll(heap));
    heap.setHooks({});
    expect(calls).toBeGreaterThan(0);
    expect(heap.stats().manualBytes - before).toBeLessThanOrEqual(2 * 8192);
    heap.verify();
  });

  test('what it throws leaves the heap whole, and a map that grows and shrinks', () => {
    const heap = createHeap({ maxBytes: 64 * MB, background: false });
    const words = heap.new(map(string, u32));
    const later: (() => void)[] = [];
    const queue = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((fn) => void later.push(fn));
    let calls = 0;
    const hook = (): void => {
      if (++calls % 2 === 1) throw new Error('of the hook');
    };
    const model = new Map<string, number>();
    let thrown = 0;
    const attempt = (fn: () => void): boolean => {
      try {
        fn();
        return true;
      } catch (error) {
        expect((error as Error).message).toBe('of the hook');
        thrown++;
        return false;
      }
    };
    heap.setHooks({ [name]: hook, ...(name === 'onSample' && { sampleRate: 1 }) });
    for (let i = 0; i < 4; i++) {
      attempt(() => callAll(heap));
      for (let key = 0; key < 1500; key++) {
        if (attempt(() => words.set(`a key of the map ${key}`, key))) model.set(`a key of the map ${key}`, key);
      }
      for (const key of [...model.keys()].slice(20)) if (attempt(() => words.delete(key))) model.delete(key);
    }
    queue.mockRestore();
    heap.setHooks({});
    for (const fn of later) expect(fn).toThrow('of the hook');
    const isUncaught = ['onFree', 'onSpanAlloc', 'onSpanFree', 'onGrow'].includes(name);
    expect([thrown > 0, later.length > 0]).toEqual([!isUncaught, isUncaught]);
    expect(words.size).toBe(model.size);
    for (const [key, value] of model) expect(words.get(key)).toBe(value);
    heap.verify();
    heap.gc();
    heap.verify();
  });

  test.runIf(['onSpanAlloc', 'onSpanFree', 'onGrow'].includes(name))('nor may it take a lock', () => {
    const heap = createHeap({ maxBytes: 64 * MB, background: false });
    let error: unknown;
    const hook = (): void => {
      try {
        heap.roots.names();
      } catch (e) {
        error = e;
      }
    };
    heap.setHooks({ [name]: hook });
    callAll(heap);
    heap.setHooks({});
    expect((error as Error).message).toContain(`the lock of mheap: not in the hook ${name}`);
    heap.verify();
  });
});

test.each(READERS)('%s does not leave the region to wait, and nothing can be allocated after it has tried', (name) => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  const Flag = struct('Flag', { word: atomic(i32) });
  const flag = heap.scope(() => heap.new(Flag).hold());
  const { word } = flag;
  const errors = new Set<string>();
  const hook = (): void => {
    for (const call of [() => word.wait(0, 1), () => heap.raw.mallocgc(48, null, true)]) {
      try {
        call();
        errors.add('none');
      } catch (error) {
        errors.add((error as Error).message.replace(/:.*/, ''));
      }
    }
  };
  heap.setHooks({ [name]: hook, ...(name === 'onSample' && { sampleRate: 1 }) });
  callAll(heap);
  heap.setHooks({});
  expect([...errors]).toEqual(['waiting for another thread', 'mallocgc']);
  heap.verify();
});

test('detach and drainCleanups are refused in a hook, also of a heap that is not shared', () => {
  const heap = createHeap({ shared: false, maxBytes: 16 * MB });
  const node = heap.new(map(string, u32));
  const errors: string[] = [];
  heap.setHooks({
    onRefill: () => {
      for (const call of [() => heap.detach(), () => heap.drainCleanups()]) {
        try {
          call();
        } catch (error) {
          errors.push((error as Error).message.replace(/:.*/, ''));
        }
      }
    },
  });
  for (let i = 0; i < 100; i++) heap.raw.mallocgc(48, null, true);
  heap.setHooks({});
  expect(new Set(errors)).toEqual(new Set(['detach', 'drainCleanups']));
  expect([heap.attached, node.size]).toEqual([true, 0]);
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

test('onOutOfMemory allocates what is asked for itself: none of the slots that it leaves is lost', () => {
  const heap = createHeap({ maxBytes: 1 << 17, gc: 'off' });
  const spare = heap.raw.mallocgc(40_000, null, false);
  let asked = 0;
  heap.setHooks({
    onOutOfMemory: () => {
      if (asked++ > 0) return false;
      heap.raw.free(spare);
      heap.raw.mallocgc(64, null, false);
      return true;
    },
  });
  heap.scope(() => {
    while (asked === 0) heap.raw.mallocgc(64, null, false);
    heap.verify();
  });
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

/** In a heap with so many pages of garbage: what a function for gctrace has made while a reference was made in a scope. */
function heldByTrace(garbage: number): { readonly key: number }[] {
  const Cell = struct('Cell', { key: u32 });
  let spare: { readonly addr: number; unpin(): void } | undefined;
  let held: { readonly key: number }[] = [];
  const trace = (): void => {
    if (spare === undefined || held.length > 0) return;
    spare.unpin();
    heap.raw.free(spare.addr);
    held = [1, 2].map((key) => heap.new(Cell, { key }));
    expect(held.map(({ key }) => key)).toEqual([1, 2]);
  };
  const heap = createHeap({ maxBytes: 40 << 13, shared: false, gcPercent: -1, gctrace: trace });
  heap.scope(() => {
    const list = heap.new(slice(ref(Cell)), [heap.new(Cell)]);
    const pinned = heap.raw.pin(heap.raw.mallocgc(40_000, null, false));
    for (let i = 0; i < garbage; i++) heap.raw.mallocgc(8192, null, false);
    spare = pinned;
    // More than a page of them: another one is needed, and if none is free, a cycle.
    for (let i = 0; i < 2100 && held.length === 0; i++) list.at(0);
    for (const cell of held) expect(() => cell.key).toThrow(/after its scope ended/);
  });
  heap.verify();
  return held;
}

test('what a function refers to that is called in the middle of making a reference ends with it', () => {
  const found = Array.from({ length: 34 }, (_, garbage) => heldByTrace(garbage)).filter((held) => held.length > 0);
  expect(found.length).toBeGreaterThan(0);
});

test('a hook that is no function is refused before anything is attached', () => {
  const heap = createHeap({ gc: 'off' });
  let calls = 0;
  heap.setHooks({ onAlloc: () => void calls++ });
  expect(() => heap.setHooks({ onFree: 5 as never })).toThrow('setHooks: onFree: expected a function, got 5');
  heap.raw.mallocgc(16, null, true);
  expect(calls).toBe(1);
});
