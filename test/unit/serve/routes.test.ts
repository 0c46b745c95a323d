/** Snapshots and profiles over HTTP: clients that leave, stall, come all at once, or ask for headers only. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createHeap, type Heap } from '../../../src/index.ts';
import { type HttpServer, send, startHttp } from '../../../src/serve/http.ts';
import { MAX_DOWNLOADS, type Observed, observeHandler, observerRoutes } from '../../../src/serve/routes.ts';
import { ask } from '../../support/http-client.ts';
import { until } from '../../support/workers.ts';

/** More than sockets hold back for a reader that takes nothing. */
const LARGE = 32 << 20;

const folder = mkdtempSync(join(tmpdir(), 'spanheap-routes-'));
const before = process.env['TMPDIR'];
beforeAll(() => {
  process.env['TMPDIR'] = folder;
});
afterAll(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(folder, { recursive: true });
});

let server: HttpServer | undefined;
let plain: Server | undefined;
afterEach(async () => {
  await server?.close();
  plain?.closeAllConnections();
  plain?.close();
  server = undefined;
  plain = undefined;
});

/** Files of snapshots that are on the disk, or were removed and are still open. */
function kept(): string[] {
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  return [...readdirSync(folder), ...open.filter((file) => file.startsWith(folder))];
}

/** Serves the routes of a heap whose snapshot is `bytes` long and does not begin before `begin`. */
async function serve(bytes: number, begin: Promise<void> = Promise.resolve(), also: Partial<Observed> = {}) {
  const heap = createHeap({ maxBytes: 1 << 22, background: false });
  let taken = 0;
  async function* snapshot(): AsyncGenerator<Uint8Array, void> {
    taken++;
    await begin;
    for (let at = 0; at < bytes; at += 1 << 20) yield new Uint8Array(Math.min(1 << 20, bytes - at));
  }
  const attach = () => ({
    heap: { gc: () => heap.gc(), snapshot } as Pick<Heap, 'gc' | 'snapshot'>,
    release: () => {},
  });
  const routes = observerRoutes({ metered: heap, attach, ...also });
  server = await startHttp((url, req) => routes(url.pathname, url, req.method === 'HEAD'), { port: 0 });
  return { heap, url: server.url, port: server.port, taken: () => taken };
}

/** A client that reads the headers and then nothing more. */
function stall(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const req = get(`${url}snapshot`, { agent: false }, (res) => {
      res.pause();
      res.on('error', () => {});
      resolve(res);
    });
    req.once('error', reject);
  });
}

test.skipIf(process.platform !== 'linux')('a client that leaves while a snapshot is taken leaves no file', async () => {
  let begin = (): void => {};
  const gate = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const { port, url, taken } = await serve(LARGE, gate);
  const client = connect(port, '127.0.0.1', () => client.write('GET /snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n'));
  await until('it is being taken', () => taken() === 1);
  client.destroy();
  // The server has seen that when it answers what was asked later.
  await ask(url, '/metrics');
  begin();
  await until('nothing is left of it', () => kept().length === 0);
  expect((await ask(url, '/snapshot')).body.length).toBe(LARGE);
  await until('nor of one that was read', () => kept().length === 0);
});

test.skipIf(process.platform !== 'linux')(
  'a client that leaves in the middle of a snapshot leaves no file',
  async () => {
    const { url } = await serve(LARGE);
    const client = await stall(url);
    // It has no name any more, but is there as long as it is open.
    expect(readdirSync(folder)).toEqual([]);
    expect(kept().length).toBe(1);
    client.destroy();
    await until('nothing is left of it', () => kept().length === 0);
  },
);

test('so many snapshots are read at the same time, and no more', async () => {
  const { url } = await serve(LARGE);
  const clients: IncomingMessage[] = [];
  for (let i = 0; i < MAX_DOWNLOADS; i++) clients.push(await stall(url));
  const refused = await ask(url, '/snapshot');
  expect(refused.status).toBe(503);
  expect((JSON.parse(refused.text) as { error: string }).error).toContain(`${MAX_DOWNLOADS} snapshots are being read`);
  clients.pop()!.destroy();
  let status = 0;
  for (let tries = 0; status !== 200 && tries < 500; tries++) ({ status } = await ask(url, '/snapshot'));
  expect(status).toBe(200);
  for (const client of clients) client.destroy();
});

test('a snapshot that fails takes no place', async () => {
  const broken = (): never => {
    throw new Error('no');
  };
  const { url } = await serve(0, undefined, { attach: broken });
  for (let i = 0; i <= MAX_DOWNLOADS; i++) expect((await ask(url, '/snapshot')).status).toBe(500);
});

test('a client that takes nothing for long is cut off, and what it was sent is let go', async () => {
  const body = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(1 << 16);
    })(),
  );
  const closed = new Promise((resolve) => body.once('close', resolve));
  plain = createServer((req, res) => send(req, res, { type: 'text/plain', body }, 100)).listen(0, '127.0.0.1');
  await new Promise((resolve) => plain!.once('listening', resolve));
  await stall(`http://127.0.0.1:${(plain.address() as AddressInfo).port}/`);
  await closed;
});

test('HEAD takes no snapshot, collects nothing, waits for nothing', async () => {
  const attach = (): never => {
    throw new Error('something was done');
  };
  const { url } = await serve(0, undefined, { attach });
  const head = { method: 'HEAD' };
  const snapshot = await ask(url, '/snapshot', head);
  expect([snapshot.status, snapshot.headers['content-type'], snapshot.headers['content-length']]).toEqual([
    200,
    'application/octet-stream',
    undefined,
  ]);
  const profile = await ask(url, '/debug/pprof/heap?gc=1&seconds=600', head);
  expect([profile.status, profile.headers['content-disposition']]).toEqual([
    200,
    'attachment; filename="heap-delta.pb.gz"',
  ]);
  expect((await ask(url, '/debug/pprof/heap?gc=x', head)).status).toBe(400);
  expect((await ask(url, '/debug/pprof/heap?gc=1')).status).toBe(500);
});

test.each(['//', '///', '//[', '/%', '*'])('the path %s is nothing to a handler, and no failure', async (path) => {
  const heap = createHeap({ maxBytes: 1 << 22, background: false });
  plain = createServer(observeHandler(heap)).listen(0, '127.0.0.1');
  await new Promise((resolve) => plain!.once('listening', resolve));
  const { status } = await ask(`http://127.0.0.1:${(plain.address() as AddressInfo).port}/`, path);
  expect(status).toBe(404);
});
