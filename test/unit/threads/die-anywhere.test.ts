/**
 * A fixed program dies at each of the places where it could be interrupted, one after the other: an error thrown from
 * the delay hook leaves shared memory as a terminated worker would. After each death the heap is repaired and whole.
 */
import { expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { checkPattern, fillPattern } from '../../support/pattern.ts';

/** Spans of one page and of several, tiny blocks, large objects. */
const SIZES = [5, 48, 1024, 3072, 9472, 18_432, 32_768, 50_000, 200_000];

class Death extends Error {}

interface Scene {
  readonly heap: Heap;
  readonly ghost: Heap;
  /** Objects of `heap`, between those of `ghost`. */
  readonly mine: Map<number, number>;
  /** Objects of a thread that is gone. */
  readonly unowned: number[];
}

function make(by: Heap, size: number): number {
  const addr = by.raw.mallocgc(size, null, false);
  fillPattern(by.memory, addr, size);
  return addr;
}

function setScene(): Scene {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 25, maxThreads: 3 });
  const ghost = attachHeap(heap.share());
  const mine = new Map<number, number>();
  const gone = attachHeap(heap.share());
  const unowned: number[] = [];
  for (const size of SIZES) {
    for (let i = 0; i < 4; i++) {
      mine.set(make(heap, size), size);
      unowned.push(make(gone, size));
    }
  }
  gone.detach();
  return { heap, ghost, mine, unowned };
}

/** What the thread does that dies: allocates, and frees its own, the other's and nobody's. */
function program({ heap, ghost, mine, unowned }: Scene): void {
  const type = ghost.raw.type({ name: 'cell', size: 48, pointers: [0] });
  const others = [...mine];
  for (const addr of unowned) ghost.raw.free(addr);
  for (const size of SIZES) {
    const addrs: number[] = [];
    for (let i = 0; i < 12; i++) {
      addrs.push(make(ghost, size));
      if (i % 4 === 0) mine.set(make(heap, size), size);
    }
    if (size === 48) for (let i = 0; i < 3; i++) ghost.raw.newobject(type);
    const [addr] = others.find(([, bytes]) => bytes === size)!;
    mine.delete(addr);
    ghost.raw.free(addr);
    for (const own of addrs) ghost.raw.free(own);
  }
}

/** Runs the program until it comes to a delay place for the nth time. Returns the place, or the number of visits. */
function run(scene: Scene, n: number): string | number {
  let visits = 0;
  let last = '';
  scene.ghost.setHooks({
    onDelay: (place) => {
      last = place;
      if (++visits === n) throw new Death(place);
    },
  });
  try {
    program(scene);
  } catch (error) {
    if (!(error instanceof Death)) throw error;
    return last;
  }
  return visits;
}

test('wherever it dies, the heap is whole afterwards and the other thread’s objects are intact', () => {
  const total = run(setScene(), -1) as number;
  expect(total).toBeGreaterThan(100);
  const step = Math.ceil(total / 400);
  const places = new Set<string>();
  for (let n = 1; n <= total; n += step) {
    const scene = setScene();
    const { heap, ghost, mine } = scene;
    const place = run(scene, n);
    places.add(String(place));
    try {
      expect(heap.reap(ghost.threadId)).toBe(true);
      heap.verify();
      for (const [addr, size] of mine) expect(checkPattern(heap.memory, addr, size)).toBe(-1);
      for (const size of SIZES) heap.raw.free(make(heap, size));
      for (const [addr] of mine) heap.raw.free(addr);
      heap.verify();
    } catch (error) {
      throw new Error(`after a death at ${place}, visit ${n} of ${total}`, { cause: error });
    }
  }
  for (const place of ['mheap', 'mcentral', 'span.forget', 'span.publish', 'mcache.settle', 'large.free']) {
    expect(places).toContain(place);
  }
});
