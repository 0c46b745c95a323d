import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ALLOCATION_SIZE,
  GROWSLICE_LEN,
  grownCap,
  growsliceError,
  MAKECHAN_SIZE,
  MAKESLICE_CAP,
  MAKESLICE_LEN,
  makechanError,
  makeslicecopyError,
  makesliceError,
  newarrayError,
} from '../../../src/malloc/limits.ts';
import { goSizeClasses } from '../../../src/spans/size-classes.ts';

const classes = goSizeClasses('go1.16');
const MAX = 2 ** 32;
const HEADER = 96;

describe('the limits', () => {
  it('let pass what fits, to the byte', () => {
    expect(makesliceError(8, 0, MAX / 8, MAX)).toBeNull();
    expect(makeslicecopyError(8, MAX / 8, 0, MAX)).toBeNull();
    expect(newarrayError(1, MAX, MAX)).toBeNull();
    expect(makechanError(1, MAX - HEADER, MAX, HEADER)).toBeNull();
    expect(growsliceError(1, 0, MAX, MAX, classes)).toBeNull();
  });

  it('refuse one more', () => {
    expect(makesliceError(8, 0, MAX / 8 + 1, MAX)).toBe(MAKESLICE_CAP);
    expect(makesliceError(8, MAX / 8 + 1, MAX / 8 + 1, MAX)).toBe(MAKESLICE_LEN);
    expect(makeslicecopyError(8, MAX / 8 + 1, 0, MAX)).toBe(MAKESLICE_LEN);
    expect(newarrayError(1, MAX + 1, MAX)).toBe(ALLOCATION_SIZE);
    expect(makechanError(1, MAX - HEADER + 1, MAX, HEADER)).toBe(MAKECHAN_SIZE);
    expect(growsliceError(1, 0, MAX + 1, MAX, classes)).toBe(GROWSLICE_LEN);
  });

  it('refuse negative counts, the length before the capacity', () => {
    expect(makesliceError(0, -1, 5, MAX)).toBe(MAKESLICE_LEN);
    expect(makesliceError(1, 0, -1, MAX)).toBe(MAKESLICE_CAP);
    expect(makesliceError(1, 6, 5, MAX)).toBe(MAKESLICE_CAP);
    expect(newarrayError(0, -1, MAX)).toBe(ALLOCATION_SIZE);
    expect(makechanError(0, -1, MAX, HEADER)).toBe(MAKECHAN_SIZE);
    expect(growsliceError(0, 5, 4, MAX, classes)).toBe(GROWSLICE_LEN);
    expect(growsliceError(1, 0, -1, MAX, classes)).toBe(GROWSLICE_LEN);
  });

  it('do not look at the size of a single element, or at the length of a copy that is not longer', () => {
    expect(newarrayError(MAX + 1, 1, MAX)).toBeNull();
    expect(makeslicecopyError(MAX, 100, 100, MAX)).toBeNull();
    expect(makeslicecopyError(1, 5, -1, MAX)).toBeNull();
  });

  it('count the growth, not only the need', () => {
    const old = (MAX / 8) * 0.9;
    expect(growsliceError(8, old, old + 1, MAX, classes)).toBe(GROWSLICE_LEN);
    expect(growsliceError(8, MAX / 8 / 2, MAX / 8, MAX, classes)).toBe(GROWSLICE_LEN);
    expect(growsliceError(8, 0, MAX / 8, MAX, classes)).toBeNull();
    // It would fit, but not rounded up to whole pages.
    expect(growsliceError(1, 0, MAX - 1, MAX - 1, classes)).toBe(GROWSLICE_LEN);
  });
});

