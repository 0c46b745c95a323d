/** The stages of the heap profile's counts, against a plain list of what happened. */
import { expect, test } from 'vitest';
import type { Ref } from '../../../src/base/brand.ts';
import { BUCKET_ALLOCS, BUCKET_WORDS, H_PROFILE_BUCKETS, H_PROFILE_PERIOD } from '../../../src/layout/profile.ts';
import {
  beginPeriod,
  countFreed,
  countSampled,
  countSwept,
  prepareStage,
  readCounts,
} from '../../../src/spans/profile.ts';
import { newSeed, random } from '../../support/random.ts';

const BUCKET = 8192 as Ref;

/** Allocator memory with one bucket. */
function makeWords(): Int32Array {
  const m = new Int32Array(BUCKET + BUCKET_WORDS);
  m[H_PROFILE_BUCKETS] = BUCKET;
  return m;
}

test('a profile is the heap at the end of a mark, whatever happened since', () => {
  const r = random(newSeed('profile stages'));
  for (let round = 0; round < 50; round++) {
    const m = makeWords();
    let live = 0;
    let young = 0;
    let allocated = 0;
    /** What a profile of the last complete mark must say. */
    let published = { allocs: 0, frees: 0 };
    for (let period = 0; period < 8; period++) {
      const step = (): void => {
        if (r.oneIn(3) && live + young > 0) {
          countFreed(m, BUCKET);
          if (live > 0) live--;
          else young--;
        } else {
          countSampled(m, BUCKET);
          allocated++;
          young++;
        }
      };
      for (let i = r.below(20); i > 0; i--) step();
      // A mark ends: some are dead. They are swept while the program goes on.
      prepareStage(m);
      // Whoever prepared it died; the next one does it again.
      if (r.oneIn(3)) prepareStage(m);
      beginPeriod(m);
      const all = live + young;
      let dead = r.below(all + 1);
      const before = published;
      published = { allocs: allocated, frees: allocated - all + dead };
      live = all - dead;
      young = 0;
      while (dead > 0) {
        if (period > 0) expect(readCounts(m, BUCKET, 2)).toEqual(before);
        if (r.oneIn(2)) step();
        countSwept(m, BUCKET);
        dead--;
      }
      expect(readCounts(m, BUCKET, 1)).toEqual(published);
      for (let i = r.below(20); i > 0; i--) step();
      expect(readCounts(m, BUCKET, 1)).toEqual(published);
      expect(readCounts(m, BUCKET, 0)).toEqual({ allocs: allocated, frees: allocated - live - young });
    }
  }
});

test('counts go on beyond 32 bits', () => {
  const m = makeWords();
  m[BUCKET + BUCKET_ALLOCS] = -2;
  for (let i = 0; i < 5; i++) countSampled(m, BUCKET);
  expect(readCounts(m, BUCKET, 0).allocs).toBe(2 ** 32 + 3);
  m[H_PROFILE_PERIOD] = 0;
  prepareStage(m);
  beginPeriod(m);
  countSampled(m, BUCKET);
  expect(readCounts(m, BUCKET, 1).allocs).toBe(2 ** 32 + 3);
});
