/**
 * An HTTP server with worker threads that share one cache: a page that any of them has computed is served by all.
 *
 *     node examples/cache/server.mjs [--port 8080] [--workers 4] [--ttl SECONDS] [--max-entries N]
 *
 * Then ask for `http://localhost:8080/primes/5000000` twice, and for `/stats`; the headers `x-worker` and `x-cache` say
 * who answered, and whether from the cache.
 *
 * Worker threads cannot listen on one port together, so each has a port of its own, and the main thread is a tiny proxy
 * that hands requests to them in turn. In production that is nginx, or whatever balances your load.
 */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createHeap } from 'spanheap';
import { SharedCache } from './cache.mjs';

/**
 * Starts the workers and the proxy.
 * @param {{ port?: number, workers?: number, ttl?: number, maxEntries?: number, maxBytes?: number }} options
 *   `ttl` in milliseconds; port 0 takes one that is free
 */
export async function start({
  port = 0,
  workers: count = 4,
  ttl = 60_000,
  maxEntries = 10_000,
  maxBytes = 2 ** 28,
} = {}) {
  const heap = createHeap({ maxBytes });
  const options = { ttl, maxEntries };
  const cache = new SharedCache(heap, options);

  /** The workers that are there. One that ends, however it ends, takes nothing with it but the requests it was at. */
  const workers = new Set();
  for (let index = 0; index < count; index++) {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: { shared: heap.share(), index, options },
    });
    heap.watch(worker);
    const entry = { index, worker, port: 0 };
    workers.add(entry);
    worker.once('exit', () => workers.delete(entry));
    worker.on('error', (error) => console.error(`worker ${index}: ${error.stack}`));
  }
  await Promise.all([...workers].map(async (entry) => ([entry.port] = await once(entry.worker, 'message'))));

  let turn = 0;
  const proxy = createServer((incoming, outgoing) => {
    const list = [...workers];
    if (list.length === 0) {
      outgoing.writeHead(503).end('No worker is left\n');
      return;
    }
    const to = list[turn++ % list.length];
    const { method, url: path, headers } = incoming;
    const forwarded = request({ host: '127.0.0.1', port: to.port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    incoming.pipe(forwarded);
  });
  proxy.listen(port, '127.0.0.1');
  await once(proxy, 'listening');

  return {
    heap,
    cache,
    port: proxy.address().port,
    workers: [...workers],
    /** Lets the requests that are being served come to their end. */
    async close() {
      const ended = [...workers].map(({ worker }) => once(worker, 'exit'));
      proxy.close();
      proxy.closeIdleConnections();
      for (const { worker } of workers) worker.postMessage('close');
      await Promise.all(ended);
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      workers: { type: 'string', default: '4' },
      ttl: { type: 'string', default: '60' },
      'max-entries': { type: 'string', default: '10000' },
    },
  });
  const server = await start({
    port: Number(values.port),
    workers: Number(values.workers),
    ttl: Number(values.ttl) * 1000,
    maxEntries: Number(values['max-entries']),
  });
  console.log(`http://localhost:${server.port}/primes/5000000 and /stats, served by ${server.workers.length} workers`);
  process.once('SIGINT', async () => {
    await server.close();
    console.log('\nclosed; the cache had', server.cache.stats());
  });
}
