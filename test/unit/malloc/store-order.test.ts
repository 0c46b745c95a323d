/**
 * An object is live from the store of its allocation bit on. By then its memory must be clear and its type number
 * written, whichever way malloc takes. The fast paths run here on a view that looks at the object at that store.
 */
import { expect, test } from 'vitest';
import { createHeap, type Heap, type RType } from '../../../src/index.ts';
import { H_GROWN_PAGES } from '../../../src/layout/header.ts';
import { MC_TOP } from '../../../src/layout/proc.ts';
import { SPAN_ALLOC_BITS, SPAN_BASE, SPAN_ELEMSIZE, SPAN_NELEMS, SPAN_TYPES } from '../../../src/layout/span.ts';
import { type FastPaths, makeFastPaths } from '../../../src/malloc/fast.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { eachSpan } from '../../../src/spans/mspan.ts';

const SIZE = 64;
/** More than a reuse stack and a span hold. */
const COUNT = 500;
/** What a reuse stack has room for. */
const FEW = 20;

/** Calls `begins` when the bit of a slot is set, after the store. */
type Begins = (span: number, index: number) => void;

function watchedPaths(heap: Heap, begins: Begins): FastPaths {
  const real = heap.raw as unknown as Malloc;
  const { mem } = real.t;
  const { m, plan } = mem;
  const bitSet = (bit: number): void =>
    eachSpan(mem, m[H_GROWN_PAGES]!, (s) => {
      const index = bit - m[s + SPAN_ALLOC_BITS]!;
      if (index >= 0 && index < m[s + SPAN_NELEMS]!) begins(s, index);
    });
  const watched = new Proxy(m, {
    get: (target, key) => target[Number(key)],
    set: (target, key, value: number) => {
      const word = Number(key);
      const before = target[word]!;
      target[word] = value;
      if (word < plan.gcBits || word >= plan.gcBitsEnd) return true;
      for (let i = 0; i < 32; i++) if ((value & ~before & (1 << i)) !== 0) bitSet(word * 32 + i);
      return true;
    },
  });
  const { cache, tinySpanClass, hooks, plainWindows, collector } = real;
  const t = { mem: { ...mem, m: watched }, trace: real.t.trace, pause: () => {}, poll: () => real.t.poll() };
  const a = { t, cache, tinySpanClass, hooks, plainWindows, collector };
  const paths = makeFastPaths(a as unknown as Malloc, { words: new Int32Array(2), at: 0 }, new Int32Array(129), 4);
  Object.assign(a, paths);
  return paths;
}

test.each(['scan', 'noscan'] as const)('a %s object is clear, and has its type, when its bit is set', (kind) => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22 });
  const { raw, memory } = heap;
  const [a, b] = ['a', 'b'].map((name) => raw.type({ name, size: SIZE, pointers: [0] })) as [RType, RType];
  const { m, m16 } = (raw as unknown as Malloc).t.mem;
  const { cache } = raw as unknown as Malloc;
  const c = cache.classRef(cache.heap.classes.classOf(SIZE) * 2 + (kind === 'scan' ? 0 : 1));
  let type = a;
  let seen = 0;
  const paths = watchedPaths(heap, (s, index) => {
    seen++;
    const addr = m[s + SPAN_BASE]! + index * m[s + SPAN_ELEMSIZE]!;
    if (kind === 'scan') expect(m16[m[s + SPAN_TYPES]! + index], `type of object ${index}`).toBe(type.number);
    expect(memory.u8.subarray(addr, addr + SIZE).some(Boolean), `object ${index} has old bytes`).toBe(false);
  });
  const make = (n: number): number[] => {
    const made = Array.from({ length: n }, () =>
      kind === 'scan' ? paths.smallScan(c, type.number, true) : paths.small(c, true),
    );
    for (const addr of made) memory.u8.fill(0xff, addr, addr + SIZE);
    return made;
  };
  heap.scope(() => {
    for (const next of [a, b, a]) {
      type = next;
      // From both ends: through the reuse stack, straight into spans, and back to mheap.
      const made = make(COUNT);
      for (let i = 0; i < COUNT; i++) raw.free(made[i % 2 === 0 ? i : COUNT - i]!);
      // The next round begins with these.
      for (const addr of make(FEW)) raw.free(addr);
      expect((m[c + MC_TOP]! - cache.stackOf(c)) / 2).toBeGreaterThanOrEqual(FEW);
    }
  });
  expect(seen).toBe(3 * (COUNT + FEW));
  heap.verify();
});
