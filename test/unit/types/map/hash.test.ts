/** Hashes: keyed, spread over all bits that the map uses, and the same however a key is written. */
import { expect, test } from 'vitest';
import { createHeap, map, string as text, u32 } from '../../../../src/index.ts';
import { MAP_SEED0, MAP_SEED1 } from '../../../../src/layout/map.ts';
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
    (w: number[]) => hashWords(Int32Array.of(w[0]!, w[1]!, w[2]!, 0, 0), 12, w[3]!, w[4]!),
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

test('also where one character, at any place, is no ASCII: as the map that has the bytes finds it', () => {
  const bytes = keyCodec(host, 'bytes');
  for (const length of [11, 12, 13, 14, 15, 16, 31, 63, 64, 65, 66]) {
    for (let at = 0; at < length; at++) {
      for (const other of ['\x7f', '\x80', 'ÿ', 'Ā', '€', '\ud800']) {
        const text = `${'k'.repeat(at)}${other}${'k'.repeat(length - at - 1)}`;
        const encoded = new TextEncoder().encode(text);
        expect(string.load(text, '', 3, 4), `${other} at ${at} of ${length}`).toBe(bytes.load(encoded, '', 3, 4));
      }
    }
  }
});

test('keys that differ in one character are different keys, and each is found', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24 });
  heap.scope(() => {
    const seen = heap.new(map(text, u32));
    const keys = [11, 12, 13, 15, 16, 64, 65, 255, 1023, 1024, 1025].flatMap((length) =>
      Array.from({ length }, (_, at) => `${'k'.repeat(at)}K${'k'.repeat(length - at - 1)}`),
    );
    for (const [i, key] of keys.entries()) seen.set(key, i);
    expect(seen.size).toBe(keys.length);
    expect(keys.map((key) => seen.get(key))).toEqual(keys.map((_, i) => i));
    heap.verify();
  });
});

test('keys with one hash are told apart by each of their bytes', () => {
  // Four characters differ, which are a word, or parts of two, of keys that are loaded and compared in different ways.
  for (const prefix of [
    'k'.repeat(8),
    'k'.repeat(11),
    'k'.repeat(59),
    'k'.repeat(60),
    'k'.repeat(61),
    'k'.repeat(1023),
  ]) {
    const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24 });
    heap.scope(() => {
      const seen = heap.new(map(text, u32));
      const at = heap.addressOf(seen) >>> 2;
      const { i32 } = heap.memory;
      const seeds = [i32[at + MAP_SEED0]!, i32[at + MAP_SEED1]!] as const;
      const byHash = new Map<number, string>();
      let pair: string[] = [];
      for (let i = 0; pair.length === 0; i++) {
        const key = prefix + i.toString(36).padStart(4, '0');
        const hash = string.load(key, '', ...seeds);
        const other = byHash.get(hash);
        if (other !== undefined) pair = [other, key];
        byHash.set(hash, key);
      }
      seen.set(pair[0]!, 1);
      expect(seen.has(pair[1]!)).toBe(false);
      seen.set(pair[1]!, 2);
      expect(pair.map((key) => seen.get(key))).toEqual([1, 2]);
    });
  }
});
