/** Persistent references: how they are held and given up, and what a thread that is gone leaves of its references. */
import { Worker } from 'node:worker_threads';
import { describe, expect, inject, test } from 'vitest';
import {
  ArgumentError,
  attachHeap,
  createHeap,
  type Heap,
  type Ref,
  StaleRefError,
  TypeMismatchError,
} from '../../../src/index.ts';
import { CHECKS } from '../../support/gc-cycle.ts';
import { Internals } from '../../support/internals.ts';
import { collectUntil, handleSlots, shadowSlots } from '../../support/reference-slots.ts';
import { Cell, R_ID, R_PARKED, R_WORDS, type ReferencesInput } from '../../support/references-worker.ts';
import { until } from '../../support/workers.ts';

type CellRef = Ref<typeof Cell>;

const PAGE = 8192;
/** References in a segment. */
const SLOTS = 2046;

const segments = (heap: Heap): number => heap.stats().manualBytes / PAGE;

describe.each([true, false])('shared: %s', (shared) => {
  const make = (): Heap => createHeap({ maxBytes: 2 ** 24, shared });

  test('a reference made outside of scopes is valid until it is disposed of', () => {
    const heap = make();
    const cell = heap.new(Cell, { key: 1 });
    heap.scope(() => expect(cell.key).toBe(1));
    cell.key = 2;
    expect(cell.key).toBe(2);
    cell.dispose();
    expect(() => cell.key).toThrow(new StaleRefError('ERR_STALE_REF', 'reference to Cell was disposed of'));
    expect(() => cell.hold()).toThrow(StaleRefError);
    cell.dispose();
    heap.verify();
  });

  test('hold outlives the scope, and each of several holds is one of its own', () => {
    const heap = make();
    const [a, b] = heap.scope(() => {
      const cell = heap.new(Cell, { key: 3 });
      return [cell.hold(), cell.hold()];
    }) as [CellRef, CellRef];
    expect(a.equals(b)).toBe(true);
    expect(a).not.toBe(b);
    a.dispose();
    expect(b.key).toBe(3);
    const c = b.hold();
    b.dispose();
    expect(c.key).toBe(3);
    expect(() => a.equals(c)).toThrow(StaleRefError);
    c.dispose();
  });

  test('the end of a using block gives it up', () => {
    const heap = make();
    const cell = heap.new(Cell);
    cell[Symbol.dispose]();
    expect(() => cell.key).toThrow('was disposed of');
    heap.scope(() => {
      const local = heap.new(Cell);
      local[Symbol.dispose]();
      expect(() => local.key).toThrow('was disposed of');
    });
    heap.verify();
  });

  test('handles beyond one segment: the table grows, slots are used again, detach gives it back', () => {
    const heap = make();
    const count = 3 * SLOTS + 1;
    const many = (from: number): CellRef[] =>
      Array.from({ length: count }, (_, i) => heap.new(Cell, { key: from + i }));
    const first = many(0);
    expect(segments(heap)).toBe(4);
    expect(first.every((cell, i) => cell.key === i)).toBe(true);
    for (const cell of first) cell.dispose();
    const second = many(10_000);
    expect(segments(heap)).toBe(4);
    expect(second.every((cell, i) => cell.key === 10_000 + i)).toBe(true);
    for (let i = 0; i < count; i += 2) second[i]!.dispose();
    expect(second.filter((_, i) => i % 2 === 1).every((cell, i) => cell.key === 10_001 + 2 * i)).toBe(true);
    heap.verify();
    heap.detach();
    for (const cell of [first[0]!, second[0]!, second[1]!]) expect(() => cell.key).toThrow(StaleRefError);
  });

  test('detach ends all references', () => {
    const heap = make();
    const local = heap.scope(() => [heap.new(Cell)])[0]!;
    const cell = heap.new(Cell, { key: 1 });
    const held = cell.hold();
    const place = heap.scope(() => heap.new(Cell, { next: cell }).next)!;
    heap.detach();
    for (const ref of [cell, held, place, local]) {
      expect(() => ref.key).toThrow('reference to Cell belongs to a heap from which this thread was detached');
      expect(() => {
        ref.key = 3;
      }).toThrow(StaleRefError);
    }
    cell.dispose();
    held[Symbol.dispose]();
    expect(() => heap.new(Cell)).toThrow('not attached');
  });

  test('a reference that the program has dropped is given up', async () => {
    const heap = make();
    const kept = heap.new(Cell, { key: 1 });
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const drop = (): void => {
      for (let i = 1; i < SLOTS; i++) registry.register(heap.new(Cell, { key: i }), i);
    };
    drop();
    expect(segments(heap)).toBe(1);
    const x = new Internals(heap);
    const held = (): number => handleSlots(x, heap.threadId).length;
    await collectUntil('all are collected and given up', () => collected === SLOTS - 1 && held() === 1);
    const again = Array.from({ length: SLOTS - 1 }, () => heap.new(Cell));
    expect(segments(heap)).toBe(1);
    expect(again.length + kept.key).toBe(SLOTS);
    heap.verify();
  });

  test('references of one heap are refused by another', () => {
    const heap = make();
    const other = make();
    const theirs = other.new(Cell, { key: 9 });
    const mine = heap.new(Cell);
    expect(() => (mine.next = theirs)).toThrow(TypeMismatchError);
    expect(() => heap.new(Cell, { next: theirs })).toThrow('the reference is to an object of another heap');
    expect(() => heap.roots.set('x', theirs)).toThrow(ArgumentError);
    expect(() => heap.addressOf(theirs)).toThrow('the reference is one of another heap');
    heap.scope(() => expect(() => heap.cursor(Cell).set(theirs)).toThrow(ArgumentError));
    expect(mine.next).toBeNull();
    expect(mine.equals(theirs)).toBe(false);
    expect(heap.scope(() => theirs)).toBe(theirs);
    expect(theirs.key).toBe(9);
    expect(heap.roots.names()).toEqual([]);
  });
});

