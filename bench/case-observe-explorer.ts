// A program at full speed, in turns with and without an explorer and one page that is open. In one process, turn by turn,
// so that whatever the machine does meanwhile falls on both alike.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as breath } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createHeap, type Heap } from '../src/index.ts';
import { startExplorer } from '../src/serve/explorer/explore.ts';
import { buildLive, LINK, liveType } from './gc/live.ts';
import { watchRunQueue } from './gc/run-queue.ts';
import { answer, medianOf, taskOf } from './measure.ts';

export interface ExplorerTask {
  readonly program: 'free' | 'collect';
  /** Live objects. */
  readonly nodes: number;
  readonly turns: number;
  readonly turnMs: number;
  /** Before each turn is timed. */
  readonly settleMs: number;
}

const MAX_BYTES = 2 ** 30;
const SLOTS = 100_000;
const BATCH = 2000;
const STRIDE = 7;
const DIST = new URL('..', import.meta.url);
const CLIENT = fileURLToPath(new URL('bench/worker-explorer-client.js', DIST));
const EXPLORER = new URL('explorer-worker.js', DIST);

const task = taskOf<ExplorerTask>();
const heap = createHeap({ maxBytes: MAX_BYTES, ...(task.program === 'free' ? { gc: 'off' } : { gcPercent: -1 }) });
const batch = task.program === 'free' ? freeing(heap, task.nodes) : collected(heap, task.nodes);
const waited = watchRunQueue();
await run(task.settleMs);
const turns: { plain: Turn; explored: Turn }[] = [];
for (let i = 0; i < task.turns; i++) {
  const plain = await timed();
  const close = await openPage();
  const explored = await timed();
  await close();
  turns.push({ plain, explored });
}
answer({
  plainNs: medianOf(turns.map((t) => t.plain.ns)),
  exploredNs: medianOf(turns.map((t) => t.explored.ns)),
  ratio: medianOf(turns.map((t) => t.explored.ns / t.plain.ns)),
  ownRatio: medianOf(turns.map((t) => t.explored.ownNs / t.plain.ownNs)),
  turns: turns.length,
});

interface Turn {
  /** An operation, by the clock; and without the time that the thread waited for a processor. */
  readonly ns: number;
  readonly ownNs: number;
}

/** Objects freed by hand, and others in their places. */
function freeing({ raw, scope }: Heap, nodes: number): () => void {
  const addrs = new Uint32Array(nodes);
  const sizeOf = (i: number): number => 16 + ((i * 40) & 0x1ff);
  const replace = (i: number): void => {
    if (addrs[i] !== 0) raw.free(addrs[i]!);
    addrs[i] = raw.mallocgc(sizeOf(i), null, false);
  };
  for (let i = 0; i < nodes; i++) replace(i);
  let next = 0;
  const some = (): void => {
    for (let k = 0; k < BATCH; k++) {
      replace(next);
      next = (next + STRIDE) % nodes;
    }
  };
  return () => scope.call(heap, some);
}

/** Objects of a graph that are replaced; the collector frees them. */
function collected({ raw }: Heap, nodes: number): () => void {
  const few = buildLive(heap, nodes, SLOTS);
  heap.setGCPercent(100);
  const type = liveType(heap);
  let next = 0;
  const some = (): void => {
    for (let k = 0; k < BATCH; k++) {
      raw.writePointer(few[next]! + LINK, raw.newobject(type));
      next = (next + STRIDE) % SLOTS;
    }
  };
  return () => heap.scope(some);
}

/** Runs the program for so long, and returns the batches it did. */
async function run(ms: number): Promise<number> {
  const end = performance.now() + ms;
  let batches = 0;
  for (; performance.now() < end; batches++) {
    batch();
    if (batches % 16 === 0) await breath();
  }
  return batches;
}

async function timed(): Promise<Turn> {
  await run(task.settleMs);
  const start = performance.now();
  const waitedBefore = waited();
  const ops = (await run(task.turnMs)) * BATCH;
  const ms = performance.now() - start;
  return { ns: (ms * 1e6) / ops, ownNs: ((ms - (waited() - waitedBefore)) * 1e6) / ops };
}

/** An explorer as a program would have it, and a page in a process of its own. What is returned ends both. */
async function openPage(): Promise<() => Promise<void>> {
  const explorer = await startExplorer({ port: 0 }, EXPLORER);
  const remove = explorer.add(heap);
  const client = spawn(process.execPath, [CLIENT, explorer.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(client.stdout!, 'data');
  return async () => {
    await ended(client);
    remove();
    await explorer.close();
  };
}

async function ended(client: ChildProcess): Promise<void> {
  const exit = once(client, 'exit');
  client.kill();
  await exit;
}
