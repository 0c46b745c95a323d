/** The gate of the fast paths: whose it is, and that it stays shut for a heap that was detached. */
import { expect, test } from 'vitest';
import { attachHeap, createHeap } from '../../../src/index.ts';
import { GATE_SIZES, MAX_GATES } from '../../../src/layout/gate.ts';
import { H_GATES } from '../../../src/layout/header.ts';
import { Internals } from '../../support/internals.ts';

const MB = 1 << 20;

test('functions of a detached heap stay shut when another thread has its record, and is inside a region', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 4 * MB });
  const gone = attachHeap(heap.share());
  const { raw } = gone;
  gone.scope(() => raw.free(raw.mallocgc(16, null, false)));
  gone.detach();
  const next = attachHeap(heap.share());
  expect(next.threadId).toBe(gone.threadId);
  next.scope(() => {
    const mine = next.raw.mallocgc(16, null, false);
    expect(() => raw.mallocgc(16, null, false)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
    expect(() => raw.free(mine)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
    next.raw.free(mine);
  });
  heap.verify();
  expect(heap.memStats()).toMatchObject({ HeapObjects: 0 });
});

test('each attachment has a gate that no other had, shut outside of regions', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 4 * MB });
  const x = new Internals(heap);
  const { gates } = x.mem.plan;
  const shut = (i: number): boolean => x.m[gates + 16 * i + GATE_SIZES] === 0;
  expect([x.m[H_GATES], shut(0)]).toEqual([1, true]);
  for (let i = 1; i < 5; i++) {
    const other = attachHeap(heap.share());
    other.scope(() => expect([x.m[H_GATES], shut(i)]).toEqual([i + 1, false]));
    expect(shut(i)).toBe(true);
    other.detach();
  }
});

test('when all are given out, an attachment has one of its own', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 4 * MB });
  const x = new Internals(heap);
  const { gates } = x.mem.plan;
  x.m[H_GATES] = MAX_GATES - 1;
  const last = attachHeap(heap.share());
  const more = attachHeap(heap.share());
  expect(x.m[H_GATES]).toBe(MAX_GATES);
  const behind = x.m.slice(gates + MAX_GATES * 16, gates + MAX_GATES * 16 + 16);
  for (const by of [last, more]) {
    by.scope(() => {
      const addrs = Array.from({ length: 1000 }, () => by.raw.mallocgc(48, null, true));
      expect(x.m[gates + (MAX_GATES - 1) * 16 + GATE_SIZES] !== 0).toBe(by === last);
      for (const addr of addrs) by.raw.free(addr);
    });
  }
  expect(x.m.slice(gates + MAX_GATES * 16, gates + MAX_GATES * 16 + 16)).toEqual(behind);
  heap.verify();
});
