// Builds the graph, waits until the reader is there, and hands it over.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { buildLinked, buildNumbered } from './graph/clone.ts';
import { type Delivery, type GraphTask, now, type ThreadData } from './graph/graph.ts';
import { build } from './graph/spanheap.ts';

/** The message's graph, made before the clock starts, and the bytes that it has in a heap of ours. */
function prepare({ form, nodes }: GraphTask): { graph: unknown; heapMB: number } {
  if (form === 'clone') return { graph: buildLinked(nodes), heapMB: 0 };
  if (form === 'clone of ids') return { graph: buildNumbered(nodes), heapMB: 0 };
  const heap = build(nodes);
  const { heapInUseBytes, metadataBytes } = heap.stats();
  return { graph: heap.share(), heapMB: (heapInUseBytes + metadataBytes) / 1e6 };
}

const { task, port } = workerData as ThreadData;
const ready = once(port, 'message');
const start = now();
const { graph, heapMB } = prepare(task);
const buildMs = now() - start;
await ready;
const delivery: Delivery = { sentAt: now(), graph };
port.postMessage(delivery);
parentPort?.postMessage({ buildMs, heapMB });
