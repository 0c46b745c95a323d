/** Views of heaps that change under them, and of memory that is no heap any more: there is an answer, always. */
import { expect, inject, test } from 'vitest';
import { createHeap, type HeapView, viewHeap } from '../../../src/index.ts';
import { H_GROWN_PAGES, H_PERSISTENT_NEXT, HEADER_WORDS, LAYOUT_VERSION } from '../../../src/layout/header.ts';
import type { Mem } from '../../../src/sys/mem.ts';
import { C_STOP, newControl } from '../../support/control.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed, type Random, random } from '../../support/random.ts';
import { RichHeap } from '../../support/rich-heap.ts';
import { viewEverything } from '../../support/view-everything.ts';
import { allEnded, startHand } from '../../support/workers.ts';

test('two workers allocate and free, a third collects: every answer comes, and is JSON', async () => {
  const seed = newSeed('view while workers change the heap');
  const r = random(seed);
  const heap = createHeap({ maxBytes: 64 << 20, gc: 'off', maxThreads: 4 });
  const control = newControl(2);
  const hands = await Promise.all(
    [0, 1].map((i) => startHand(heap, control, i, { role: 'churn', seed: seed + i, maxSize: 200_000 })),
  );
  const view = viewHeap(heap.share());
  const map = view.pageMap();
  let objects = 0;
  for (let round = 0; round < 60; round++) {
    const answers = viewEverything(view, map, r);
    JSON.stringify(answers);
    objects += Object.values(answers).filter((a) => (a as { start?: number } | null)?.start !== undefined).length;
  }
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  expect(objects).toBeGreaterThan(40);
  heap.verify();
});

/** A copy of a heap's memories, to be damaged. */
function copyOf(mem: Mem): { view: HeapView; m: Int32Array } {
  const copy = (buffer: Mem['data']): SharedArrayBuffer => {
    const to = new SharedArrayBuffer(buffer.byteLength);
    new Uint8Array(to).set(new Uint8Array(buffer));
    return to;
  };
  const [data, meta] = [copy(mem.data), copy(mem.meta)];
  return { view: viewHeap({ spanheap: LAYOUT_VERSION, data, meta }), m: new Int32Array(meta) };
}

/** Writes nonsense into words that mean something. */
function damage(m: Int32Array, used: readonly number[], words: number, r: Random): void {
  for (let i = 0; i < words; i++) {
    const word = r.pick(used);
    const was = m[word]!;
    m[word] = r.pick([r.below(2 ** 32) | 0, was ^ (1 << r.below(32)), m[r.pick(used)]!, -1, 0, was + 1, 0x7fffffff]);
  }
}

test('damaged memory: any word may be anything, and there is an answer', () => {
  const r = random(newSeed('view of damaged memory'));
  const rich = new RichHeap();
  const { mem } = new Internals(rich.heap);
  const { plan } = mem;
  const used: number[] = [];
  for (let w = 0; w < plan.end; w++) if (mem.m[w] !== 0) used.push(w);
  const important = used.filter((w) => w < HEADER_WORDS || (w >= plan.spans && w < mem.m[H_PERSISTENT_NEXT]!));
  for (let round = 0; round < 60; round++) {
    const { view, m } = copyOf(mem);
    const map = view.pageMap();
    viewEverything(view, map, r);
    damage(m, r.oneIn(2) ? used : important, 1 << r.below(14), r);
    if (r.oneIn(3)) m[H_GROWN_PAGES] = r.pick([-1, 0x7fffffff, plan.pages]);
    for (let again = 0; again < 3; again++) JSON.stringify(viewEverything(view, map, r));
  }
});

test('memory that is all noise', () => {
  const r = random(newSeed('view of noise'));
  const rich = new RichHeap();
  const { mem } = new Internals(rich.heap);
  const { view, m } = copyOf(mem);
  const map = view.pageMap();
  viewEverything(view, map, r);
  for (let w = 0; w < m.length; w++) m[w] = r.below(2 ** 32) | 0;
  for (let round = 0; round < 3; round++) JSON.stringify(viewEverything(view, map, r));
});

test('workers of a heap with a collector, seen while cycles run', async () => {
  const seed = newSeed('view while cycles run');
  const r = random(seed);
  const heap = createHeap({ maxBytes: 64 << 20, background: `${inject('workerDir')}/gc-worker.mjs`, gcPercent: 20 });
  const view = viewHeap(heap.share());
  const map = view.pageMap();
  const type = heap.raw.type({ name: 'node', size: 16, pointers: [0, 8] });
  const phases = new Set<string>();
  for (let round = 0; round < 60; round++) {
    heap.scope(() => {
      for (let i = 0; i < 20_000; i++)
        heap.raw.mallocgc(r.oneIn(50) ? 5000 : 16 + r.below(100), r.oneIn(2) ? type : null, true);
    });
    phases.add(view.stats().phase);
    JSON.stringify(viewEverything(view, map, r));
  }
  const { cycles } = view.stats();
  expect(cycles).toBeGreaterThan(0);
  expect(view.gc().cycles.at(-1)?.cycle).toBe(cycles);
  expect(view.stats().cycles).toBe(heap.stats().gc.cycles);
  expect(phases.size).toBeGreaterThan(0);
  heap.verify();
  heap.detach();
});
