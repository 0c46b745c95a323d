/** The collector's words: no two of them are one. */
import { expect, test } from 'vitest';
import * as words from '../../../src/layout/gc.ts';
import { H_GC } from '../../../src/layout/header.ts';

test('every word of the collector is a word of its own', () => {
  const names = new Map<number, string[]>();
  for (const [name, word] of Object.entries(words)) {
    if (!name.startsWith('GC_') || name === 'GC_WORDS' || word < H_GC) continue;
    names.set(word, [...(names.get(word) ?? []), name]);
  }
  expect(names.size).toBeGreaterThan(40);
  expect([...names.values()].filter((same) => same.length > 1)).toEqual([]);
});
