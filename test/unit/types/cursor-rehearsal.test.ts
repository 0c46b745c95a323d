/** The first cursor of a thread, for which others are made for nothing: types/moving.ts. (Each test file has its own library.) */
import { expect, test } from 'vitest';
import { createHeap, type Heap, i32, ref, slice, struct } from '../../../src/index.ts';
import { PROC_SHADOW_TOP, SEGMENT_MASK, SEGMENT_WORDS } from '../../../src/layout/proc.ts';
import { Internals } from '../../support/internals.ts';

const P = struct('P', {
  a: i32,
  get next() {
    return ref(P);
  },
});

const topOf = (heap: Heap): number => {
  const x = new Internals(heap);
  return x.m[x.proc(heap.threadId) + PROC_SHADOW_TOP]!;
};

/** Makes references until so many slots of the segment are left. */
function leave(heap: Heap, slots: number): void {
  const p = heap.new(P);
  for (let rest = -1; rest !== slots; rest = SEGMENT_WORDS - (topOf(heap) & SEGMENT_MASK)) {
    // Each value that is stored and read is a new root.
    p.next = p;
    void [p.next];
  }
}

test.each(['over elements', 'along pointers'] as const)(
  '%s: takes no memory that the cursor itself does not need',
  (kind) => {
    const heap = createHeap({ gc: 'off', maxBytes: 1 << 22 });
    const make = (): void => {
      const list = heap.new(slice(ref(P)), []);
      const slots = kind === 'over elements' ? 2 : 1;
      const cursor = (): unknown => (kind === 'over elements' ? list.cursor() : heap.cursor(P));
      leave(heap, 50);
      const before = heap.memStats().StackInuse;
      const top = topOf(heap);
      for (let i = 1; i <= 3; i++) {
        cursor();
        expect(topOf(heap)).toBe(top + i * slots);
      }
      expect(heap.memStats().StackInuse).toBe(before);
    };
    heap.scope(make);
    // Where there is room it leaves nothing behind either; then it has been.
    heap.scope(() => {
      const list = heap.new(slice(ref(P)), []);
      const top = topOf(heap);
      if (kind === 'over elements') list.cursor();
      else heap.cursor(P);
      expect(topOf(heap)).toBe(top + (kind === 'over elements' ? 2 : 1));
    });
    heap.verify();
  },
);
