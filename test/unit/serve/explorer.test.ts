/** The explorer's server on heaps of this thread: endpoints, events, what it makes of clients that come, go and stall. */
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import {
  createHeap,
  type Heap,
  i32,
  ref,
  string,
  struct,
  type ViewObject,
  type ViewTypes,
} from '../../../src/index.ts';
import { EventClient, EventHub } from '../../../src/serve/events.ts';
import {
  type ExplorerInfo,
  type HeapEntry,
  type HelloEvent,
  type History,
  PAGES_CHUNK_BYTES,
  PAGES_HEADER_BYTES,
  PAGES_MAGIC,
  type TickEvent,
} from '../../../src/serve/explorer/protocol.ts';
import { ExplorerServer } from '../../../src/serve/explorer/server.ts';
import { observeHandler, observerRoutes } from '../../../src/serve/routes.ts';
import { ask, readEvents } from '../../support/http-client.ts';
import { until } from '../../support/workers.ts';

const Item = struct('<img src=x>', {
  n: i32,
  text: string,
  get next() {
    return ref(Item);
  },
});

let server: ExplorerServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

function newHeap(): Heap {
  const heap = createHeap({ maxBytes: 32 << 20, background: false });
  heap.scope(() => {
    const first = heap.new(Item, { n: 1, text: 'the first of them' });
    heap.roots.set('<script>', heap.new(Item, { n: 2, text: 'two', next: first }));
  });
  return heap;
}

async function serve(heap: Heap, interval = 20): Promise<ExplorerServer> {
  server = await ExplorerServer.start({ port: 0, interval }, { pageFolder: '/nowhere', version: '1.2.3' });
  server.add(heap.view(), undefined, observerRoutes({ metered: heap, attach: () => ({ heap, release: () => {} }) }));
  return server;
}

async function get<T>(url: string, path: string): Promise<T> {
  const { status, text } = await ask(url, path);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}

test('every endpoint answers', async () => {
  const heap = newHeap();
  const { url } = await serve(heap);
  expect(await get(url, '/api/heaps')).toEqual([{ id: 1, name: 'heap 1', maxBytes: 32 << 20 }]);
  expect(await get<ExplorerInfo>(url, '/api/info')).toMatchObject({
    version: '1.2.3',
    protocol: 1,
    intervalMs: 20,
    pages: 4096,
  });
  const [root] = await get<{ address: number; name: string; type: string }[]>(url, '/api/roots');
  // Names are the user's; they come as they are, as JSON, and it is the page that shows them as text.
  expect(root).toMatchObject({ name: '<script>', type: '<img src=x>' });
  const object = await get<ViewObject>(url, `/api/object?address=0x${root!.address.toString(16)}`);
  const next = object.pointers.find((p) => p.target?.type === '<img src=x>')!;
  expect(await get<ViewObject>(url, `/api/object?address=${next.to}&via=${object.start + next.offset}`)).toMatchObject({
    value: {
      fields: [{ name: 'n', value: { text: '1' } }, { value: { text: 'the first of them' } }, { value: { is: 'nil' } }],
    },
  });
  expect(await get(url, `/api/span?page=${object.page}`)).toMatchObject({ page: object.page, live: 2 });
  expect(await get(url, '/api/span?page=4000')).toEqual({ nothing: 'no span has this page' });
  expect(await get<ViewTypes>(url, '/api/top')).toMatchObject({ objects: heap.stats().liveObjects });
  for (const name of [
    'threads',
    'central',
    'classes',
    'types',
    'pagealloc',
    'gc',
    'history',
    'chunk?n=0',
    'chunk?n=99',
  ]) {
    await get(url, `/api/${name}`);
  }
});

test.each([
  ['/api/object?address=', 400],
  ['/api/object?address=-1', 400],
  ['/api/object?address=1e3', 400],
  ['/api/object?address=4294967296', 400],
  ['/api/object?address=0x10000000000', 400],
  ['/api/object?address=16&via=x', 400],
  ['/api/object?address=8192&type=Nothing', 400],
  ['/api/span', 400],
  ['/api/span?page=NaN', 400],
  ['/api/info?heap=7', 404],
  ['/api/info?heap=__proto__', 404],
  ['/api/constructor', 404],
  ['/api/', 404],
  ['/nothing', 404],
])('%s → %i', async (path, status) => {
  const { url } = await serve(newHeap());
  const answer = await ask(url, path);
  expect(answer.status).toBe(status);
  expect(typeof (JSON.parse(answer.text) as { error: string }).error).toBe('string');
});

