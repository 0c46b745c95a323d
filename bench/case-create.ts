// What a heap costs before anything is in it: the first of a fresh process, and the next one.
import { readFileSync } from 'node:fs';
import { createHeap } from '../src/index.ts';
import { answer, taskOf } from './measure.ts';

export interface CreateTask {
  readonly maxBytes: number;
}

const PAGE = 4096; // of the machine; statm counts in it

function residentBytes(): number {
  return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * PAGE;
}

/** Not by `performance`: Node would load it before, and collect what that leaves behind while the heap is made. */
function timed<T>(fn: () => T): { ms: number; value: T } {
  const start = process.hrtime.bigint();
  const value = fn();
  return { ms: Number(process.hrtime.bigint() - start) / 1e6, value };
}

const { maxBytes } = taskOf<CreateTask>();
timed(residentBytes); // compiled before it counts
const before = residentBytes();
const first = timed(() => createHeap({ gc: 'off', maxBytes, shared: true }));
const residentMB = (residentBytes() - before) / 1e6;
const next = timed(() => createHeap({ gc: 'off', maxBytes, shared: true }));
answer({ ms: first.ms, nextMs: next.ms, residentMB, sink: first.value.memory.u8.length ^ next.value.memory.u8.length });
