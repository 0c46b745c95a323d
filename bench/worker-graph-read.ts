// Waits for the graph, reads it as soon as it can, then measures random reads.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { receiveLinked, receiveNumbered } from './graph/clone.ts';
import { type Delivery, now, readIds, type ThreadData } from './graph/graph.ts';
import { receive } from './graph/spanheap.ts';
import { Timer } from './measure.ts';
import { v8Heap } from './v8-heap.ts';

const { task, port } = workerData as ThreadData;
const receivers = { spanheap: receive, clone: receiveLinked, 'clone of ids': receiveNumbered };
const ids = readIds(task);
const before = v8Heap().used;
const delivered = once(port, 'message');
port.postMessage('ready');
const { sentAt, graph } = ((await delivered) as [Delivery])[0];
const receivedAt = now();
const reader = receivers[task.form](graph);
let sink = reader.read(ids, 0, 1);
const readableAt = now();
const v8MB = (v8Heap().used - before) / 1e6;

let at = 0;
const timer = new Timer();
const pass = (): number => {
  sink += reader.read(ids, at, at + task.reads);
  at += task.reads;
  return task.reads;
};
timer.time(pass);
const firstNs = timer.batches[0]!;
for (let i = 1; i < task.warmPasses; i++) pass();
const timed = new Timer();
for (let i = 0; i < task.passes; i++) timed.time(pass);
const { nsPerOp, best } = timed.result(sink);
port.close();
const readableMs = readableAt - sentAt;
parentPort?.postMessage({ readableMs, attachMs: readableAt - receivedAt, firstNs, nsPerOp, best, v8MB, sink });
