/** The declarations of shared memory check themselves; the plan of its regions is one function of two numbers. */
import { describe, expect, test } from 'vitest';
import { defineStruct, registry } from '../../../src/layout/define.ts';
import { type MetaPlan, planMeta } from '../../../src/layout/plan.ts';
import '../../../src/layout/registry.ts';
import { CENTRAL_WORDS } from '../../../src/layout/central.ts';
import { ARENA_PAGES, CHUNK_PAGES, MAX_SPAN_CLASSES, PAGE_SIZE } from '../../../src/layout/constants.ts';
import { FIX_WORDS, FIXALLOCS } from '../../../src/layout/fixalloc.ts';
import * as gc from '../../../src/layout/gc.ts';
import { H_GC, HEADER_WORDS } from '../../../src/layout/header.ts';
import { CHUNK_WORDS, SUM_WORDS } from '../../../src/layout/pages.ts';
import { PROC_WORDS, STACK_WORDS } from '../../../src/layout/proc.ts';
import { RING_WORDS } from '../../../src/layout/trace.ts';

describe('defineStruct', () => {
  test('refuses fields that overlap', () => {
    const call = (): unknown => defineStruct('bad', '', 4, { a: [0, 'words', 'owner', 3], b: [2, 'u32', 'owner'] });
    expect(call).toThrow('bad.b overlaps a');
  });

  test('refuses fields outside', () => {
    expect(() => defineStruct('bad', '', 4, { a: [4, 'u32', 'owner'] })).toThrow('bad.a lies outside bad');
    expect(() => defineStruct('bad', '', 4, { a: [3, 'words', 'owner', 2] })).toThrow('bad.a lies outside bad');
  });

  test('refuses a 64-bit number at an odd word', () => {
    expect(() => defineStruct('bad', '', 4, { a: [1, 'f64', 'owner'] })).toThrow('bad.a is not aligned');
  });
});

test('every structure is declared, with Go’s name and at least one field', () => {
  const names = [...registry().keys()];
  for (const name of ['header', 'mspan', 'mcentral', 'proc']) expect(names).toContain(name);
  for (const info of registry().values()) {
    expect(Object.keys(info.fields).length).toBeGreaterThan(0);
    expect(info.words).toBeGreaterThan(0);
  }
});

test('no two of the collector’s words are the same', () => {
  const words = Object.entries(gc).filter(([name, word]) => /^GC_/.test(name) && word >= H_GC);
  const owner = new Map<number, string>();
  for (const [name, word] of words) {
    expect(owner.get(word), name).toBeUndefined();
    owner.set(word, name);
    expect(word, name).toBeLessThan(H_GC + gc.GC_WORDS);
  }
  expect(words.length).toBeGreaterThan(40);
});

/** First and last word of every region that is always there, in order. */
function regions(plan: MetaPlan): [string, number, number][] {
  const words = (bits: number): number => Math.ceil(bits / 32);
  return [
    ['header', 0, HEADER_WORDS],
    ['centrals', plan.centrals, MAX_SPAN_CLASSES * CENTRAL_WORDS],
    ['fixallocs', plan.fixallocs, FIXALLOCS * FIX_WORDS],
    ['procs', plan.procs, plan.maxProcs * PROC_WORDS],
    ['gcBits', plan.gcBits, plan.gcBitsEnd - plan.gcBits],
    ['spans', plan.spans, plan.pages],
    ['pageInUse', plan.pageInUse, words(plan.pages)],
    ['pageMarks', plan.pageMarks, words(plan.pages)],
    ['pageSpecials', plan.pageSpecials, words(plan.pages)],
    ['zeroedBase', plan.zeroedBase, Math.ceil(plan.pages / ARENA_PAGES)],
    ['chunks', plan.chunks, plan.chunkCount * CHUNK_WORDS],
    ...plan.summaries.map((at, i): [string, number, number] => [
      `summary ${i}`,
      at,
      plan.summaryCounts[i]! * SUM_WORDS,
    ]),
    ['scavIndex', plan.scavIndex, words(plan.chunkCount)],
    ['ranges', plan.ranges, 2],
    ['rings', plan.rings, plan.maxProcs * RING_WORDS],
    ['types', plan.types, 65_536],
    ['persistent', plan.persistent, 1],
  ];
}

test.each([
  [2, 1],
  [777, 3],
  [131_072, 64],
  [2 ** 32 / PAGE_SIZE, 255],
])('the regions of a heap of %i pages and %i threads follow each other', (pages, maxProcs) => {
  const plan = planMeta(pages, maxProcs);
  expect(planMeta(pages, maxProcs)).toEqual(plan);
  let end = 0;
  for (const [name, at, words] of regions(plan)) {
    expect(at, `${name} begins`).toBeGreaterThanOrEqual(end);
    end = at + words;
  }
  expect(plan.end).toBeGreaterThanOrEqual(end);
  expect(plan.chunkCount).toBe(Math.ceil(pages / CHUNK_PAGES));
  expect(plan.procs % STACK_WORDS).toBe(0);
  // A bit's index must fit in 32 bits, and a word's in 31.
  expect(plan.gcBitsEnd * 32).toBeLessThanOrEqual(2 ** 32);
  expect(plan.end).toBeLessThan(2 ** 31);
});
