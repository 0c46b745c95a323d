import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { growsliceCap, nextslicecap } from '../../../src/malloc/slice-math.ts';
import { goSizeClasses } from '../../../src/spans/size-classes.ts';

const classes = goSizeClasses('go1.16');

describe('nextslicecap', () => {
  it('doubles below 256, then slides towards a quarter more', () => {
    expect([nextslicecap(3, 2), nextslicecap(256, 255), nextslicecap(257, 256), nextslicecap(513, 512)]).toEqual([
      4, 510, 512, 832,
    ]);
    expect(nextslicecap(10 ** 9 + 1, 10 ** 9) / 10 ** 9).toBeCloseTo(1.25, 5);
  });

  it('gives what is asked for when that is more than double', () => {
    expect([nextslicecap(5, 0), nextslicecap(5, 2), nextslicecap(4, 2), nextslicecap(1001, 500)]).toEqual([
      5, 5, 4, 1001,
    ]);
  });

  it('is enough, and follows the rule in whole numbers, for all lengths', () => {
    const len = fc.oneof(
      fc.nat({ max: 2000 }),
      fc.nat(),
      fc.maxSafeNat().map((n) => Math.floor(n / 8)),
    );
    fc.assert(
      fc.property(len, fc.integer({ min: 1, max: 5000 }), (oldCap, more) => {
        const need = oldCap + more;
        const cap = nextslicecap(need, oldCap);
        expect(cap).toBeGreaterThanOrEqual(need);
        // The same rule in arithmetic that cannot round.
        let want = BigInt(oldCap);
        if (need > 2 * oldCap) want = BigInt(need);
        else if (oldCap < 256) want *= 2n;
        else while (want < BigInt(need)) want += (want + 768n) / 4n;
        expect(BigInt(cap)).toBe(want);
      }),
    );
  });
});

describe('growsliceCap', () => {
  it('uses up what the size class gives', () => {
    expect([growsliceCap(1, 0, 1, classes), growsliceCap(8, 4, 5, classes), growsliceCap(24, 1, 2, classes)]).toEqual([
      8, 8, 2,
    ]);
    expect(growsliceCap(5, 0, 5, classes)).toBe(6);
    expect(growsliceCap(8, 4096, 4097, classes)).toBe(6144);
  });

  it('gives elements without size exactly what is asked for', () => {
    expect(growsliceCap(0, 7, 100, classes)).toBe(100);
  });

  it('depends on the table', () => {
    expect([growsliceCap(1, 0, 17, classes), growsliceCap(1, 0, 17, goSizeClasses('go1.14'))]).toEqual([24, 32]);
  });
});
