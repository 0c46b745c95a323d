/** Counters of the collector that wrap after 2³⁰ cycles and more: put there by hand, and cycles run across. */
import { expect, test } from 'vitest';
import { createHeap, i32, map, ref, slice, string, struct } from '../../../src/index.ts';
import { GC_COMPLETE, GC_EPOCH_SWEEPGEN, GC_MARKED, GC_STARTED } from '../../../src/layout/gc.ts';
import { H_EMPTY_SPAN, H_GROWN_PAGES, H_SWEEPGEN } from '../../../src/layout/header.ts';
import { PROC_FLUSH_GEN } from '../../../src/layout/proc.ts';
import { SPAN_SWEEPGEN } from '../../../src/layout/span.ts';
import { eachSpan } from '../../../src/spans/mspan.ts';
import { Internals } from '../../support/internals.ts';

const Node = struct('Node', {
  key: i32,
  name: string,
  get next() {
    return ref(Node);
  },
});
const CYCLES = 16;

function setUp() {
  const heap = createHeap({ maxBytes: 2 ** 24, background: false });
  return { heap, x: new Internals(heap) };
}

/** Cycles with objects that come, stay and go. */
function live({ heap }: ReturnType<typeof setUp>): void {
  const list = heap.new(slice(ref(Node)));
  const names = heap.new(map(string, ref(Node)));
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    heap.scope(() => {
      for (let i = 0; i < 300; i++) {
        const node = heap.new(Node, {
          key: cycle,
          name: `node ${cycle}`,
          next: list.length > 0 ? list.at(list.length - 1) : null,
        });
        if (i % 10 === 0) list.push(node);
        if (i % 50 === 0) names.set(`${i}`, node);
      }
    });
    heap.gc();
    heap.verify();
  }
  heap.scope(() => {
    for (let i = 0; i < list.length; i++) expect(list.at(i)?.name).toBe(`node ${Math.floor(i / 30)}`);
    for (const [, node] of names) expect(node?.key).toBe(CYCLES - 1);
  });
}

// Multiples of 8 from the first generation: two bits of it are in SPAN_CACHE.
test.each([2 ** 31 - 22, -22])('the sweep generation, from %d on', (gen) => {
  const world = setUp();
  const { heap, x } = world;
  const delta = (gen - x.m[H_SWEEPGEN]!) | 0;
  const move = (word: number): void => {
    x.m[word] = (x.m[word]! + delta) | 0;
  };
  eachSpan(x.mem, x.m[H_GROWN_PAGES]!, (s) => move(s + SPAN_SWEEPGEN));
  move(x.m[H_EMPTY_SPAN]! + SPAN_SWEEPGEN);
  move(x.proc(heap.threadId) + PROC_FLUSH_GEN);
  move(H_SWEEPGEN);
  if (x.m[GC_EPOCH_SWEEPGEN] !== 0) move(GC_EPOCH_SWEEPGEN);
  heap.poll();
  live(world);
});

test.each([2 ** 31 - 8, -8])('the number of cycles, from %d on', (cycle) => {
  const world = setUp();
  for (const word of [GC_STARTED, GC_MARKED, GC_COMPLETE]) world.x.m[word] = cycle;
  live(world);
  expect(world.heap.stats().gc.lastPausesNs.length).toBeGreaterThan(0);
});
