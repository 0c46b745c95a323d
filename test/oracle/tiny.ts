import type { Addr } from '../../src/base/brand.ts';
import { TINY_SIZE } from '../../src/layout/constants.ts';
import { type Checker, type Doc, list, same, type Tally } from './tally.ts';

/** What the checker needs of an allocator of 64-bit pointers. */
export interface TinyDriver {
  /** Forgets the current tiny block. So many bytes will be allocated, and none of them reused. */
  reset(bytes: number): void;
  mallocgc(size: number, pointers: boolean): Addr;
}

type Alloc = readonly [size: number, block: number | null, offset: number | null, type?: string];

interface Sequence {
  readonly id: string;
  readonly kind: string;
  readonly allocs: readonly Alloc[];
}

function hasPointers(type: string | undefined): boolean {
  return type !== undefined && (type === 'string' || type.includes('*'));
}

function checkSequence(s: Sequence, driver: TinyDriver): string | null {
  driver.reset(s.allocs.reduce((sum, [size]) => sum + size, 0));
  // Blocks by address, numbered as they appear.
  const blocks = new Map<number, number>();
  for (const [i, [size, block, offset, type]] of s.allocs.entries()) {
    const addr = driver.mallocgc(size, hasPointers(type));
    if (block === null) continue;
    const at = addr - (addr % TINY_SIZE);
    if (!blocks.has(at)) blocks.set(at, blocks.size);
    const wrong = same(`allocation ${i} of ${size} bytes`, [blocks.get(at), addr % TINY_SIZE], [block, offset]);
    if (wrong !== null) return wrong;
  }
  return null;
}

export function tinyChecker(makeDriver: () => TinyDriver): Checker {
  return {
    name: 'tiny',
    sections: ['sequences'],
    run(doc: Doc, tally: Tally): void {
      const driver = makeDriver();
      for (const s of list<Sequence>(doc, 'sequences')) tally.case(s.id, () => checkSequence(s, driver));
    },
  };
}
