/** A worker: an HTTP server like any other, with a cache that it shares with its siblings. */
import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap } from 'spanheap';
import { SharedCache } from './cache.mjs';
import { render } from './pages.mjs';

const { shared, index, options } = workerData;
const heap = attachHeap(shared);
const cache = new SharedCache(heap, options);

const server = createServer((request, response) => {
  const path = request.url ?? '/';
  response.setHeader('x-worker', index);
  if (path === '/stats') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(cache.stats()));
    return;
  }
  const cached = cache.get(path);
  const page = cached ?? render(path);
  if (page === undefined) {
    response.writeHead(404).end('Not here. Try /primes/5000000\n');
    return;
  }
  if (cached === undefined) cache.set(path, page);
  response.setHeader('x-cache', cached === undefined ? 'miss' : 'hit');
  response.setHeader('content-type', page.type).end(page.body);
});

server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));

parentPort.once('message', () => {
  server.close(() => heap.detach());
  server.closeIdleConnections();
  parentPort.unref();
});
