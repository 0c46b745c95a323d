/** The cache example: what one worker has computed all of them serve, also when one of them is gone. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import type { Heap } from '../../src/index.ts';
import { ROOT, start } from './run.ts';

/** What the example exports; it is plain JS, and uses the build in dist, not src. */
interface Cache {
  get(key: string): { type: string; body: Uint8Array } | undefined;
  set(key: string, page: { type: string; body: Uint8Array }): void;
  stats(): Record<'entries' | 'hits' | 'misses' | 'expired' | 'evicted' | 'refused', number> & {
    hottest: { key: string; hits: number }[];
  };
}
interface Server {
  readonly heap: Heap;
  readonly cache: Cache;
  readonly port: number;
  readonly workers: { readonly index: number; readonly worker: Worker; readonly port: number }[];
  close(): Promise<void>;
}
const load = <T>(file: string): Promise<T> => import(/* @vite-ignore */ `${ROOT}${file}`) as Promise<T>;
const { start: startServer } = await load<{ start(options: object): Promise<Server> }>('examples/cache/server.mjs');
const { SharedCache } = await load<{ SharedCache: new (heap: Heap, options: object) => Cache }>(
  'examples/cache/cache.mjs',
);
const { createHeap } = await load<typeof import('../../src/index.ts')>('dist/index.js');

let server: Server | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function get(port: number, path: string): Promise<Record<'status' | 'cache' | 'worker' | 'body', unknown>> {
  // A connection of its own, so that no worker that is asked to close has to wait for one.
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  const { status, headers } = response;
  return { status, cache: headers.get('x-cache'), worker: headers.get('x-worker'), body: await response.text() };
}

it('serves from all workers what one has computed, and goes on when one is terminated', async () => {
  server = await startServer({ workers: 3 });
  const [first, second, third] = server.workers as [Server['workers'][0], Server['workers'][0], Server['workers'][0]];
  const body = 'There are 25 primes below 100.\n';
  expect(await get(first.port, '/primes/100')).toEqual({ status: 200, cache: 'miss', worker: '0', body });
  expect(await get(second.port, '/primes/100')).toEqual({ status: 200, cache: 'hit', worker: '1', body });
  expect(await get(third.port, '/primes/100')).toEqual({ status: 200, cache: 'hit', worker: '2', body });
  expect((await get(first.port, '/nothing')).status).toBe(404);

  await Promise.all([once(first.worker, 'exit'), first.worker.terminate()]);
  for (let i = 0; i < 6; i++) {
    const answer = await get(server.port, '/primes/100');
    expect(answer).toMatchObject({ status: 200, cache: 'hit', body });
    expect(['1', '2']).toContain(answer['worker']);
  }
  expect((await get(third.port, '/primes/10')).cache).toBe('miss');
  expect((await get(second.port, '/primes/10')).cache).toBe('hit');

  const stats = JSON.parse(String((await get(second.port, '/stats')).body));
  expect(stats).toMatchObject({ entries: 2, hits: 9, misses: 3, evicted: 0, refused: 0 });
  expect(stats.hottest[0]).toEqual({ key: '/primes/100', hits: 8 });
  expect(server.cache.stats()).toMatchObject({ entries: 2, hits: 9 });
  server.heap.verify();
});

it('answers 503 when no worker is left', async () => {
  server = await startServer({ workers: 1 });
  const { worker } = server.workers[0] as Server['workers'][0];
  await Promise.all([once(worker, 'exit'), worker.terminate()]);
  expect((await get(server.port, '/primes/100')).status).toBe(503);
});

it('computes again what has expired', async () => {
  server = await startServer({ workers: 2, ttl: 300 });
  const [first, second] = server.workers as [Server['workers'][0], Server['workers'][0]];
  expect((await get(first.port, '/primes/1000')).cache).toBe('miss');
  await sleep(400);
  expect((await get(second.port, '/primes/1000')).cache).toBe('miss');
  expect(server.cache.stats()).toMatchObject({ entries: 1, expired: 1, hits: 0, misses: 2 });
});

it('keeps the newest when there are too many', async () => {
  server = await startServer({ workers: 2, maxEntries: 20 });
  const { port, cache } = server;
  for (let n = 1; n <= 50; n++) {
    await get(port, `/primes/${n}`);
    await sleep(2); // which is older is a matter of milliseconds
  }
  const { entries, evicted } = cache.stats();
  expect(entries).toBeGreaterThan(15);
  expect(entries).toBeLessThanOrEqual(20);
  expect(entries + evicted).toBe(50);
  expect((await get(port, '/primes/50')).cache).toBe('hit');
  expect((await get(port, `/primes/${50 - entries + 1}`)).cache).toBe('hit');
  expect((await get(port, `/primes/${50 - entries}`)).cache).toBe('miss');
});

it('refuses pages that there is no memory for, and keeps the others', () => {
  const heap = createHeap({ maxBytes: 2 ** 20 });
  const cache = new SharedCache(heap, { ttl: 60_000, maxEntries: 100 });
  const page = (fill: number) => ({ type: 'image/png', body: new Uint8Array(100_000).fill(fill) });
  for (let i = 0; i < 20; i++) cache.set(`page ${i}`, page(i));
  const { entries, refused } = cache.stats();
  expect(refused).toBeGreaterThan(5);
  expect(entries + refused).toBe(20);
  expect(cache.get('page 3')).toEqual(page(3));
  expect(cache.get('page 19')).toBeUndefined();
  heap.verify();
});

it('uses the memory of what was evicted and replaced again, and never runs out of it', () => {
  const heap = createHeap({ maxBytes: 4 * 2 ** 20 });
  const cache = new SharedCache(heap, { ttl: 60_000, maxEntries: 50 });
  // 40 times the heap in all, of which a quarter of it at a time.
  for (let i = 0; i < 8000; i++)
    cache.set(`page ${i >> 1}`, { type: 'text/plain', body: new Uint8Array(20_000).fill(i) });
  const { entries, evicted, refused } = cache.stats();
  expect(refused).toBe(0);
  expect(entries).toBeGreaterThanOrEqual(45);
  // Each page once; and once more those that were evicted, by chance, between the two times they were set.
  expect(evicted + entries).toBeGreaterThanOrEqual(4000);
  expect(evicted + entries).toBeLessThan(8000);
  expect(cache.get('page 3999')?.body).toEqual(new Uint8Array(20_000).fill(7999));
  expect(heap.stats().gc.freedBytes).toBeGreaterThan(100 * 2 ** 20);
  heap.verify();
});

it('runs from the command line until it is interrupted', async () => {
  const program = await start('examples/cache/server.mjs', '--port', '0', '--workers', '2');
  const port = Number(/^http:\/\/localhost:(\d+)\/primes\/5000000 .* 2 workers$/.exec(program.firstLine)?.[1]);
  expect((await get(port, '/primes/5000000')).body).toBe('There are 348513 primes below 5000000.\n');
  expect((await get(port, '/primes/5000000')).cache).toBe('hit');
  expect(await program.end('SIGINT')).toEqual({ code: 0, errors: '' });
});
