// A graph that one worker built, until another can read it, and how fast it reads then. Both are there and compiled as far
// as they get without the graph before the clock starts.
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { GraphTask, ThreadData } from './graph/graph.ts';
import { answer, taskOf } from './measure.ts';

/** structuredClone goes from node to node by recursion, as deep as the graph has nodes. */
const STACK_MB = 1200;
const HEAP_MB = 8192;

const task = taskOf<GraphTask>();
const { port1, port2 } = new MessageChannel();
const start = (file: string, port: ThreadData['port']): Worker => {
  const resourceLimits = { stackSizeMb: STACK_MB, maxOldGenerationSizeMb: HEAP_MB };
  return new Worker(new URL(file, import.meta.url), {
    workerData: { task, port },
    transferList: [port],
    resourceLimits,
  });
};
const writer = start('./worker-graph-write.js', port1);
const reader = start('./worker-graph-read.js', port2);
const built = once(writer, 'message');
const [read] = (await once(reader, 'message')) as [object];
answer({ ...((await built)[0] as object), ...read });
await Promise.all([writer.terminate(), reader.terminate()]);
