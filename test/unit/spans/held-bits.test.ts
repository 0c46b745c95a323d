/** Allocation bits as they were when a snapshot's cycle began, whatever has been allocated and freed since. */
import { expect, test } from 'vitest';
import type { SpanRef } from '../../../src/base/brand.ts';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { H_BITS_REGION_NEXT } from '../../../src/layout/header.ts';
import { SPAN_ALLOC_BITS, SPAN_NELEMS } from '../../../src/layout/span.ts';
import { Moment } from '../../../src/observe/snapshot/moment.ts';
import { bitsWords } from '../../../src/spans/bits-arena.ts';
import { heldBits } from '../../../src/spans/held-bits.ts';
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

test('own frees, those of others, spans without owner, large objects, windows, a thread that dies', () => {
  const { all, heap } = parties(newSeed('held bits'));
  const [first, second, third, leaving, dying] = all as [Party, Party, Party, Party, Party];
  leaving.heap.detach();
  const c = collectorOf(heap);
  const { m, mem } = new Internals(heap);
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    c.t.enter();
    const serial = claimSnapshot(c.heap, {});
    const moment = new Moment(c.heap);
    let was: Int32Array<ArrayBufferLike> = new Int32Array();
    c.held.begin(() => {
      moment.copy();
      was = m.slice(mem.plan.gcBits, m[H_BITS_REGION_NEXT]);
    });
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
    endSnapshot(c.heap, serial, {});
    c.held.finish();
    c.t.leave();
    heap.verify();
    // Spans are without owner after a cycle.
    for (const p of [first, second, third, dying]) if (p.heap.attached) p.allocate(400);
  }
});
