/** Bit and rounding helpers. All work on 32-bit integers and inline to a few instructions. */

/** Count of trailing zeros; 32 for 0. */
export function ctz32(x: number): number {
  return x === 0 ? 32 : 31 - Math.clz32(x & -x);
}

/** Number of 1 bits. */
export function popcount32(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** `n` low bits set, 0 ≤ n ≤ 32. */
export function lowMask(n: number): number {
  return n >= 32 ? -1 : (1 << n) - 1;
}

/** `n` rounded up to a multiple of `to`; any positive `to`, exact up to 2⁵³. */
export function roundUp(n: number, to: number): number {
  const rest = n % to;
  return rest === 0 ? n : n + to - rest;
}

export function roundDown(n: number, to: number): number {
  return n - (n % to);
}

export function isPowerOfTwo(n: number): boolean {
  return n > 0 && Number.isInteger(Math.log2(n));
}
