/** In place of the explorer's thread: it ends in the middle of a region of the first heap that it is told of. */
import { parentPort } from 'node:worker_threads';
import { attachHeap } from '../../src/index.ts';
import type { FromExplorer, ToExplorer } from '../../src/serve/explorer/messages.ts';

parentPort!.on('message', (message: ToExplorer) => {
  if (message.do === 'add') attachHeap(message.shared).scope(() => process.exit(0));
});
const listening: FromExplorer = { is: 'listening', url: 'http://nowhere/' };
parentPort!.postMessage(listening);
