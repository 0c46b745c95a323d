/**
 * Hash functions. Keyed with 64 random bits of each map, so that a program that takes keys from others cannot be given
 * many that collide.
 *
 * Strings and bytes: HalfSipHash-1-3 (Aumasson and Bernstein's SipHash with 32-bit words; what Linux hashes its tables
 * with on 32-bit machines). Multiplicative hashes of 32 bits are faster for long keys, but have collisions that hold for
 * every seed.
 */

/** Four characters from `at` on as the bytes of a word; −1, which no others give, if they are not all ASCII. */
function fourOf(text: string, at: number): number {
  const a = text.charCodeAt(at);
  const b = text.charCodeAt(at + 1);
  const c = text.charCodeAt(at + 2);
  const d = text.charCodeAt(at + 3);
  return (a | b | c | d) > 127 ? -1 : a | (b << 8) | (c << 16) | (d << 24);
}

/** The same for those that are left, three at most. */
function restOf(text: string, from: number): number {
  let rest = 0;
  for (let i = from, shift = 0; i < text.length; i++, shift += 8) {
    const c = text.charCodeAt(i);
    if (c > 127) return -1;
    rest |= c << shift;
  }
  return rest;
}

/**
 * Hash of `length` bytes, which lie in `words` and are followed by zeroes up to the end of the last word. `words` has two
 * words more than they fill.
 *
 * With a `text`, of that length, its characters are put there on the way, and the words they fill are followed by one
 * that is negative if they were not all ASCII: then the hash means nothing. A round takes the processor no time beside
 * reading the next four characters. Whole words are stored, since it waits when it is to read one that was stored in
 * parts.
 */
export function hashWords(words: Int32Array, length: number, k0: number, k1: number, text = ''): number {
  // Integers, says `| 0`: of unknown numbers V8 would add up floats, at three times the cost of all of this.
  let v0 = k0 | 0;
  let v1 = k1 | 0;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  const whole = length >>> 2;
  const isText = text !== '';
  let all = 0;
  // One round a word. Written out, here and below: the state is four variables, which a function could not return.
  for (let i = 0; i < whole; i++) {
    const word = isText ? fourOf(text, i << 2) : words[i]!;
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
  // A round for the last word, which holds the rest of the bytes and the length, and three more.
  const rest = isText ? restOf(text, whole << 2) : words[whole]!;
  words[whole] = rest;
  words[whole + 1] = all | rest;
  const last = rest | (length << 24);
  v3 ^= last;
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
    v0 ^= last;
    v2 ^= 0xff;
  }
  return v1 ^ v3;
}

/**
 * Hash of three words: all go into the state at once, as in Chaskey, and then through as many rounds of HalfSipHash as the
 * last word of a longer message does.
 */
export function hashThree(a: number, b: number, c: number, k0: number, k1: number): number {
  let v0 = k0 ^ a;
  let v1 = k1 ^ b;
  let v2 = 0x6c796765 ^ k0 ^ c;
  let v3 = 0x74656462 ^ k1;
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