/** Go's checks in its own arithmetic: 64-bit integers that wrap around. */
function goTwin(op: string, elemSize: bigint, a: bigint, b: bigint, maxAlloc: bigint): string | null {
  const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
  const bad = (n: bigint, max = maxAlloc): boolean => elemSize * u64(n) >= 1n << 64n || elemSize * u64(n) > max;
  switch (op) {
    case 'makeslice':
      if (!bad(b) && a >= 0n && a <= b) return null;
      return bad(a) || a < 0n ? MAKESLICE_LEN : MAKESLICE_CAP;
    case 'makeslicecopy':
      return u64(a) > u64(b) && (bad(a) || a < 0n) ? MAKESLICE_LEN : null;
    case 'newarray':
      return a !== 1n && (bad(a) || a < 0n) ? ALLOCATION_SIZE : null;
    case 'makechan':
      return bad(a, maxAlloc - BigInt(HEADER)) || a < 0n ? MAKECHAN_SIZE : null;
    default:
      return growTwin(elemSize, a, b, maxAlloc);
  }
}

function growTwin(elemSize: bigint, oldCap: bigint, need: bigint, maxAlloc: bigint): string | null {
  const i64 = (x: bigint): bigint => BigInt.asIntN(64, x);
  if (need < oldCap) return GROWSLICE_LEN;
  if (elemSize === 0n) return null;
  let cap = oldCap;
  const double = i64(cap + cap);
  if (need > double) cap = need;
  else if (oldCap < 256n) cap = double;
  else {
    while (cap > 0n && cap < need) cap = i64(cap + i64(cap + 768n) / 4n);
    if (cap <= 0n) cap = need;
  }
  const bytes = elemSize * BigInt.asUintN(64, cap);
  if (bytes >= 1n << 64n || bytes > maxAlloc) return GROWSLICE_LEN;
  return bytes > 32768n && ((bytes + 8191n) / 8192n) * 8192n > maxAlloc ? GROWSLICE_LEN : null;
}

describe('in plain numbers and in BigInts', () => {
  const OPS = ['makeslice', 'makeslicecopy', 'newarray', 'makechan', 'growslice'];
  /** Counts where something happens: around powers of two, and what fits exactly. */
  const count = fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -3, max: 3 }), fc.boolean())
    .map(([bits, d, minus]) => BigInt.asIntN(64, (minus ? -1n : 1n) * ((1n << BigInt(bits)) + BigInt(d))));
  const elem = fc.oneof(
    fc.integer({ min: 0, max: 100 }),
    fc.integer({ min: 0, max: 32 }).map((n) => 2 ** n),
  );
  const limit = fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48);

  const ours = (op: string, elemSize: number, a: number | bigint, b: number | bigint, max: number): string | null => {
    if (op === 'makeslice') return makesliceError(elemSize, a, b, max);
    if (op === 'makeslicecopy') return makeslicecopyError(elemSize, a, b, max);
    if (op === 'newarray') return newarrayError(elemSize, a, max);
    if (op === 'makechan') return makechanError(elemSize, a, max, HEADER);
    return growsliceError(elemSize, a, b, max, classes);
  };

  it('says what Go says in 64-bit integers', () => {
    fc.assert(
      fc.property(fc.constantFrom(...OPS), elem, count, count, limit, (op, elemSize, a, b, max) => {
        // A capacity is never negative.
        const first = op === 'growslice' && a < 0n ? -(a + 1n) : a;
        expect(ours(op, elemSize, first, b, max)).toBe(goTwin(op, BigInt(elemSize), first, b, BigInt(max)));
      }),
      { numRuns: 20_000 },
    );
  });

  it('says the same for a number as for the BigInt of the same value', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...OPS),
        elem,
        fc.maxSafeInteger(),
        fc.maxSafeInteger(),
        limit,
        (op, elemSize, a, b, max) => {
          expect(ours(op, elemSize, a, b, max)).toBe(ours(op, elemSize, BigInt(a), BigInt(b), max));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('gives the capacity that goes with it', () => {
    expect([
      grownCap(8, 4, 5, classes),
      grownCap(8, 4n, 5n, classes),
      grownCap(0, 0n, 2n ** 63n - 1n, classes),
    ]).toEqual([8, 8, 2n ** 63n - 1n]);
  });
});
