/** What becomes of heaps when the explorer's thread ends while it is attached to one of them. */
import { once } from 'node:events';
import { expect, inject, test } from 'vitest';
import { createHeap } from '../../../src/index.ts';
import { startExplorer } from '../../../src/serve/explorer/explore.ts';
import type { ExplorerEnded } from '../../../src/serve/explorer/messages.ts';
import { until } from '../../support/workers.ts';

test('an explorer that dies in a heap is reaped there, and others are told', async () => {
  const heap = createHeap({ maxBytes: 1 << 22, background: false });
  const channel = 'spanheap.test.reaping';
  const others = new BroadcastChannel(channel);
  const told = once(others, 'message') as Promise<[MessageEvent<ExplorerEnded>]>;
  const explorer = await startExplorer({ channel }, `${inject('workerDir')}/dying-explorer-worker.mjs`);
  explorer.add(heap);
  const [{ data }] = await told;
  others.close();
  expect(data).toEqual({ do: 'reap', threadId: expect.any(Number) as number });
  await until('it is gone', () => heap.threadsOf(data.threadId).length === 0);
  heap.gc();
});
