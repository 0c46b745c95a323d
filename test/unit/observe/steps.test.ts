/** Step mode's engine: lessons take the way they promise, and what they show is what the heap is. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makeSandbox, type Sandbox } from '../../../src/explorer/steps/sandbox.ts';
import { createHeap, ref, struct } from '../../../src/index.ts';
import { PAGE_SIZE } from '../../../src/layout/constants.ts';
import { SPAN_INVERSE, SPAN_TYPES_LESS_BITS } from '../../../src/layout/span.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { explainFind } from '../../../src/observe/steps/find.ts';
import {
  Film,
  LESSONS,
  POINTS,
  recordFree,
  recordMalloc,
  spanClassOf,
  type Walk,
  WordNames,
} from '../../../src/observe/steps.ts';
import { spanOf } from '../../../src/spans/mspan.ts';
import { newSeed, random } from '../../support/random.ts';

const lesson = (id: string) => LESSONS.find((l) => l.id === id)!;

/** Names of the texts, in the order of the steps. */
const ROUTES: Record<string, string> = {
  tiny: 'mallocTiny tinyPack returned',
  tinyFull: 'mallocTiny tinyFull lookWindow nextFreeFast tinyPack returned',
  reuse: 'mallocNoscan lookReuse reuse returned',
  window: 'mallocNoscan lookWindow nextFreeFast returned',
  nextWindow: 'mallocNoscan lookNothing window nextFreeFast returned',
  ownPartial: 'mallocNoscan lookNothing nextFree refill refillLink window nextFreeFast returned',
  mcentral: 'mallocNoscan lookNothing nextFree centralPop refill refillLink window nextFreeFast returned',
  sweep:
    'mallocNoscan lookNothing nextFree centralClaim sweepCount sweepRenew refill refillLink window nextFreeFast returned',
  newSpan:
    'mallocNoscan lookNothing nextFree spanRecord spanBits pageCacheAlloc spanInit refill refillLink window nextFreeFast returned',
  pageCacheEmpty:
    'mallocNoscan lookNothing nextFree spanRecord spanBits pageCacheEmpty findDescend findDescend findDescend findBorder pageCacheFill pageCacheAlloc spanInit refill refillLink window nextFreeFast returned',
  grow: 'mallocNoscan lookNothing nextFree spanRecord spanBits pageCacheEmpty findHintNone pageCacheFill findHintNone grow findHint findBitmap pageAlloc spanInit refill refillLink window nextFreeFast returned',
  large:
    'mallocLarge spanRecord spanBitsKept findDescend findDescend findDescend findDescend findBitmap pageAlloc spanInit largeOwn centralPush largeDone',
  outOfMemory:
    'mallocLarge spanRecord spanBits findNone pageAlloc outOfMemory reclaim spanRecord spanBits findNone pageAlloc thrown',
  freeStack: 'freeFind freeStack',
  freeFlush: 'freeFind freeStackFull keepEmpty freeFlush',
  freeLarge: 'freeFind largeFree spanFree spanForget pageFree freeDone',
  gc: 'gcDue gcBegin gcBegun gcBarrier gcBlack gcMark gcRagged gcFinish gcEnd centralClaim sweepCount sweepRenew centralPush gcSwept',
};

/** All of a heap's allocator memory as it is now. */
/** But for the gates, which the tape leaves out. */
function wordsNow({ malloc }: Sandbox): Int32Array {
  const { m, plan } = malloc.t.mem;
  return m.slice().fill(0, plan.gates, plan.persistent) as Int32Array;
}

/** Forward to the end is what the heap is now; back to the beginning is what it was. */
function expectTrue(box: Sandbox, walk: Walk): void {
  const film = new Film(walk.start, walk.steps);
  film.seek(walk.steps.length);
  expect(firstDifference(film.words as Int32Array, wordsNow(box))).toBe('none');
  film.seek(0);
  expect(firstDifference(film.words as Int32Array, walk.start as Int32Array)).toBe('none');
}

function firstDifference(a: Int32Array, b: Int32Array): string {
  if (Buffer.from(a.buffer).equals(Buffer.from(b.buffer))) return 'none';
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return `word ${i}: ${a[i]} and ${b[i]}`;
  return 'none';
}

test.each(LESSONS.map((l) => [l.id, l] as const))('lesson %s', (id, { maxBytes, run }) => {
  const box = makeSandbox(maxBytes);
  const walk = run(box);
  expect(walk.steps.map((s) => s.text).join(' ')).toBe(ROUTES[id]);
  expectTrue(box, walk);
  box.heap.verify();
  if (walk.error !== null) expect(walk.error).toMatch(/^runtime: out of memory/);
  else if (walk.address !== 0) {
    expect(walk.steps.at(-1)!.params['address']).toBe(walk.address);
    expect(box.heap.raw.usableSize(walk.address)).toBeGreaterThan(0);
  }
});

