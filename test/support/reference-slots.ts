/** What a thread's shadow stack and handle table hold, read through the layout; and a garbage collection of V8. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PROC_HANDLES, PROC_SHADOW_TOP, SEGMENT_MASK, SEGMENT_SLOTS, SEGMENT_WORDS } from '../../src/layout/proc.ts';
import type { Internals } from './internals.ts';

/** Addresses on the shadow stack, the oldest first. */
export function shadowSlots(x: Internals, id: number): number[] {
  const { mem, m } = x;
  const top = m[x.proc(id) + PROC_SHADOW_TOP]!;
  const parts: number[][] = [];
  let end = top;
  for (let start = (top - 1) & ~SEGMENT_MASK; top !== 0 && start !== 0; start = mem.i32[start]!) {
    parts.unshift(Array.from(mem.i32.subarray(start + SEGMENT_SLOTS, end), (a) => a >>> 0));
    end = mem.i32[start]! + SEGMENT_WORDS;
  }
  return parts.flat();
}

/** Addresses in the handle table that are not 0, in no order. */
export function handleSlots(x: Internals, id: number): number[] {
  const { mem, m } = x;
  const found: number[] = [];
  for (let start = m[x.proc(id) + PROC_HANDLES]!; start !== 0; start = mem.i32[start]!) {
    for (let slot = start + SEGMENT_SLOTS; slot < start + SEGMENT_WORDS; slot++) {
      if (mem.i32[slot] !== 0) found.push(mem.i32[slot]! >>> 0);
    }
  }
  return found;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects JS garbage until the condition holds; finalizers run between. The limit is for the test that hangs. */
export async function collectUntil(what: string, condition: () => boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`collected in vain until ${what}`);
    collect();
    await sleep(1);
  }
}
