/**
 * The gate: two words that each call of the fast paths looks at before it does anything. It is open while the thread is
 * inside a region, and no hook is to see each object.
 *
 * It lies in allocator memory, though nobody but its thread ever reads or writes it, because each further typed array costs
 * a pair of `malloc` and `free` a register and two instructions of ten bytes: machine code by V8 names the array itself
 * besides its memory, to keep it alive. Two arrays of the thread's own took 3 % more.
 *
 * Each attachment has a line that no other ever had. In the thread's record the gate would be open again as soon as the
 * record's next thread opens it, and with it `malloc` and `free` of a heap that was detached, which would change that
 * thread's caches under its feet. Lines are never given back: they are 64 bytes, and nobody can tell when the functions of a
 * detached heap are gone. When all are given out, an attachment gets an array of its own.
 */
import type { Words } from '../base/brand.ts';
import { GATE_WORDS, MAX_GATES } from '../layout/gate.ts';
import { H_GATES } from '../layout/header.ts';
import type { Mem } from '../sys/mem.ts';

/** Elements from which on a typed array is not in the collector's heap, so that its address is a constant to V8. */
const OFF_HEAP = 32;

export interface GateWords {
  readonly words: Words;
  /** The first of its words, GATE_SIZES. */
  readonly at: number;
}

/** A gate that nobody else has, closed. */
export function newGate({ m, plan }: Mem): GateWords {
  // Once all are out nobody counts on, however many threads come and go.
  const number = Atomics.load(m, H_GATES) < MAX_GATES ? Atomics.add(m, H_GATES, 1) : MAX_GATES;
  if (number >= MAX_GATES) return { words: new Int32Array(OFF_HEAP), at: 0 };
  return { words: m, at: plan.gates + number * GATE_WORDS };
}

/** Lines of gates that are given out. */
export function gatesInUse({ m }: Mem): number {
  return Math.min(MAX_GATES, Atomics.load(m, H_GATES));
}
