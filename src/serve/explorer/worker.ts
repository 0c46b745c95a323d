/**
 * The thread that an explorer runs in (dist/explorer-worker.js): it sees heaps through their shared memory and is no
 * thread of any of them, so a program that is busy, or waits, or hangs, is seen all the same.
 */
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { viewHeap } from '../../runtime/view-heap.ts';
import { besideProgram } from '../package-info.ts';
import type { ExplorerStart, FromExplorer, ToExplorer } from './messages.ts';
import { routesOf } from './routes.ts';
import { ExplorerServer } from './server.ts';

const { options, version, channel } = workerData as ExplorerStart;
const port = parentPort!;
const ids = new Map<string, number>();

function tell(message: FromExplorer): void {
  port.postMessage(message);
}

function add(server: ExplorerServer, { key, shared, name }: ToExplorer & { do: 'add' }): void {
  try {
    const view = viewHeap(shared);
    ids.set(key, server.add(view, name, routesOf(view, shared)));
  } catch (error) {
    tell({ is: 'refused', key, message: (error as Error).message });
  }
}

async function obey(server: ExplorerServer, message: ToExplorer): Promise<void> {
  if (message.do === 'add') add(server, message);
  else if (message.do === 'remove') server.remove(ids.get(message.key) ?? 0);
  else {
    await server.close();
    tell({ is: 'closed' });
    port.close();
    announced?.close();
  }
}

const announced = channel === undefined ? undefined : new BroadcastChannel(channel);
try {
  const server = await ExplorerServer.start(options, {
    pageFolder: fileURLToPath(besideProgram('./explorer')),
    version,
  });
  port.on('message', (message: ToExplorer) => void obey(server, message));
  if (announced !== undefined) {
    announced.onmessage = (event) => void obey(server, (event as MessageEvent<ToExplorer>).data);
  }
  tell({ is: 'listening', url: server.url });
} catch (error) {
  const { message, code } = error as Error & { code?: string };
  tell({ is: 'failed', message, code });
  announced?.close();
}
