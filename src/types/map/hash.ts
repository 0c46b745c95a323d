/**
 * Hash functions. Keyed with 64 random bits of each map, so that a program that takes keys from others cannot be given
 * many that collide.
 *
 * Strings and bytes: HalfSipHash-1-3 (Aumasson and Bernstein's SipHash with 32-bit words; what Linux hashes its tables
 * with on 32-bit machines). Multiplicative hashes of 32 bits are faster for long keys, but have collisions that hold for
 * every seed.
 */

/**
 * Hash of `length` bytes, which lie in `words` and are followed by zeroes up to the end of the last word. `words` has a
 * word more than they fill.
 */
export function hashWords(words: Int32Array, length: number, k0: number, k1: number): number {
  // Integers, says `| 0`: of unknown numbers V8 would add up floats, at three times the cost of all of this.
  let v0 = k0 | 0;
  let v1 = k1 | 0;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  const whole = length >>> 2;
  // One round a word. Written out, here and below: the state is four variables, which a function could not return.
  for (let i = 0; i < whole; i++) {
    const word = words[i]!;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  const last = words[whole]! | (length << 24);
  return lastRounds(v0, v1, v2, v3 ^ last, last, 0xff);
}

/**
 * `hashWords` for texts of ASCII of 4 characters and more, which are put into `words` on the way: a round takes the
 * processor no time beside reading the next four characters. The words that they fill are followed by one that is negative
 * if they were not all ASCII: then the hash means nothing. For one array, which is a constant to the compiler.
 */
export function makeTextHash(words: Int32Array): (text: string, k0: number, k1: number) => number {
  return (text, k0, k1) => {
    let v0 = k0 | 0;
    let v1 = k1 | 0;
    let v2 = 0x6c796765 ^ k0;
    let v3 = 0x74656462 ^ k1;
    const { length } = text;
    const whole = length >>> 2;
    let all = 0;
    for (let i = 0; i < whole; i++) {
      const word = fourOf(text, i << 2);
      // As a whole: a processor waits when it is to read a word that was just stored in parts.
      words[i] = word;
      all |= word;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    // What is left of the last four characters, if those before are taken away: in two steps, since 32 would be 0.
    const end = fourOf(text, length - 4);
    const rest = (end >>> 8) >>> ((3 - (length & 3)) << 3);
    words[whole] = rest;
    words[whole + 1] = all | end;
    const last = rest | (length << 24);
    return lastRounds(v0, v1, v2, v3 ^ last, last, 0xff);
  };
}

/** Four characters from `at` on as the bytes of a word; −1, which no others give, if they are not all ASCII. */
function fourOf(text: string, at: number): number {
  const a = text.charCodeAt(at);
  const b = text.charCodeAt(at + 1);
  const c = text.charCodeAt(at + 2);
  const d = text.charCodeAt(at + 3);
  return (a | b | c | d) > 127 ? -1 : a | (b << 8) | (c << 16) | (d << 24);
}

/**
 * Hash of three words: all go into the state at once, as in Chaskey, and then through as many rounds of HalfSipHash as the
 * last word of a longer message does.
 */
export function hashThree(a: number, b: number, c: number, k0: number, k1: number): number {
  return lastRounds(k0 ^ a, k1 ^ b, 0x6c796765 ^ k0 ^ c, 0x74656462 ^ k1, 0, 0);
}

/** A round for the last word, which holds the rest of the bytes and the length, and three more; in between, `x0` and `x2`. */
function lastRounds(s0: number, s1: number, s2: number, s3: number, x0: number, x2: number): number {
  let v0 = s0;
  let v1 = s1;
  let v2 = s2;
  let v3 = s3;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round > 0) continue;
    v0 ^= x0;
    v2 ^= x2;
  }
  return v1 ^ v3;
}

/** One-to-one on 32 bits; every bit of the result depends on every bit of `x` (murmur3's finalizer). */
function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Hash of an integer of 32 bits: no two have the same. */
export function hashInt(x: number, k0: number, k1: number): number {
  return mix((mix(x ^ k0) + (k1 | 0)) | 0);
}

/** Hash of an integer of 64 bits. */
export function hashPair(lo: number, hi: number, k0: number, k1: number): number {
  return mix((mix((mix(lo ^ k0) + (hi | 0)) | 0) + (k1 | 0)) | 0);
}