test('all lessons have a route here, and all routes a lesson', () => {
  expect(LESSONS.map((l) => l.id).sort()).toEqual(Object.keys(ROUTES).sort());
});

test('the points are places of the source', () => {
  const src = fileURLToPath(new URL('../../../src', import.meta.url));
  const places = new Set<string>();
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    for (const [, place] of readFileSync(join(src, file), 'utf8').matchAll(/\bpause\('([^']+)'\)/g)) places.add(place!);
  }
  expect(Object.keys(POINTS).filter((place) => !places.has(place))).toEqual([]);
});

test('locks are told: the mcentral’s where a span is taken from it, mheap’s where pages are', () => {
  const locks = (id: string): string[] => {
    const { maxBytes, run } = lesson(id);
    return run(makeSandbox(maxBytes))
      .steps.filter((s) => s.lock !== null)
      .map((s) => `${s.text} ${s.lock}`);
  };
  expect(locks('mcentral')).toEqual(['centralPop mcentral']);
  expect(locks('window')).toEqual([]);
  expect(locks('newSpan')).toEqual([]);
  expect(locks('grow')).toContain('grow mheap');
});

test('words have the names of their structures', () => {
  const box = makeSandbox(lesson('mcentral').maxBytes);
  const { mem } = box.malloc.t;
  const walk = lesson('mcentral').run(box);
  const names = new WordNames(mem, box.malloc.cache.heap.tinySpanClass, walk.start, mem.m);
  const of = (text: string): string[] =>
    walk.steps
      .find((s) => s.text === text)!
      .changes.map((c) => names.name(c.word))
      .map(({ kind, field }) => `${kind}.${field}`);
  const spanClass = spanClassOf(box.malloc, 1024, false);
  expect(of('centralPop')).toEqual([
    'central.partial[1].first',
    'central.partial[1].last',
    'central.partial[1].count',
    'span.owner',
    'span.list',
  ]);
  expect(of('nextFreeFast')).toEqual(['class.allocCache', 'span.allocBits[0]']);
  const taken = walk.steps.find((s) => s.text === 'centralPop')!.changes[0]!;
  expect(names.name(taken.word).id).toBe(spanClass);
});

test('a word that means different things in different spans has the name it has there', () => {
  const heap = createHeap({ maxBytes: 16 << 20 });
  const malloc = heap.raw as unknown as Malloc;
  const { mem } = malloc.t;
  const scan = heap.addressOf(heap.new(struct('Pointer', { to: ref(struct('To', {})) })));
  const spans = [scan, malloc.mallocgc(5, null, true), malloc.mallocgc(1 << 20, null, true)];
  const names = new WordNames(mem, malloc.cache.heap.tinySpanClass, mem.m);
  const named = (word: number) => spans.map((addr) => names.name(spanOf(mem, addr) + word).field);
  expect(named(SPAN_TYPES_LESS_BITS)).toEqual(['typesLessBits', 'tinyCounted', 'tinyCounted']);
  expect(named(SPAN_INVERSE)).toEqual(['inverse', 'inverse', 'largeType']);
});

test('a program of random calls: every walk is what happened', () => {
  const box = makeSandbox(16 << 20);
  const rnd = random(newSeed('steps'));
  const live: number[] = [];
  const sizes = [1, 7, 15, 16, 48, 100, 1024, 5000, 32768, 40_000, 300_000];
  for (let i = 0; i < 150; i++) {
    if (!rnd.oneIn(2) || live.length === 0) {
      const type = rnd.oneIn(3) ? box.node : null;
      const walk = recordMalloc(box.malloc, sizes[rnd.below(sizes.length)]!, type);
      expectTrue(box, walk);
      if (walk.error !== null) continue;
      expect(box.heap.raw.typeOf(walk.address)?.name).toBe(type === null ? undefined : 'node');
      live.push(walk.address);
    } else {
      const [address] = live.splice(rnd.below(live.length), 1);
      expectTrue(box, recordFree(box.malloc, address!));
    }
  }
  box.heap.verify();
});

test('the walk through the summaries finds the page that the page allocator finds', () => {
  const rnd = random(newSeed('find'));
  for (let round = 0; round < 30; round++) {
    const box = makeSandbox(64 << 20);
    const { pages } = box.malloc.cache.heap;
    const { m, plan } = box.malloc.t.mem;
    const live: number[] = [];
    for (let i = 0; i < 60; i++) {
      if (rnd.oneIn(3) && live.length > 0) box.malloc.free(live.splice(rnd.below(live.length), 1)[0]!);
      else {
        try {
          live.push(box.malloc.mallocgc((16 + rnd.below(700)) * PAGE_SIZE, null, false));
        } catch {
          // Full.
        }
      }
    }
    for (const npages of [1, 3, 16, 64, 200, 512, 900, 3000]) {
      const told = explainFind(m, plan, npages);
      const page = pages.alloc(npages);
      expect([npages, told.page]).toEqual([npages, page]);
      if (page >= 0) pages.free(page, npages);
    }
  }
});
