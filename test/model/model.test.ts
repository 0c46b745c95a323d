/**
 * Random programs against a model that knows nothing of allocators: a map from address to size, and a bit for each byte
 * in use. After each run the heap verifies, every object has its bytes, and all memory comes back.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createHeap,
  type Heap,
  type HeapOptions,
  makeSizeClasses,
  OutOfMemoryError,
  type RType,
} from '../../src/index.ts';
import { checkPattern, fillPattern } from '../support/pattern.ts';

const MB = 2 ** 20;

class Model {
  readonly heap: Heap;
  readonly objects = new Map<number, { size: number; usable: number; type: RType | null }>();
  readonly #used: Uint8Array;
  readonly #types: RType[];
  outOfMemory = 0;

  constructor(options: HeapOptions) {
    this.heap = createHeap({ gc: 'off', ...options });
    this.#used = new Uint8Array(this.heap.stats().maxBytes);
    this.#types = [
      this.heap.raw.type({ name: 'cell', size: 8, pointers: [0] }),
      this.heap.raw.type({ name: 'plain', size: 24 }),
    ];
  }

  /** Marks bytes used or unused; they must all have been the other. */
  #mark(addr: number, size: number, used: 0 | 1): void {
    const bytes = this.#used.subarray(addr, addr + size);
    expect(addr + size).toBeLessThanOrEqual(this.#used.length);
    if (bytes.includes(used)) throw new Error(`object of ${size} bytes at ${addr} overlaps another`);
    bytes.fill(used);
  }

  #add(addr: number, size: number, type: RType | null): void {
    const usable = this.heap.raw.usableSize(addr);
    expect(usable).toBeGreaterThanOrEqual(size);
    this.#mark(addr, usable, 1);
    fillPattern(this.heap.memory, addr, size);
    this.objects.set(addr, { size, usable, type });
  }

  #pick(n: number): number | undefined {
    return [...this.objects.keys()][n % Math.max(1, this.objects.size)];
  }

  #try<T>(bytes: number, fn: () => T): T | undefined {
    const inUseBytes = this.heap.stats().heapInUseBytes;
    try {
      return fn();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.outOfMemory++;
      expect(error.requestedBytes).toBeGreaterThanOrEqual(bytes);
      expect(error.inUseBytes).toBeLessThanOrEqual(inUseBytes);
      expect(error.limitBytes).toBe(this.#used.length);
      this.heap.verify();
      return undefined;
    }
  }

  alloc(size: number, kind: number, needzero: boolean): void {
    const type = kind === 0 ? null : this.#types[kind - 1]!;
    const addr = this.#try(size, () => this.heap.raw.mallocgc(size, type, needzero));
    if (addr === undefined) return;
    if (needzero) {
      const bytes = this.heap.memory.u8.subarray(addr, addr + size);
      const dirty = bytes.findIndex((b) => b !== 0);
      if (dirty >= 0) throw new Error(`byte ${dirty} of ${size} at ${addr} is not zero`);
    }
    this.#add(addr, size, type?.ptrBytes === 0 ? null : type);
  }

  free(n: number): void {
    const addr = this.#pick(n);
    if (addr === undefined) return;
    const { size, usable, type } = this.objects.get(addr)!;
    expect(checkPattern(this.heap.memory, addr, size)).toBe(-1);
    expect(this.heap.raw.typeOf(addr)).toBe(type);
    this.#mark(addr, usable, 0);
    this.heap.raw.free(addr);
    this.objects.delete(addr);
  }

  realloc(n: number, to: number): void {
    const addr = this.#pick(n);
    if (addr === undefined) return;
    const { size, usable, type } = this.objects.get(addr)!;
    const byte = this.heap.memory.u8[addr]!;
    const next = this.#try(to, () => this.heap.raw.realloc(addr, to));
    if (next === undefined) return;
    const kept = this.heap.memory.u8.subarray(next, next + Math.min(size, to));
    expect(kept.every((b) => b === byte)).toBe(true);
    this.#mark(addr, usable, 0);
    this.objects.delete(addr);
    this.#add(next, to, type);
  }

  freeAll(): void {
    while (this.objects.size > 0) this.free(0);
  }
}

type Step = (m: Model) => void;

const sizes = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 15 }) },
  { weight: 6, arbitrary: fc.integer({ min: 16, max: 1100 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1000, max: 33_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 32_000, max: 400_000 }) },
);

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(sizes, fc.integer({ min: 0, max: 2 }), fc.boolean(), fc.integer({ min: 1, max: 60 })).map(
      ([size, kind, needzero, times]): Step =>
        (m) => {
          for (let i = 0; i < times; i++) m.alloc(size, kind, needzero);
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(10_000), fc.integer({ min: 1, max: 60 })).map(
      ([n, times]): Step =>
        (m) => {
          for (let i = 0; i < times; i++) m.free(n + i * 7);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(10_000), sizes).map(
      ([n, to]): Step =>
        (m) =>
          m.realloc(n, to),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((m) => m.freeAll()) },
  { weight: 2, arbitrary: fc.constant<Step>((m) => void m.heap.verify()) },
);

const HEAPS: { name: string; options: HeapOptions }[] = [
  { name: 'a small heap', options: { maxBytes: 2 * MB } },
  { name: 'the older class table', options: { maxBytes: 8 * MB, sizeClasses: 'go1.14' } },
  { name: 'no tiny allocator', options: { maxBytes: 2 * MB, tiny: false } },
  { name: 'one thread', options: { maxBytes: 4 * MB, shared: false } },
  { name: 'few classes', options: { maxBytes: 8 * MB, sizeClasses: makeSizeClasses({ maxWaste: 0.5 }) } },
  { name: 'a heap that is no whole chunk', options: { maxBytes: 777 * 8192 } },
];

describe.each(HEAPS)('$name', ({ options }) => {
  test('random programs', () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 20, maxLength: 60 }), (program) => {
        const model = new Model(options);
        for (const step of program) step(model);
        model.heap.verify();
        model.freeAll();
        model.heap.verify();
        const { heapInUseBytes, maxBytes } = model.heap.stats();
        // One span a class may stay, to allocate from; the first request that needs them takes them all.
        const all = model.heap.raw.mallocgc(maxBytes - 8192, null, false);
        expect(model.heap.stats().heapInUseBytes).toBe(maxBytes - 8192);
        model.heap.raw.free(all);
        model.heap.verify();
        expect(model.heap.stats().heapInUseBytes).toBe(0);
        expect(heapInUseBytes).toBeLessThanOrEqual(maxBytes);
      }),
      { numRuns: 25, endOnFailure: false },
    );
  });
});

test('a heap that was filled with random objects and freed holds next to nothing', () => {
  const model = new Model({ maxBytes: 8 * MB });
  for (let i = 1; model.outOfMemory === 0; i = (i * 31) % 60_007) model.alloc(1 + (i % 3000), i % 3, false);
  model.heap.verify();
  expect(model.heap.stats().heapInUseBytes).toBeGreaterThan(7 * MB);
  model.freeAll();
  model.heap.verify();
  // At most the span that each of the 2 × 68 classes allocates from.
  expect(model.heap.stats().heapInUseBytes).toBeLessThan(2 * MB);
});
