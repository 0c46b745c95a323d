/** JavaScript's stack overflows anywhere in a call of the library, and the program catches that. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { attachHeap, createHeap, type Heap, struct, u32 } from '../../../src/index.ts';
import { PROC_IDLE } from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { ShadowStack } from '../../../src/threads/shadow-stack.ts';
import { Internals } from '../../support/internals.ts';

const Point = struct('Point', { x: u32 });

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ background: false, maxBytes: 2 ** 24 });
});
afterEach(() => vi.restoreAllMocks());

function expectOutside(): void {
  expect(new Internals(heap).status(heap.threadId)).toBe(PROC_IDLE);
  // Nobody waits for this thread, and it can leave.
  attachHeap(heap.share()).verify();
  expect(heap.scope(() => heap.new(Point, { x: 7 }).x)).toBe(7);
  heap.verify();
  heap.detach();
}

const overflow = (): never => {
  throw new RangeError('Maximum call stack size exceeded');
};

test('in a recursion of scopes: all of them have ended, and the region is left', () => {
  const stale: { readonly x: number }[] = [];
  const deep = (n: number): number =>
    heap.scope(() => {
      if (n < 3) stale.push(heap.new(Point, { x: n }));
      return deep(n + 1) + 1;
    });
  for (let i = 0; i < 5; i++) expect(() => deep(0)).toThrow(/Maximum call stack size exceeded/);
  for (const ref of stale) expect(() => ref.x).toThrow(/used after its scope ended/);
  expectOutside();
});

test('when the region has been entered, before the call begins', () => {
  const { t } = heap.raw as unknown as Malloc;
  vi.spyOn(t, 'refresh').mockImplementationOnce(overflow);
  expect(() => heap.scope(() => 1)).toThrow(/Maximum call stack/);
  expectOutside();
});

test('when a scope is to end: the one around it ends it as well', () => {
  const inner: { readonly x: number }[] = [];
  heap.scope(() => {
    vi.spyOn(ShadowStack.prototype, 'close').mockImplementationOnce(overflow);
    expect(() => heap.scope(() => void inner.push(heap.new(Point, { x: 1 })))).toThrow(/Maximum call stack/);
  });
  expect(() => inner[0]!.x).toThrow(/used after its scope ended/);
  expectOutside();
});

test('when the region is to be left: the next call finds it open, and leaves it', () => {
  const { t } = heap.raw as unknown as Malloc;
  vi.spyOn(t, 'release').mockImplementationOnce(overflow);
  expect(() => heap.scope(() => 1)).toThrow(/Maximum call stack/);
  heap.scope(() => {});
  expectOutside();
});
