/** The tests' hand on the collector: a cycle that begins when they want, and is stepped to its end. */
import type { Collector } from '../../src/gc/collector.ts';
import { begin } from '../../src/gc/cycle.ts';
import type { Heap } from '../../src/index.ts';
import { H_WRITE_BARRIER } from '../../src/layout/header.ts';
import type { Malloc } from '../../src/malloc/malloc.ts';
import { ObjectWalk } from './object-walk.ts';

export const CHECKS = { debug: { checkmark: true, zombies: true, clobberFree: true } } as const;

/** A thread's part of the collector. */
export function collectorOf(heap: Heap): Collector {
  return (heap.raw as unknown as Malloc).collector as Collector;
}

/** Begins a cycle now, as an allocation does that finds it due, and marks nothing yet. None may be under way. */
export function beginCycle(heap: Heap): void {
  const collector = collectorOf(heap);
  heap.scope(() => {
    while (collector.sweep(100));
    if (!begin(collector, 'forced', () => true)) throw new Error('a cycle is under way');
  });
}

export function isMarking(heap: Heap): boolean {
  return Atomics.load((heap.raw as unknown as Malloc).t.mem.m, H_WRITE_BARRIER) !== 0;
}

/** Steps the cycle that is under way to its end, sweep included; returns how many steps it took. */
export function finishCycle(heap: Heap, budgetMs = 1): number {
  let steps = 1;
  while (heap.gcStep(budgetMs)) if (++steps > 1e6) throw new Error('the cycle does not end');
  return steps;
}

/** Live objects of a type with pointers. */
export function countOf(heap: Heap, typeName: string): number {
  return new ObjectWalk(heap).objects().filter(({ type }) => type.name === typeName).length;
}
