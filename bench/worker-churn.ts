// One thread of the threads case: prepares its live objects, says so, waits for the start, churns for a fixed time.
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap } from '../src/index.ts';
import { measure, Timer } from './measure.ts';
import { openFloor } from './peers/floor.ts';
import type { Peer } from './peers/peer.ts';
import { peerOf } from './peers/spanheap.ts';
import type { ThreadResult, ThreadTask } from './thread-task.ts';
import { startChurn } from './workload.ts';

const { churn, warmMs, ms, memory, go } = workerData as ThreadTask;

function churnFor(peer: Peer): ThreadResult {
  const step = startChurn(peer.malloc, peer.free, churn);
  measure(step, { warmMs, ms: 0 });
  parentPort?.postMessage('warm');
  Atomics.wait(go, 0, 0);
  const timer = new Timer();
  while (timer.elapsedMs < ms) timer.time(step);
  return { ops: timer.ops, elapsedMs: timer.elapsedMs };
}

if ('heap' in memory) {
  const heap = attachHeap(memory.heap);
  parentPort?.postMessage(heap.scope(() => churnFor(peerOf(heap))));
  heap.detach();
} else {
  parentPort?.postMessage(churnFor(openFloor(memory.bytes)));
}
