/** Records of metadata: each of its own words, also where they are in parts and a chunk has those of many. */
import { beforeEach, expect, it } from 'vitest';
import { FIX_SPANS, FIX_SPECIALS } from '../../../src/layout/fixalloc.ts';
import { H_EMPTY_SPAN, H_HEAP_LOCK, H_PERSISTENT_NEXT } from '../../../src/layout/header.ts';
import { SPAN_EXTENT, SPAN_PART, SPAN_PART_WORDS, SPAN_PARTS } from '../../../src/layout/span.ts';
import { SPECIAL_WORDS } from '../../../src/layout/special.ts';
import { initMem, readClasses } from '../../../src/runtime/init.ts';
import { checkOptions } from '../../../src/runtime/options.ts';
import { fixAlloc, fixFree } from '../../../src/spans/fixalloc.ts';
import { persistentAlloc } from '../../../src/spans/persistent.ts';
import type { Proc } from '../../../src/sync/proc.ts';
import { attachProc } from '../../../src/threads/attach.ts';

let t: Proc;

beforeEach(() => {
  const mem = initMem(checkOptions({ maxBytes: 1 << 24 }));
  t = attachProc(mem, readClasses(mem), { thread: 0, osThread: 0 }).heap.t;
});

function take(index: number, count: number): number[] {
  t.lock(H_HEAP_LOCK);
  const records = Array.from({ length: count }, () => fixAlloc(t, index));
  t.unlock(H_HEAP_LOCK);
  return records;
}

const wordsOf = (record: number): number[] =>
  Array.from({ length: SPAN_PARTS * SPAN_PART_WORDS }, (_, i) =>
    [record, (i >>> 3) * SPAN_PART, i & (SPAN_PART_WORDS - 1)].reduce((a, b) => a + b),
  );

it('no two span records share a word, nor one with the records of another kind or the span of empty caches', () => {
  const { m } = t.mem;
  // More than two chunks of 128, and others between them.
  const owners = new Map<number, number>();
  const own = (word: number, record: number): void => {
    expect(owners.get(word), `word ${word} of ${record}`).toBeUndefined();
    owners.set(word, record);
  };
  for (const word of wordsOf(m[H_EMPTY_SPAN]!)) own(word, m[H_EMPTY_SPAN]!);
  for (let round = 0; round < 30; round++) {
    for (const record of take(FIX_SPANS, 10)) for (const word of wordsOf(record)) own(word, record);
    for (const record of take(FIX_SPECIALS, 10)) for (let i = 0; i < SPECIAL_WORDS; i++) own(record + i, record);
  }
  const last = Math.max(...owners.keys());
  expect(last).toBeLessThan(m[H_PERSISTENT_NEXT]!);
});

it('a span’s first part is aligned to its words, and its last word lies within its extent', () => {
  t.lock(H_HEAP_LOCK);
  persistentAlloc(t, 2); // so that the next chunk is not aligned by itself
  t.unlock(H_HEAP_LOCK);
  for (const record of take(FIX_SPANS, 300)) expect(record % SPAN_PART_WORDS).toBe(0);
  expect(Math.max(...wordsOf(0))).toBe(SPAN_EXTENT - 1);
});

it('a record that was freed comes back first, with all that it held but its first word', () => {
  const { m } = t.mem;
  const [a] = take(FIX_SPANS, 2) as [number];
  for (const word of wordsOf(a)) m[word] = word;
  t.lock(H_HEAP_LOCK);
  fixFree(t, FIX_SPANS, a as never);
  t.unlock(H_HEAP_LOCK);
  expect(take(FIX_SPANS, 1)).toEqual([a]);
  for (const word of wordsOf(a).slice(1)) expect(m[word]).toBe(word);
});
