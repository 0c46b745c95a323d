/**
 * A heap that is no heap: objects one after another, freed memory never used again, and faults on request. It lets the
 * tests of the replay see that a fault is found, which the real heap cannot show.
 */
import type { ReplayHeap } from '../../../src/cli/replay/heap.ts';
import { OutOfMemoryError } from '../../../src/index.ts';

export interface Faults {
  /** The nth calloc (from 0) is not zeroed. */
  dirtyCalloc?: number;
  /** The nth allocation (from 0) overlaps the one before it. */
  overlap?: number;
  /** The nth allocation (from 0) fails for lack of memory, as often as this says. */
  outOfMemory?: { nth: number; times: number };
  /** The nth resize (from 0) forgets the content. */
  forgetOnResize?: number;
}

const BYTES = 1 << 20;

export function fakeHeap(faults: Faults = {}): { heap: ReplayHeap; calls: string[] } {
  const buffer = new SharedArrayBuffer(BYTES);
  const u8 = new Uint8Array(buffer);
  const calls: string[] = [];
  const sizes = new Map<number, number>();
  let top = 64;
  let last = 0;
  let allocations = 0;
  let callocs = 0;
  let resizes = 0;
  let scopes = 0;
  const place = (size: number): number => {
    const address = top;
    top += (size + 15) & ~15;
    sizes.set(address, size);
    return address;
  };
  const raw = {
    mallocgc(size: number, _type: null, needzero: boolean): number {
      if (scopes === 0) throw new Error('mallocgc outside a region');
      calls.push(`malloc ${size}${needzero ? ' zeroed' : ''}`);
      const { outOfMemory } = faults;
      if (outOfMemory?.nth === allocations && outOfMemory.times-- > 0) throw new OutOfMemoryError(size, 0, BYTES);
      const address = allocations++ === faults.overlap ? last : place(size);
      if (needzero) u8.fill(callocs++ === faults.dirtyCalloc ? 1 : 0, address, address + size);
      last = address;
      return address;
    },
    free(address: number): void {
      calls.push('free');
      if (!sizes.delete(address)) throw new Error(`free of ${address}`);
    },
    realloc(address: number, size: number): number {
      calls.push(`realloc ${size}`);
      const old = sizes.get(address) as number;
      const moved = place(size);
      if (resizes++ !== faults.forgetOnResize) u8.copyWithin(moved, address, address + Math.min(old, size));
      sizes.delete(address);
      return moved;
    },
    usableSize: (address: number): number => (sizes.get(address) as number) + 15,
    roundupsize: (size: number): number => (size + 15) & ~15,
  };
  const heap = {
    raw,
    memory: { u8, i32: new Int32Array(buffer), f64: new Float64Array(buffer) },
    scope<T>(fn: () => T): T {
      scopes++;
      try {
        return fn();
      } finally {
        scopes--;
      }
    },
    poll(): void {},
    verify(): void {},
    stats: () => ({ heapInUseBytes: top, heapReleasedBytes: 0 }),
  };
  return { heap: heap as unknown as ReplayHeap, calls };
}
