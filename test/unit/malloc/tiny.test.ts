import { describe, expect, it } from 'vitest';
import { tinyAlign } from '../../../src/malloc/tiny.ts';

describe('tinyAlign', () => {
  it('goes by the size alone', () => {
    const aligns = (ptrSize: number): number[] => Array.from({ length: 15 }, (_, i) => tinyAlign(i + 1, ptrSize));
    expect(aligns(8)).toEqual([1, 2, 1, 4, 1, 2, 1, 8, 1, 2, 1, 4, 1, 2, 1]);
    expect(aligns(4)).toEqual([1, 2, 1, 4, 1, 2, 1, 8, 1, 2, 1, 8, 1, 2, 1]);
  });
});
