/**
 * Runs in each thread of a program that is explored, before the program (`node --import`; workers inherit that). The main
 * thread starts the explorer; every thread tells it of the heaps that it makes. A thread and its heaps cost nothing more
 * for it.
 */
import { isMainThread, threadId } from 'node:worker_threads';
import type { ExplorableHeap } from '../../serve/explorer/explore.ts';
import { startExplorer } from '../../serve/explorer/explore.ts';
import type { ToExplorer } from '../../serve/explorer/messages.ts';
import { listenForHeaps } from './created.ts';
import { sayWhere } from './exploring.ts';
import type { ServeFlags } from './flags.ts';
import { serverOptions } from './flags.ts';
import { HOOK_ENV, type HookSettings } from './run-program.ts';

const name = `spanheap.explore.${process.pid}`;

async function start({ flags, keep }: HookSettings): Promise<void> {
  const explorer = await startExplorer({ ...serverOptions(flags as ServeFlags), keepAlive: keep, channel: name });
  sayWhere(explorer.url);
}

function announceHeaps(): void {
  const channel = new BroadcastChannel(name);
  (channel as unknown as { unref(): void }).unref();
  const tell = (message: ToExplorer): void => channel.postMessage(message);
  // What nobody in the program holds any more is not held by the explorer.
  const gone = new FinalizationRegistry((key: string) => tell({ do: 'remove', key }));
  let count = 0;
  listenForHeaps((made) => {
    const heap = made as ExplorableHeap;
    const key = `${threadId}:${++count}`;
    const called = isMainThread ? `heap ${count}` : `heap ${count} of worker ${threadId}`;
    try {
      tell({ do: 'add', key, shared: heap.share(), name: called });
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
