// What a heap costs before anything is in it: creates one in a fresh process, once, cold.
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

const { maxBytes } = taskOf<CreateTask>();
residentBytes(); // compiled before it counts
performance.now();
const before = residentBytes();
const start = performance.now();
const heap = createHeap({ maxBytes, shared: true, gc: 'off' });
const ms = performance.now() - start;
const after = residentBytes();
answer({ ms, residentMB: (after - before) / 1e6, sink: heap.memory.u8.length });
