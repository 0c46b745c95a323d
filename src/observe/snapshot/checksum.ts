/**
 * The checksum of snapshot files: 32 bits over whole 32-bit words, made to be fast in JavaScript (several GB/s), against
 * accidents and not against attackers.
 *
 * Four lanes, each takes every fourth word: lane = rotl(lane ^ word, 13) × odd constant. A step is one-to-one in the word
 * and in the lane, and so is each step that joins the lanes at the end. So whatever happens to one word is noticed for
 * certain; of other changes one in 2³² is not.
 */
import type { Words } from '../../base/brand.ts';

const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0;

/** Checksum of words `from` up to `end`, which begins with `seed`. */
export function checksum(words: Words, from: number, end: number, seed: number): number {
  const { imul } = Math;
  let a = (seed ^ P1) | 0;
  let b = (seed ^ P2) | 0;
  let c = (seed ^ P3) | 0;
  let d = (seed ^ P4) | 0;
  let i = from | 0;
  const whole = (end - 3) | 0;
  for (; i < whole; i = (i + 4) | 0) {
    a ^= words[i]!;
    b ^= words[i + 1]!;
    c ^= words[i + 2]!;
    d ^= words[i + 3]!;
    a = imul((a << 13) | (a >>> 19), P1);
    b = imul((b << 13) | (b >>> 19), P2);
    c = imul((c << 13) | (c >>> 19), P3);
    d = imul((d << 13) | (d >>> 19), P4);
  }
  for (; i < end; i = (i + 1) | 0) {
    a ^= words[i]!;
    a = imul((a << 13) | (a >>> 19), P1);
  }
  let h = (end - from) | 0;
  for (const lane of [a, b, c, d]) h = imul(((h << 17) | (h >>> 15)) ^ lane, P2);
  h = imul(h ^ (h >>> 15), P3);
  h = imul(h ^ (h >>> 13), P4);
  return h ^ (h >>> 16);
}