test('pages: all of them, then those that have changed', async () => {
  const heap = newHeap();
  const { url } = await serve(heap, 60_000);
  const first = (await ask(url, '/api/pages?since=0')).body;
  expect([first.readUInt32LE(0), first.readUInt32LE(12), first.readUInt32LE(16)]).toEqual([PAGES_MAGIC, 4096, 1]);
  expect(first.length).toBe(PAGES_HEADER_BYTES + PAGES_CHUNK_BYTES);
  const map = heap.view().pageMap();
  map.refresh();
  const sent = Array.from({ length: 512 }, (_, i) => first.readUInt16LE(PAGES_HEADER_BYTES + 4 + 2 * i));
  expect(sent).toEqual([...map.chunk(0)]);
  const version = first.readUInt32LE(4);
  expect((await ask(url, `/api/pages?since=${version}`)).body.length).toBe(PAGES_HEADER_BYTES);
  // A version of a server before this one.
  expect((await ask(url, `/api/pages?since=${version + 100}`)).body.length).toBe(first.length);
});

test('events: hello, what was before, then ticks in order', async () => {
  const heap = newHeap();
  const { url } = await serve(heap);
  await until('there is a past', () => heap.view().stats().at > 200);
  heap.gc();
  const events = await readEvents(url, '/api/events', (all) => all.filter((e) => e.event === 'tick').length >= 3);
  expect(events.map((e) => e.event).slice(0, 3)).toEqual(['hello', 'history', 'tick']);
  expect((events[0]!.data as HelloEvent).info.heap.id).toBe(1);
  const past = (events[1]!.data as History).samples.map((s) => s.n);
  const ticks = events.filter((e) => e.event === 'tick').map((e) => e.data as TickEvent);
  const numbers = [...past, ...ticks.map((t) => t.sample.n)];
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  expect(ticks[0]!.threads).toEqual([[1, 1]]);
  const cycles = [...(events[1]!.data as History).cycles, ...ticks.flatMap((t) => t.cycles)];
  expect(cycles.map((c) => c.cycle)).toEqual([1]);
});

test('a page that connects again gets what it has missed', async () => {
  const { url } = await serve(newHeap());
  const before = await readEvents(url, '/api/events', (all) => all.some((e) => e.event === 'tick'));
  const last = Number(before.at(-1)!.id);
  const after = await readEvents(url, '/api/events', (all) => all.some((e) => e.event === 'tick'), {
    'last-event-id': String(last),
  });
  const samples = after.flatMap((e) =>
    e.event === 'history'
      ? (e.data as History).samples.map((s) => s.n)
      : e.event === 'tick'
        ? [(e.data as TickEvent).sample.n]
        : [],
  );
  expect(samples[0]).toBe(last + 1);
  expect(samples).toEqual(samples.map((_, i) => last + 1 + i));
  // Numbers of another server mean nothing here.
  const other = await readEvents(url, '/api/events', (all) => all.length >= 2, { 'last-event-id': '999999' });
  expect((other[1]!.data as History).samples[0]!.n).toBe(1);
});

