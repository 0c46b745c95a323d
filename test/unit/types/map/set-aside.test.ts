/**
 * `get` of a place sets memory aside for its copy, and nothing roots that memory. A cycle of the collector may come in
 * between: then it is garbage, and may be somebody else's. Here the cycle comes while the key is looked for.
 */
import { expect, test } from 'vitest';
import { createHeap } from '../../../../src/index.ts';
import type { MapHost } from '../../../../src/types/map/host.ts';
import { keyCodec } from '../../../../src/types/map/keys.ts';
import { makeMapOps } from '../../../../src/types/map/ops.ts';
import { mapHost, valueCodec } from '../../../support/map-host.ts';

/** Bytes of a `place`, and what stands in those that the test takes. */
const SIZE = 12;
const MARK = 0x5eed;

test.each([1, 1000])('a copy is not made in memory that a cycle has freed since: %d attempts', (most) => {
  const heap = createHeap({ maxBytes: 2 ** 24, background: false, gcPercent: -1 });
  const filled = heap.raw.type({ name: 'filled', size: SIZE, pointers: [4] });
  const others: number[] = [];
  const plain = mapHost(heap);
  const { i32 } = plain.mem;
  /** Memory set aside for copies. */
  const aside: number[] = [];
  let watching = false;
  let attempts = 0;
  const host: MapHost = {
    ...plain,
    alloc(size, type) {
      const addr = plain.alloc(size, type);
      if (watching) aside.push(addr);
      return addr;
    },
  };
  const keys = keyCodec(host, 'u32');
  const interrupted: typeof keys = {
    ...keys,
    find(...args) {
      // Looked for after memory was set aside: a whole cycle, and others take what it has freed.
      if (aside.length > attempts && attempts < most) {
        attempts = aside.length;
        heap.gc();
        others.length = 0;
        for (let i = 0; i < 1000; i++) {
          const other = heap.raw.newarray(filled, 1);
          i32[other >>> 2] = MARK;
          others.push(other);
        }
      }
      return keys.find(...args);
    },
  };
  heap.scope(() => {
    const ops = makeMapOps(host, interrupted, valueCodec(host, 'place'));
    const h = ops.create();
    ops.set(h, 7, [41, 0, 43]);
    // The map itself outlives the cycle.
    heap.raw.pin(h);
    watching = true;
    const copy = (ops.get(h, 7) as { $a: number }).$a;
    watching = false;
    expect(
      aside.some((addr) => others.includes(addr)),
      'somebody has the memory',
    ).toBe(true);
    expect(attempts).toBeGreaterThanOrEqual(Math.min(most, 2));
    expect(aside.length, 'memory was set aside again after the last cycle').toBe(attempts + 1);
    expect([0, 1, 2].map((i) => i32[(copy >>> 2) + i])).toEqual([41, 0, 43]);
    expect(others).not.toContain(copy);
    for (const other of others) {
      expect([0, 1, 2].map((i) => i32[(other >>> 2) + i])).toEqual([MARK, 0, 0]);
    }
    // Nobody has freed what is another's now.
    for (const other of others) heap.raw.free(other);
    heap.verify();
  });
});
