/** Allocation bits as they were when a snapshot's cycle began, whatever has been allocated and freed since. */
import { expect, test, vi } from 'vitest';
import type { SpanRef } from '../../../src/base/brand.ts';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { H_BITS_REGION_NEXT } from '../../../src/layout/header.ts';
import { SPAN_ALLOC_BITS, SPAN_NELEMS } from '../../../src/layout/span.ts';
import { Moment } from '../../../src/observe/snapshot/moment.ts';
import { SpanEncoder, spanWords } from '../../../src/observe/snapshot/spans.ts';
import { bitsWords } from '../../../src/spans/bits-arena.ts';
import { heldBits } from '../../../src/spans/held-bits.ts';
import { spanOf } from '../../../src/spans/mspan.ts';
import { claimSnapshot, endSnapshot } from '../../../src/threads/hold.ts';
import { collectorOf } from '../../support/gc-cycle.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed, type Random, random } from '../../support/random.ts';

/** Bytes: tiny, small, large. */
const SIZES = [3, 8, 16, 24, 64, 112, 512, 2048, 9000, 40_000];

/** Blocks of bits come back after three. */
const CYCLES = 5;

class Party {
  readonly heap: Heap;
  readonly #random: Random;
  readonly live: number[] = [];

  constructor(heap: Heap, random: Random) {
    this.heap = heap;
    this.#random = random;
  }

  allocate(count: number): void {
    const { raw } = this.heap;
    const cell = raw.type({ name: 'cell', size: 16, pointers: [0] });
    for (let i = 0; i < count; i++) {
      const size = this.#random.pick(SIZES);
      const type = size >= 16 && size % 16 === 0 && this.#random.oneIn(2) ? cell : null;
      this.live.push(type === null ? raw.mallocgc(size, null, false) : raw.newarray(cell, size / 16));
    }
  }

  /** Frees some of what a party has allocated. */
  free(of: Party, count: number): void {
    for (let i = 0; i < count && of.live.length > 0; i++) {
      const at = this.#random.below(of.live.length);
      const addr = of.live[at]!;
      of.live[at] = of.live.at(-1)!;
      of.live.pop();
      this.heap.raw.free(addr);
    }
  }
}

/** Its thread's part in a heap without collector, so that what is not freed by hand stays. */
function parties(seed: number): { all: Party[]; heap: Heap } {
  const heap = createHeap({ maxBytes: 2 ** 29, gc: 'off' });
  const numbers = random(seed);
  const all = [heap, ...Array.from({ length: 4 }, () => attachHeap(heap.share()))].map((h) => new Party(h, numbers));
  for (let round = 0; round < 3; round++) {
    for (const p of all) p.allocate(1500);
    for (const p of all) p.free(p, 500);
    for (const [i, p] of all.entries()) p.free(all[(i + 1) % all.length]!, 100);
  }
  return { all, heap };
}

/** Words of the bits of all spans that were there, as they were and as `heldBits` says. */
function compare(
  heap: Heap,
  spans: readonly SpanRef[],
  was: Int32Array<ArrayBufferLike>,
): { wrong: string[]; changed: number } {
  const { mem, m } = new Internals(heap);
  const wrong: string[] = [];
  let changed = 0;
  for (const s of spans) {
    const first = m[s + SPAN_ALLOC_BITS]! >>> 5;
    for (let w = first; w < first + bitsWords(m[s + SPAN_NELEMS]!); w++) {
      const then = was[w - mem.plan.gcBits]!;
      if (heldBits(mem, w) !== then) wrong.push(`span ${s}, word ${w}: ${heldBits(mem, w)}, was ${then}`);
      if (m[w] !== then) changed++;
    }
  }
  return { wrong, changed };
}

/** Begins a snapshot's cycle on this thread; `end` ends it. */
function hold(heap: Heap, atMoment: () => void = () => {}) {
  const c = collectorOf(heap);
  c.t.enter();
  const serial = claimSnapshot(c.heap, {});
  const moment = new Moment(c.heap);
  c.held.begin(() => {
    moment.copy();
    atMoment();
  });
  const end = (): void => {
    endSnapshot(c.heap, serial, {});
    c.held.finish();
    c.t.leave();
    heap.verify();
  };
  return { c, moment, end };
}

