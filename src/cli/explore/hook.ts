/**
 * Runs in each thread of a program that is explored, before the program (`node --import`; workers inherit that). The main
 * thread starts the explorer; every thread tells it of the heaps that it makes. A thread and its heaps cost nothing more
 * for it.
 */
import { isMainThread, threadId } from 'node:worker_threads';
import type { ExplorableHeap, Explorer } from '../../serve/explorer/explore.ts';
import { startExplorer } from '../../serve/explorer/explore.ts';
import type { ExplorerEnded, ToExplorer } from '../../serve/explorer/messages.ts';
import { ExploredHeaps } from '../../serve/explorer/reaping.ts';
import { listenForHeaps } from './created.ts';
import { sayWhere, stay } from './exploring.ts';
import type { ServeFlags } from './flags.ts';
import { serverOptions } from './flags.ts';
import { HOOK_ENV, type HookSettings } from './run-program.ts';

const name = `spanheap.explore.${process.pid}`;
/** Of this thread. */
const heaps = new ExploredHeaps();

async function start({ flags, keep }: HookSettings): Promise<void> {
  const explorer = await startExplorer({ ...serverOptions(flags as ServeFlags), channel: name });
  sayWhere(explorer.url);
  if (keep) process.once('beforeExit', () => void stayOn(explorer));
}

/** The program has nothing more to do. The process ends as it would have without the page. */
async function stayOn(explorer: Explorer): Promise<void> {
  // Nobody else may hold them any more, and what nobody holds is not shown.
  const held = heaps.all();
  await stay(explorer, `the program is done; its ${held.length === 1 ? 'heap' : 'heaps'}`);
  await explorer.close();
  held.length = 0;
  process.exit();
}

function announceHeaps(): void {
  const channel = new BroadcastChannel(name);
  (channel as unknown as { unref(): void }).unref();
  const tell = (message: ToExplorer): void => channel.postMessage(message);
  channel.onmessage = (event) => {
    const { data } = event as MessageEvent<ToExplorer | ExplorerEnded>;
    if (data.do === 'reap') heaps.reap(data.threadId);
  };
  // What nobody in the program holds any more is not held by the explorer.
  const gone = new FinalizationRegistry((key: string) => tell({ do: 'remove', key }));
  let count = 0;
  listenForHeaps((made) => {
    const heap = made as ExplorableHeap;
    const key = `${threadId}:${++count}`;
    const called = isMainThread ? `heap ${count}` : `heap ${count} of worker ${threadId}`;
    try {
      tell({ do: 'add', key, shared: heap.share(), name: called });
      heaps.add(heap);
      gone.register(heap, key);
    } catch (error) {
      process.stderr.write(`spanheap: ${called} is not explored: ${(error as Error).message}\n`);
    }
  });
}

const settings = process.env[HOOK_ENV];
if (isMainThread && settings !== undefined) {
  // Processes that the program starts are not explored.
  delete process.env[HOOK_ENV];
  try {
    await start(JSON.parse(settings) as HookSettings);
    announceHeaps();
  } catch (error) {
    process.stderr.write(`spanheap: the explorer: ${(error as Error).message}\n`);
    process.exit(1);
  }
} else if (!isMainThread) {
  announceHeaps();
}
