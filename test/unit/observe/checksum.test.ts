/** The checksum of snapshot files: it must not change, and each change of one word must change it. */
import { expect, test } from 'vitest';
import { checksum } from '../../../src/observe/snapshot/checksum.ts';
import { newSeed, random } from '../../support/random.ts';

/** The same by its definition, one word at a time. */
function plain(words: readonly number[], seed: number): number {
  const P = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f].map((p) => p | 0);
  const rotl = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
  const lanes = P.map((p) => seed ^ p);
  words.forEach((word, i) => {
    const lane = i < (words.length & ~3) ? i & 3 : 0;
    lanes[lane] = Math.imul(rotl(lanes[lane]! ^ word, 13), P[lane]!);
  });
  let h = words.length;
  for (const lane of lanes) h = Math.imul(rotl(h, 17) ^ lane, P[1]!);
  h = Math.imul(h ^ (h >>> 15), P[2]!);
  h = Math.imul(h ^ (h >>> 13), P[3]!);
  return (h ^ (h >>> 16)) | 0;
}

test.each([
  [[], 0],
  [[0], 0],
  [[1], 0],
  [[1, 2, 3, 4], 1],
  [[1, 2, 3, 4, 5, 6, 7], 7],
  [[-1, -1, -1, -1, -1], -1],
] as const)('of %j with seed %i', (words, seed) => {
  const value = checksum(Int32Array.from(words), 0, words.length, seed);
  expect(value).toBe(plain([...words], seed));
});

// docs/snapshot-format.md has these.
test.each([
  [[], 1, '020c0111'],
  [[1], 1, 'bd68f530'],
  [[1, 2, 3, 4], 1, 'e0413f39'],
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], 1, '196eccde'],
] as const)('test vectors: %j, seed %i', (words, seed, expected) => {
  expect((checksum(Int32Array.from(words), 0, words.length, seed) >>> 0).toString(16).padStart(8, '0')).toBe(expected);
});

test('agrees with its definition, and notices every change of a word', () => {
  const rnd = random(newSeed('checksum'));
  for (let round = 0; round < 500; round++) {
    const words = Array.from({ length: rnd.below(40) }, () => rnd.below(2 ** 32) | 0);
    const array = Int32Array.from([9, ...words, 9]);
    const seed = rnd.below(2 ** 32) | 0;
    const value = checksum(array, 1, words.length + 1, seed);
    expect(value).toBe(plain(words, seed));
    if (words.length === 0) continue;
    array[1 + rnd.below(words.length)]! ^= 1 << rnd.below(32);
    expect(checksum(array, 1, words.length + 1, seed)).not.toBe(value);
  }
});