test('own frees, those of others, spans without owner, large objects, windows, a thread that dies', () => {
  const { all, heap } = parties(newSeed('held bits'));
  const [first, second, third, leaving, dying] = all as [Party, Party, Party, Party, Party];
  leaving.heap.detach();
  const { m, mem } = new Internals(heap);
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    let was: Int32Array<ArrayBufferLike> = new Int32Array();
    const { moment, end } = hold(heap, () => (was = m.slice(mem.plan.gcBits, m[H_BITS_REGION_NEXT])));
    const spans = moment.spansOfObjects();
    expect(compare(heap, spans, was)).toEqual({ wrong: [], changed: 0 });
    // One kind of change at a time, so that none hides another.
    const changes: Record<string, () => void> = {
      'windows that were there': () => second.allocate(5),
      'windows that are made': () => first.allocate(600),
      'own objects, large ones too': () => second.free(second, 200),
      'objects of others': () => {
        third.free(second, 100);
        second.allocate(400);
      },
      'objects without owner': () => second.free(leaving, 100),
    };
    if (cycle === CYCLES - 1) {
      changes['a thread that dies'] = () => {
        third.free(dying, 300);
        const { changed } = compare(heap, spans, was);
        expect(heap.reap(dying.heap.threadId)).toBe(true);
        // What was noted of its spans.
        expect(compare(heap, spans, was).changed).toBeGreaterThan(changed);
      };
    }
    let before = 0;
    for (const [what, change] of Object.entries(changes)) {
      change();
      const { wrong, changed } = compare(heap, spans, was);
      expect(wrong, what).toEqual([]);
      expect(changed, what).toBeGreaterThan(before);
      before = changed;
    }
    end();
    // Spans are without owner after a cycle.
    for (const p of [first, second, third, dying]) if (p.heap.attached) p.allocate(400);
  }
});

test('two threads free the same large object: the copy is what both have seen', () => {
  const heap = createHeap({ maxBytes: 2 ** 28, gc: 'off' });
  const [a, b] = [attachHeap(heap.share()), attachHeap(heap.share())];
  const addr = a.raw.mallocgc(100_000, null, false);
  const { m, mem } = new Internals(heap);
  const s = spanOf(mem, addr);
  const { end } = hold(heap);
  const w = m[s + SPAN_ALLOC_BITS]! >>> 5;
  const live = m[w]!;
  const copied = mem.plan.bitsCopied + ((w - mem.plan.gcBits) >>> 5);
  // Thread b has seen the object live, and that there is no copy; thread a frees it before b goes on.
  const { load } = Atomics;
  const spy = vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, i: number) => {
    const seen = load(words, i);
    if (i === copied && words.length === m.length) {
      spy.mockRestore();
      a.raw.free(addr);
    }
    return seen;
  }) as typeof Atomics.load);
  expect(() => b.raw.free(addr)).toThrow('free already');
  expect(vi.isMockFunction(Atomics.load)).toBe(false);
  expect(m[w]).toBe(0);
  expect(heldBits(mem, w)).toBe(live);
  end();
});

test.each([false, true])(
  'the empty tiny block of a thread that dies goes to nobody; its root was marked: %s',
  (marked) => {
    const heap = createHeap({ maxBytes: 2 ** 28, gc: 'off', tiny: true });
    const [dying, other] = [attachHeap(heap.share()), attachHeap(heap.share())];
    const addr = dying.raw.mallocgc(3, null, false);
    dying.raw.free(addr);
    const { m, mem } = new Internals(heap);
    const s = spanOf(mem, addr);
    const { c, moment, end } = hold(heap);
    if (marked) c.mark(1e9);
    expect(moment.spansOfObjects()).toContain(s);
    const objects = (): number => {
      const words = new Int32Array(spanWords(m[s + SPAN_NELEMS]!));
      return new SpanEncoder(c.heap, moment).encode(s, words, 0).objects;
    };
    expect(objects()).toBe(0);
    expect(heap.reap(dying.threadId)).toBe(true);
    heap.verify();
    const young = [1, 2, 3].map(() => other.raw.mallocgc(15, null, false));
    // Otherwise this shows nothing.
    expect(young.map((a) => spanOf(mem, a))).toContain(s);
    expect(objects()).toBe(0);
    end();
  },
);