test('the handle table holds what is held, and no more', async () => {
  const heap = createHeap({ maxBytes: 2 ** 24 });
  const x = new Internals(heap);
  const held = (): number[] => handleSlots(x, heap.threadId).sort((a, b) => a - b);
  const a = heap.new(Cell);
  const b = heap.scope(() => {
    const cell = heap.new(Cell);
    heap.new(Cell);
    expect(shadowSlots(x, heap.threadId).length).toBe(2);
    return cell;
  });
  const c = b.hold();
  expect(shadowSlots(x, heap.threadId)).toEqual([]);
  const [at, bt] = [heap.addressOf(a), heap.addressOf(b)];
  expect(held()).toEqual([at, bt, bt].sort((x, y) => x - y));
  b.dispose();
  expect(held()).toEqual([at, bt].sort((x, y) => x - y));
  a.dispose();
  c.dispose();
  expect(held()).toEqual([]);
  const drop = (): void => void Array.from({ length: 5000 }, () => heap.new(Cell));
  drop();
  expect(held().length).toBe(5000);
  await collectUntil('the handles are released', () => held().length === 0);
  heap.verify();
});

test('a handle that is dropped after its thread has detached changes nothing', async () => {
  const heap = createHeap({ maxBytes: 2 ** 24 });
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const attachAndDrop = (): void => {
    const gone = attachHeap(heap.share());
    for (let i = 0; i < 10; i++) registry.register(gone.new(Cell), i);
    gone.detach();
  };
  attachAndDrop();
  // Another thread has the pages of its handle table now.
  const cells = Array.from({ length: SLOTS }, (_, key) => heap.new(Cell, { key }));
  await collectUntil('the references are collected', () => collected === 10);
  expect(cells.every((cell, key) => cell.key === key)).toBe(true);
  expect(handleSlots(new Internals(heap), heap.threadId).length).toBe(SLOTS);
  heap.verify();
});

/** Starts a worker that makes references, terminates it where it parks, and reaps it. */
async function killed(heap: Heap, input: Pick<ReferencesInput, 'local' | 'handles' | 'parkAt'>): Promise<void> {
  const control = new Int32Array(new SharedArrayBuffer(R_WORDS * 4));
  const workerData: ReferencesInput = { ...input, shared: heap.share(), control, role: 'hold' };
  const worker = new Worker(`${inject('workerDir')}/references-worker.mjs`, { workerData });
  await until('the worker is parked', () => control[R_PARKED] === 1);
  await worker.terminate();
  expect(heap.reap(control[R_ID]!)).toBe(true);
}

test('a worker that is terminated in a scope, with handles, leaves no page behind', async () => {
  const heap = createHeap({ maxBytes: 2 ** 26, maxThreads: 3 });
  const mine = heap.new(Cell, { key: 1 });
  const before = heap.stats().manualBytes;
  await killed(heap, { local: 10_000, handles: 5000 });
  expect(heap.stats().manualBytes).toBe(before);
  expect(heap.stats().threads).toBe(1);
  heap.verify();
  // Its record, and what was its references' memory, are another thread's now.
  const next = attachHeap(heap.share());
  const cells = next.scope(() => Array.from({ length: 3000 }, (_, key) => next.new(Cell, { key }).hold()));
  expect(cells.every((cell, key) => cell.key === key)).toBe(true);
  expect(mine.key).toBe(1);
  heap.verify();
  next.detach();
  heap.verify();
});

test.each([
  ['span.publish', 3],
  ['span.publish', 9],
  ['span.free', 1],
  ['span.forget', 2],
  ['mheap', 3],
  ['mheap', 12],
])('also one that dies at %s, visit %i', async (place, visits) => {
  const heap = createHeap({ maxBytes: 2 ** 26, maxThreads: 3 });
  const before = heap.stats().manualBytes;
  await killed(heap, { local: 20_000, handles: 9000, parkAt: { place, visits } });
  expect(heap.stats().manualBytes).toBe(before);
  heap.verify();
  const cells = Array.from({ length: 5000 }, (_, key) => heap.new(Cell, { key }));
  expect(cells.every((cell, key) => cell.key === key)).toBe(true);
  heap.verify();
});

