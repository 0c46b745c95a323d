/**
 * The HTTP server of all observers. It listens on loopback unless told otherwise, answers GET and HEAD only, changes
 * nothing, and answers nobody but its own pages and programs without a page (host-check.ts). There are no CORS headers.
 * What a handler throws is a 500 with one line of text; a caller's mistake is an HttpError.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { SpanheapError } from '../base/errors.ts';
import { isHostAllowed, isSameOrigin } from './host-check.ts';

/** What is sent back. A string is UTF-8; a stream is sent as it comes, and destroyed whatever becomes of that. */
export interface Answer {
  readonly status?: number;
  readonly type: string;
  /** Undefined for HEAD, where it would be work to make it. */
  readonly body: string | Uint8Array | Readable | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a request, or undefined: there is no such thing. 'taken': it has written to `res` itself. */
export type Handler = (
  url: URL,
  req: IncomingMessage,
  res: ServerResponse,
) => MaybePromise<Answer | 'taken' | undefined>;
type MaybePromise<T> = T | Promise<T>;

/** A mistake of the one who asks. */
export class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface HttpOptions {
  /** Address or name to listen at. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0: any free port. Default: the first free one from `firstPort` on. */
  readonly port?: number | undefined;
  readonly firstPort?: number | undefined;
  /** How a person says which port. Default: 'the option port'. */
  readonly portFlag?: string | undefined;
  /** Other names that the server is asked by, such as that of a proxy. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Whether links from other sites may lead to this path. Default: only to `/`. */
  readonly isPage?: ((path: string) => boolean) | undefined;
}

export interface HttpServer {
  /** `http://127.0.0.1:6090/`. */
  readonly url: string;
  readonly port: number;
  /** Ends all connections; resolves when the port is free again. */
  close(): Promise<void>;
  /** Whether the server keeps the event loop alive. */
  ref(): void;
  unref(): void;
}

const LOOPBACK = '127.0.0.1';
const MAX_URL = 8192;
/** Ports that are tried in a row when none was asked for. */
const PORTS_TRIED = 32;
const MAX_CONNECTIONS = 256;
/** A request that is not there by then is given up. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A client that has taken nothing of an answer for so long is given up. */
export const STALLED_MS = 60_000;

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Starts a server. Throws SpanheapError with the code ERR_LISTEN when it cannot listen. */
export async function startHttp(handler: Handler, options: HttpOptions = {}): Promise<HttpServer> {
  const host = options.host ?? LOOPBACK;
  const check = checker(host, options);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (req, res) => {
    void respond(check, handler, req, res);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await listenAt(server, host, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${urlHost(host)}:${port}/`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    ref: () => server.ref(),
    unref: () => server.unref(),
  };
}

/** What to type into a browser for what the server is bound to. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

async function listenAt(server: Server, host: string, options: HttpOptions): Promise<void> {
  const { port, firstPort = 6090, portFlag = 'the option port' } = options;
  if (port !== undefined) return await listen(server, host, port, portFlag);
  for (let i = 0; i < PORTS_TRIED; i++) {
    try {
      return await listen(server, host, firstPort + i, portFlag);
    } catch (error) {
      if ((error as PortError).cause !== 'EADDRINUSE') throw error;
    }
  }
  await listen(server, host, 0, portFlag);
}

class PortError extends SpanheapError {
  override readonly cause: string | undefined;
  constructor(message: string, cause: string | undefined) {
    super('ERR_LISTEN', message);
    this.cause = cause;
  }
}

function listen(server: Server, host: string, port: number, portFlag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const why: Record<string, string> = {
        EADDRINUSE: `the port is in use; choose another with ${portFlag}, or 0 for any free one`,
        EACCES: 'this user may not listen there; ports from 1024 on are free for all',
        EADDRNOTAVAIL: 'this machine has no such address',
        ENOTFOUND: 'there is no host of this name',
      };
      const reason = why[error.code ?? ''] ?? error.message;
      reject(new PortError(`cannot listen at ${urlHost(host)}:${port}: ${reason}`, error.code));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** Undefined, or why a request is not answered. */
type Check = (req: IncomingMessage) => HttpError | undefined;

function checker(host: string, { allowHosts = [], isPage = (path) => path === '/' }: HttpOptions): Check {
  return ({ method, headers, url = '' }) => {
    if (method !== 'GET' && method !== 'HEAD') return new HttpError(405, 'only GET and HEAD are answered');
    if (url.length > MAX_URL) return new HttpError(414, 'the address is too long');
    if (!isHostAllowed(headers.host, host, allowHosts)) {
      return new HttpError(403, 'not answered for this host name; --allow-host adds names');
    }
    const path = url.split('?', 1)[0]!;
    if (!isSameOrigin(headers, isPage(path))) return new HttpError(403, 'not answered for pages of other sites');
    return undefined;
  };
}

async function respond(check: Check, handler: Handler, req: IncomingMessage, res: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) res.setHeader(name, value);
  try {
    const refused = check(req);
    if (refused !== undefined) throw refused;
    const url = parseUrl(req.url);
    const answer = await handler(url, req, res);
    if (answer === 'taken') return;
    if (answer === undefined) throw new HttpError(404, 'there is nothing here');
    send(req, res, answer);
  } catch (error) {
    sendError(req, res, error);
  }
}

/** The path is taken as it stands: what names nothing is not found. */
export function parseUrl(url = '/'): URL {
  try {
    // A path that begins with two slashes would be taken for a host.
    return new URL(`http://host/${url.replace(/^\/+/, '')}`);
  } catch {
    throw new HttpError(400, 'this is no address');
  }
}

/** Sends an answer; to HEAD its headers only. A client that takes nothing for `stalledMs` is cut off. */
export function send(req: IncomingMessage, res: ServerResponse, answer: Answer, stalledMs = STALLED_MS): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  const isStream = body instanceof Readable;
  const length = body === undefined || isStream ? {} : { 'content-length': body.byteLength };
  if (isStream && (req.method === 'HEAD' || res.destroyed)) body.destroy();
  if (res.destroyed) return;
  res.setTimeout(stalledMs, () => res.destroy());
  res.writeHead(answer.status ?? 200, {
    'content-type': answer.type,
    'cache-control': 'no-store',
    ...length,
    ...answer.headers,
  });
  if (req.method === 'HEAD' || body === undefined) res.end();
  // It destroys both when either of them ends early: the client then sees that something is missing.
  else if (isStream) pipeline(body, res, () => {});
  else res.end(body);
}

/** An error as JSON. The text is never HTML. */
export function sendError(req: IncomingMessage, res: ServerResponse, error: unknown): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const status = error instanceof HttpError ? error.status : 500;
  const message = error instanceof Error ? error.message : String(error);
  const headers: Record<string, string> = status === 405 ? { allow: 'GET, HEAD' } : {};
  // What came with a request that is refused is not read.
  if (status === 405 || status === 414) headers['connection'] = 'close';
  send(req, res, { status, ...json({ error: message }), headers });
}

export function json(value: unknown): Answer {
  return { type: 'application/json; charset=utf-8', body: JSON.stringify(value) };
}