/** What a hub needs of a response, with a reader that takes nothing while `full`. */
class FakeResponse extends EventEmitter {
  full = false;
  destroyed = false;
  readonly written: string[] = [];
  get writableNeedDrain(): boolean {
    return this.full;
  }
  writeHead(): void {}
  write(text: string): void {
    this.written.push(text);
  }
  end(): void {
    this.emit('close');
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

test('a client that does not read is passed over, and cut off after a while', () => {
  vi.useFakeTimers();
  try {
    const hub = new EventHub();
    const res = new FakeResponse();
    const req = { method: 'GET', socket: { setNoDelay: () => {}, setTimeout: () => {} } };
    const client = hub.open(req as never, res as never)!;
    vi.advanceTimersByTime(25_000);
    expect(res.written).toEqual([': still here\n\n', ': still here\n\n']);
    res.full = true;
    expect(client.ready).toBe(false);
    vi.advanceTimersByTime(25_000);
    expect(res.written.length).toBe(2);
    expect(hub.clients.size).toBe(1);
    vi.advanceTimersByTime(50_000);
    expect([res.destroyed, hub.clients.size]).toEqual([true, 0]);
    hub.close();
  } finally {
    vi.useRealTimers();
  }
});

test('a client that was passed over gets what it missed before the next tick', async () => {
  const { url } = await serve(newHeap());
  const stalled = vi.spyOn(EventClient.prototype, 'ready', 'get');
  let ticks = 0;
  const events = await readEvents(url, '/api/events', (all) => {
    ticks = all.filter((e) => e.event === 'tick').length;
    if (ticks === 1) stalled.mockReturnValueOnce(false).mockReturnValueOnce(false).mockReturnValueOnce(false);
    return ticks >= 4;
  });
  stalled.mockRestore();
  const samples = events.flatMap((e) =>
    e.event === 'history'
      ? (e.data as History).samples.map((s) => s.n)
      : e.event === 'tick'
        ? [(e.data as TickEvent).sample.n]
        : [],
  );
  expect(samples).toEqual(samples.map((_, i) => samples[0]! + i));
  expect(events.filter((e) => e.event === 'history').length).toBeGreaterThanOrEqual(2);
});

test('heaps come and go, and pages are told', async () => {
  const running = await serve(newHeap());
  let seen = 0;
  const told = readEvents(running.url, '/api/events', (all) => {
    seen = all.length;
    return all.filter((e) => e.event === 'heaps').length >= 2;
  });
  await until('somebody listens', () => seen > 0);
  const more = createHeap({ shared: false, maxBytes: 1 << 20 });
  const id = running.add(more.view(), 'another', async () => undefined);
  expect(await get(running.url, `/api/info?heap=${id}`)).toMatchObject({ heap: { name: 'another' }, shared: false });
  running.remove(id);
  expect((await ask(running.url, `/api/info?heap=${id}`)).status).toBe(404);
  const heaps = (await told).filter((e) => e.event === 'heaps').map((e) => (e.data as HeapEntry[]).length);
  expect(heaps).toEqual([2, 1]);
});

test('a client that takes nothing while a heap goes is told of it afterwards', async () => {
  const running = await serve(newHeap());
  let seen = 0;
  const told = readEvents(running.url, '/api/events', (all) => {
    seen = all.length;
    return all.some((e) => e.event === 'heaps');
  });
  await until('somebody listens', () => seen > 0);
  const stalled = vi.spyOn(EventClient.prototype, 'ready', 'get').mockReturnValue(false);
  // No heap is left, so there are no ticks of one either.
  running.remove(1);
  stalled.mockRestore();
  expect((await told).filter((e) => e.event === 'heaps').map((e) => e.data)).toEqual([[]]);
});

test('a page that is open before there is a heap is told of the first', async () => {
  const empty = await ExplorerServer.start({ port: 0, interval: 20 }, { pageFolder: '/nowhere', version: '' });
  server = empty;
  expect((await ask(empty.url, '/api/info')).status).toBe(404);
  const told = readEvents(empty.url, '/api/events', (all) => all.some((e) => e.event === 'tick'));
  await until('it waits', () => empty.waiting === 1);
  empty.add(newHeap().view(), 'late', async () => undefined);
  const events = await told;
  expect(events[0]).toMatchObject({ event: 'hello', data: { info: { heap: { name: 'late' } } } });
});

test('close ends the events', async () => {
  const running = await serve(newHeap());
  let ended = false;
  const events = readEvents(running.url, '/api/events', () => false).then(() => {
    ended = true;
  });
  await ask(running.url, '/api/heaps');
  await running.close();
  server = undefined;
  await events;
  expect(ended).toBe(true);
  await expect(ask(running.url, '/')).rejects.toThrow();
});

test('metrics, profiles and a snapshot under the same address', async () => {
  const heap = newHeap();
  const { url } = await serve(heap);
  const metrics = await ask(url, '/metrics');
  expect(metrics.text).toMatch(/^go_memstats_heap_objects \d+$/m);
  const cycles = heap.stats().gc.cycles;
  expect((await ask(url, '/debug/pprof/heap?gc=1')).headers['content-type']).toBe('application/octet-stream');
  expect(heap.stats().gc.cycles).toBe(cycles + 1);
  expect((await ask(url, '/debug/pprof/heap?gc=x')).status).toBe(400);
  expect((await ask(url, '/debug/pprof/nothing')).status).toBe(404);
  const snapshot = await ask(url, '/snapshot');
  expect([snapshot.status, snapshot.headers['content-type']]).toEqual([200, 'application/octet-stream']);
  expect(snapshot.body.length).toBeGreaterThan(8192);
});

test('a handler for servers of others', async () => {
  const heap = newHeap();
  const handler = observeHandler(heap, { prefix: '/heap' });
  const own = createServer((req, res) => handler(req, res, req.url === '/mine' ? () => res.end('mine') : undefined));
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(own.address() as AddressInfo).port}/`;
  expect((await ask(url, '/heap/metrics')).text).toContain('go_memstats_alloc_bytes');
  expect((await ask(url, '/heap/debug/pprof/allocs')).status).toBe(200);
  expect((await ask(url, '/mine')).text).toBe('mine');
  expect((await ask(url, '/metrics')).status).toBe(404);
  expect((await ask(url, '/heap/metrics', { method: 'POST' })).status).toBe(405);
  own.close();
});
