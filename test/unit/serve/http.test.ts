/** The server that all observers share: whom it answers, what it refuses, how it ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SpanheapError } from '../../../src/base/errors.ts';
import { hostNameOf, isHostAllowed, isSameOrigin } from '../../../src/serve/host-check.ts';
import { HttpError, type HttpServer, json, startHttp } from '../../../src/serve/http.ts';
import { staticFiles } from '../../../src/serve/static-files.ts';
import { ask } from '../../support/http-client.ts';

let server: HttpServer;
let host: string;

beforeAll(async () => {
  server = await startHttp(
    (url) => {
      if (url.pathname === '/') return { type: 'text/plain', body: 'page' };
      if (url.pathname === '/echo') return json({ query: url.searchParams.get('q') });
      if (url.pathname === '/mistake') throw new HttpError(400, '<b>"no"</b>');
      if (url.pathname === '/failure') throw new Error('broken');
      if (url.pathname === '/stream') return { type: 'text/plain', body: Readable.from(['a', 'b']) };
      return undefined;
    },
    { port: 0, allowHosts: ['proxy.example'] },
  );
  host = new URL(server.url).host;
});

afterAll(() => server.close());

test('it listens on loopback, and says so', () => {
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
});

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s is not answered', async (method) => {
  const { status, headers, text } = await ask(server.url, '/echo', { method });
  expect([status, headers.allow, JSON.parse(text)]).toEqual([
    405,
    'GET, HEAD',
    { error: 'only GET and HEAD are answered' },
  ]);
  expect(headers['access-control-allow-origin']).toBeUndefined();
});

test('HEAD has the headers of GET and no body', async () => {
  const got = await ask(server.url, '/echo?q=x');
  const head = await ask(server.url, '/echo?q=x', { method: 'HEAD' });
  expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', got.headers['content-length']]);
  expect((await ask(server.url, '/stream', { method: 'HEAD' })).text).toBe('');
  expect((await ask(server.url, '/stream')).text).toBe('ab');
});

test('every answer has the headers that keep others out', async () => {
  for (const path of ['/', '/echo', '/nothing', '/mistake', '/failure']) {
    const { headers } = await ask(server.url, path);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test('errors are JSON with a status; what is broken does not break the server', async () => {
  const mistake = await ask(server.url, '/mistake');
  expect([mistake.status, mistake.headers['content-type']]).toEqual([400, 'application/json; charset=utf-8']);
  expect(JSON.parse(mistake.text)).toEqual({ error: '<b>"no"</b>' });
  expect((await ask(server.url, '/failure')).status).toBe(500);
  expect((await ask(server.url, '/nothing')).status).toBe(404);
  expect((await ask(server.url, '/echo?q=%zz')).status).toBe(200);
  expect((await ask(server.url, '//evil.example/echo')).status).toBe(404);
  expect((await ask(server.url, '/')).text).toBe('page');
});

test('an address that is too long is refused, however long', async () => {
  expect((await ask(server.url, `/echo?q=${'x'.repeat(9000)}`)).status).toBe(414);
  // Node's own answer. Newer versions end the connection so early that the client may not see it.
  const answer = ask(server.url, `/echo?q=${'x'.repeat(100_000)}`).then(
    ({ status }) => status,
    ({ code }: NodeJS.ErrnoException) => code,
  );
  expect([414, 431, 'ECONNRESET', 'EPIPE']).toContain(await answer);
});

test.each([
  ['127.0.0.1', 200],
  ['localhost', 200],
  ['LOCALHOST:1234', 200],
  ['app.localhost', 200],
  ['[::1]:80', 200],
  ['proxy.example', 200],
  ['evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['127.evil.example', 403],
  ['localhost.evil.example', 403],
  ['evil.example:127.0.0.1', 403],
  ['localhost@evil.example', 403],
  ['192.168.1.7', 403],
  ['local host', 403],
])('Host: %s → %i', async (name, status) => {
  expect((await ask(server.url, '/echo', { headers: { host: name } })).status).toBe(status);
});

test('bound to all addresses of a machine, it answers to addresses, and to no other names', () => {
  expect(isHostAllowed('192.168.1.7:6090', '0.0.0.0', [])).toBe(true);
  expect(isHostAllowed('[fe80::1]', '::', [])).toBe(true);
  expect(isHostAllowed('rebound.example', '0.0.0.0', [])).toBe(false);
  expect(isHostAllowed('box.lan', 'box.lan', [])).toBe(true);
  expect(isHostAllowed(undefined, '127.0.0.1', [])).toBe(false);
  expect(hostNameOf('localhost.:80')).toBe('localhost');
});

test.each([
  [{}, 200],
  [{ 'sec-fetch-site': 'same-origin' }, 200],
  [{ 'sec-fetch-site': 'none' }, 200],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, 403],
  [{ origin: 'http://evil.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ origin: 'http://127.0.0.1:1' }, 403],
  [{ origin: 'OWN' }, 200],
])('from a page with %j → %i', async (given, status) => {
  const headers = JSON.parse(JSON.stringify(given).replace('OWN', `http://${host}`)) as Record<string, string>;
  expect((await ask(server.url, '/echo', { headers })).status).toBe(status);
});

test('a link from elsewhere may lead to the page, but not into a frame', () => {
  const link = {
    host: 'a',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  };
  expect(isSameOrigin(link, true)).toBe(true);
  expect(isSameOrigin({ ...link, 'sec-fetch-dest': 'iframe' }, true)).toBe(false);
});

test('garbage on the line ends in an answer or a closed connection', async () => {
  const { port } = server;
  const send = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
      let text = '';
      socket.on('data', (piece) => {
        text += piece;
      });
      socket.on('close', () => resolve(text));
      socket.on('error', () => resolve(text));
    });
  expect(await send('GET / HTTP/1.1\r\n\r\n')).toContain('400');
  expect(await send('\x16\x03\x01\x02\x00')).toMatch(/^(HTTP\/1\.1 400.*)?/s);
  expect((await ask(server.url, '/')).status).toBe(200);
});

describe('ports', () => {
  test('one that is in use: the next, unless it was asked for', async () => {
    const first = await startHttp(() => undefined, { firstPort: 47_000 });
    const second = await startHttp(() => undefined, { firstPort: 47_000 });
    expect(second.port).toBeGreaterThan(first.port);
    const refused = (portFlag?: string): Promise<HttpServer> =>
      startHttp(() => undefined, { port: first.port, ...(portFlag === undefined ? {} : { portFlag }) });
    await expect(refused()).rejects.toThrow(
      `cannot listen at 127.0.0.1:${first.port}: the port is in use; choose another with the option port, or 0 for any`,
    );
    await expect(refused('--port')).rejects.toThrow('choose another with --port, or 0 for any free one');
    await expect(refused()).rejects.toBeInstanceOf(SpanheapError);
    await expect(refused()).rejects.toMatchObject({ code: 'ERR_LISTEN', name: 'SpanheapError' });
    await Promise.all([first.close(), second.close()]);
    const again = await startHttp(() => undefined, { port: first.port });
    await again.close();
  });

  test('a host that this machine is not', async () => {
    await expect(startHttp(() => undefined, { port: 0, host: '203.0.113.7' })).rejects.toThrow('no such address');
  });

  test('close ends connections that are open', async () => {
    const busy = await startHttp(
      (_url, _req, res) => {
        res.writeHead(200);
        res.write('never ends');
        return 'taken';
      },
      { port: 0 },
    );
    const socket = connect(busy.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('data', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await busy.close();
    await closed;
  });
});

describe('files of a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-static-'));
  mkdirSync(join(folder, 'site', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(join(folder, 'site', 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'site', 'assets', 'main-1a2b3c4d.js'), '1');
  const files = staticFiles(join(folder, 'site'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('are there by their names', () => {
    expect(files('/')).toMatchObject({ type: 'text/html; charset=utf-8', headers: { 'cache-control': 'no-cache' } });
    expect(files('/assets/main-1a2b3c4d.js')?.headers?.['cache-control']).toContain('immutable');
  });

  test.each([
    '/../secret',
    '/assets/../../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '//secret',
    '/assets',
    '/assets/',
    '/C:/x',
    '/index.html/',
    '/\0',
  ])('%j leads nowhere', (path) => expect(files(path)).toBeUndefined());

  test('a folder that is not there has none', () => {
    expect(staticFiles(join(folder, 'nothing'))('/')).toBeUndefined();
  });
});
