/** Hashes: keyed, spread over all bits that the map uses, and the same however a key is written. */
import { expect, test } from 'vitest';
import { createHeap } from '../../../../src/index.ts';
import { hashInt, hashPair, hashThree, hashWords } from '../../../../src/types/map/hash.ts';
import { keyCodec } from '../../../../src/types/map/keys.ts';
import { mapHost } from '../../../support/map-host.ts';
import { random } from '../../../support/random.ts';

const host = mapHost(createHeap({ gc: 'off', maxBytes: 2 ** 22 }));

/** Mean of the squared deviations over their expectation; about 1 for a good hash. */
function chiSquared(hashes: number[], bucket: (hash: number) => number, buckets: number): number {
  const counts = new Array<number>(buckets).fill(0);
  for (const hash of hashes) counts[bucket(hash)]!++;
  const mean = hashes.length / buckets;
  return counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0) / (buckets - 1);
}

const string = keyCodec(host, 'string');
const SETS: [string, (i: number, k0: number, k1: number) => number][] = [
  ['user:i', (i, k0, k1) => string.load(`user:${i}`, '', k0, k1)],
  ['long keys', (i, k0, k1) => string.load(`/static/images/thumbnails/${i}.png`, '', k0, k1)],
  ['i', (i, k0, k1) => hashInt(i, k0, k1)],
  ['multiples of 65536', (i, k0, k1) => hashInt(i << 14, k0, k1)],
  ['pairs, low word', (i, k0, k1) => hashPair(i, 0, k0, k1)],
  ['pairs, high word', (i, k0, k1) => hashPair(0, i, k0, k1)],
  ['three words', (i, k0, k1) => hashThree(i & 63, (i >> 6) & 63, i >> 12, k0, k1)],
];

test.each(SETS)('%s: groups, control bytes and tables are hit evenly', (_, hash) => {
  for (const [k0, k1] of [
    [0, 0],
    [1, 0],
    [-559038737, 123456789],
  ] as const) {
    const hashes = Array.from({ length: 200_000 }, (_, i) => hash(i, k0, k1));
    expect(chiSquared(hashes, (x) => x & 127, 128)).toBeLessThan(2);
    expect(chiSquared(hashes, (x) => (x >>> 7) & 127, 128)).toBeLessThan(2);
    expect(chiSquared(hashes, (x) => x >>> 24, 256)).toBeLessThan(2);
    expect(chiSquared(hashes, (x) => ((x >>> 24) ^ (x & 255)) & 255, 256)).toBeLessThan(2);
  }
});

test('each bit of a key and of the seeds changes half of the bits', () => {
  const rnd = random(5);
  const word = (): number => rnd.below(2 ** 32) | 0;
  for (const hash of [
    (w: number[]) => hashInt(w[0]!, w[3]!, w[4]!),
    (w: number[]) => hashPair(w[0]!, w[1]!, w[3]!, w[4]!),
    (w: number[]) => hashThree(w[0]!, w[1]!, w[2]!, w[3]!, w[4]!),
    (w: number[]) => hashWords(Int32Array.of(w[0]!, w[1]!, w[2]!, 0), 12, w[3]!, w[4]!),
  ]) {
    const used = [0, 1, 2, 3, 4].filter((i) => {
      const w = [1, 2, 3, 4, 5];
      const before = hash(w);
      w[i] = 99;
      return hash(w) !== before;
    });
    for (const i of used) {
      for (let bit = 0; bit < 32; bit++) {
        let flipped = 0;
        for (let n = 0; n < 400; n++) {
          const w = [word(), word(), word(), word(), word()];
          const before = hash(w);
          w[i]! ^= 1 << bit;
          for (let x = before ^ hash(w); x !== 0; x &= x - 1) flipped++;
        }
        expect(flipped / 400, `word ${i}, bit ${bit}`).toBeGreaterThan(14);
        expect(flipped / 400, `word ${i}, bit ${bit}`).toBeLessThan(18);
      }
    }
  }
});

test('a string has the hash of its bytes, whatever its length and characters', () => {
  const bytes = keyCodec(host, 'bytes');
  for (const text of [
    '',
    'a',
    'é',
    '☃☃☃',
    'ünïcödé',
    'x'.repeat(11),
    'x'.repeat(12),
    '😀'.repeat(400),
    'y'.repeat(2000),
  ]) {
    for (let cut = 0; cut <= Math.min(text.length, 30); cut++) {
      const part = new TextDecoder().decode(new TextEncoder().encode(text.slice(0, cut)));
      expect(string.load(part, '', 3, 4)).toBe(bytes.load(new TextEncoder().encode(part), '', 3, 4));
    }
  }
});