class Death extends Error {}

/** What a thread does that dies somewhere in it: grows and shrinks its shadow stack and its handle table. */
function program(by: Heap): void {
  by.raw.free(by.raw.mallocgc(64, null, true));
  const held = Array.from({ length: SLOTS + 2 }, (_, key) => by.new(Cell, { key }));
  by.scope(() => {
    for (let i = 0; i < SLOTS - 3; i++) by.cursor(Cell);
    by.scope(() => {
      for (let i = 0; i < 2 * SLOTS; i++) by.cursor(Cell);
      held.push(by.new(Cell).hold());
    });
    by.scope(() => {
      for (let i = 0; i < 2 * SLOTS; i++) by.cursor(Cell);
    });
    held[0]!.dispose();
    by.roots.set('last', by.new(Cell, { next: held[1]! }));
  });
  by.roots.delete('last');
  by.detach();
}

/**
 * Runs the program until its nth delay place, and leaves shared memory as it is there: what it does on the way out,
 * a thread that is terminated would not do. Returns the place, or the number of places if there are fewer.
 */
function runUntil(heap: Heap, ghost: Heap, n: number): string | number {
  const { data, meta } = heap.share();
  const words = [new Int32Array(data), new Int32Array(meta)];
  let saved: Int32Array[] = [];
  let visits = 0;
  let place = '';
  ghost.setHooks({
    onDelay(at) {
      if (++visits < n) return;
      if (visits === n) {
        place = at;
        saved = words.map((view) => view.slice());
      }
      throw new Death(at);
    },
  });
  try {
    program(ghost);
  } catch {
    words.forEach((view, i) => void view.set(saved[i]!));
    return place;
  }
  return visits;
}

test('wherever it dies, its segments go back and the heap is whole', () => {
  const start = (): [Heap, Heap] => {
    const heap = createHeap({ maxBytes: 2 ** 22, maxThreads: 2 });
    return [heap, attachHeap(heap.share())];
  };
  const total = runUntil(...start(), Number.POSITIVE_INFINITY) as number;
  expect(total).toBeGreaterThan(30);
  const places = new Set<string>();
  for (let n = 1; n <= total; n++) {
    const [heap, ghost] = start();
    const cells = Array.from({ length: 50 }, (_, key) => heap.new(Cell, { key }));
    const { manualBytes } = heap.stats();
    const id = ghost.threadId;
    const place = String(runUntil(heap, ghost, n));
    places.add(place);
    try {
      heap.reap(id);
      heap.verify();
      expect(heap.stats().manualBytes).toBe(manualBytes);
      expect(heap.roots.names().every((name) => name === 'last')).toBe(true);
      for (let i = 0; i < 3 * SLOTS; i++) cells.push(heap.new(Cell, { key: cells.length }));
      expect(cells.every((cell, key) => cell.key === key)).toBe(true);
      heap.verify();
    } catch (error) {
      throw new Error(`after a death at ${place}, visit ${n} of ${total}`, { cause: error });
    }
  }
  for (const place of ['mheap', 'span.publish', 'span.free', 'span.forget', 'world']) expect(places).toContain(place);
});

describe('when no page is left for the table', () => {
  test('what idle threads hold in advance is taken', () => {
    const heap = createHeap({ maxBytes: 2 ** 20, background: false });
    const idle = Array.from({ length: 3 }, () => attachHeap(heap.share()));
    for (const other of idle) {
      other.scope(() => {
        other.new(Cell, { key: 1 });
      });
    }
    const held = Array.from({ length: 10_000 }, (_, key) => heap.new(Cell, { key }));
    expect(held.every((cell, key) => cell.key === key)).toBe(true);
    heap.verify();
  });

  test('garbage is collected, and the object that is to be held is none', () => {
    const heap = createHeap({ maxBytes: 2 ** 20, background: false, gcPercent: -1, ...CHECKS });
    heap.scope(() => {
      heap.new(Cell, { key: 1 });
    });
    const idle = (): number => heap.memStats().HeapIdle;
    const cycles = (): number => heap.stats().gc.cycles;
    const fill = (until: () => boolean): void => {
      while (!until()) heap.raw.mallocgc(8192, null, false);
    };
    // Once to its end, to see how full it can be.
    let least = idle();
    fill(() => {
      if (cycles() === 0) least = Math.min(least, idle());
      return cycles() > 0;
    });
    fill(() => idle() <= least);
    const before = cycles();
    const held = heap.new(Cell, { key: 77 });
    expect(cycles()).toBe(before + 1);
    expect(held.key).toBe(77);
    const { addr } = heap.raw.pin(heap.addressOf(held));
    expect(heap.inspect(addr)).toMatchObject({ type: 'Cell' });
    heap.verify();
  });
});
