/** The clock: monotonic, and no load of Node's `performance` for who does not use it. */
import { execFileSync } from 'node:child_process';
import { expect, test, vi } from 'vitest';
import { epochOfClock, millitime, nanotime } from '../../../src/base/clock.ts';
import { createHeap, viewHeap } from '../../../src/index.ts';

test('is the monotonic clock of the system, which all threads read alike', () => {
  for (let i = 0; i < 1000; i++) {
    const before = Number(process.hrtime.bigint());
    const now = nanotime();
    const after = Number(process.hrtime.bigint());
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(after);
  }
  const now = nanotime();
  const ms = millitime();
  expect(ms * 1e6).toBeGreaterThanOrEqual(now);
  expect(ms * 1e6).toBeLessThan(now + 1e9);
});

test('what makes it a time since 1970', () => {
  expect(Math.abs((epochOfClock() + nanotime()) / 1e6 - Date.now())).toBeLessThan(1000);
});

test('all threads say the same of when the heap was made', () => {
  const heap = createHeap({ maxBytes: 2 ** 22 });
  const { createdAt } = viewHeap(heap.share()).info();
  vi.spyOn(Date, 'now').mockReturnValue(0);
  expect(viewHeap(heap.share()).info().createdAt).toBe(createdAt);
  vi.restoreAllMocks();
  expect(Math.abs(createdAt - Date.now())).toBeLessThan(60_000);
});

test('nothing asks for performance: neither the first heap nor a cycle, its figures and its trace', () => {
  const program = `
    Object.defineProperty(globalThis, 'performance', { get() { throw new Error('performance was asked for'); } });
    const { createHeap, i32, struct } = await import('spanheap');
    const heap = createHeap({ maxBytes: 2 ** 26, gcPercent: 10 });
    const trace = heap.startTrace();
    const T = struct('T', { n: i32 });
    for (let i = 0; i < 100; i++) heap.scope(() => { for (let k = 0; k < 1000; k++) heap.new(T, { n: k }); });
    heap.gc();
    if (trace.read().length === 0) throw new Error('no events');
    trace.stop();
    const { LastGC } = heap.memStats();
    console.log(heap.stats().gc.cycles > 0 && Math.abs(LastGC / 1e6 - Date.now()) < 60_000);
    heap.detach();
  `;
  const out = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  expect(out.trim()).toBe('true');
});
