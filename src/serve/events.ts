/**
 * Server-sent events to many clients. A client that does not read as fast as it is written to is passed over, never
 * buffered for: what it missed is for its server to send when it can take something again.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { STALLED_MS } from './http.ts';

const HEARTBEAT_MS = 10_000;
const MAX_CLIENTS = 64;

export class EventClient {
  /** Number of the last sample that it has. */
  last = 0;
  readonly #res: ServerResponse;
  #stalledSince = 0;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  /** Whether it has taken all that was sent. One that stalls for too long is cut off. */
  get ready(): boolean {
    if (!this.#res.writableNeedDrain) {
      this.#stalledSince = 0;
      return !this.#res.destroyed;
    }
    if (this.#stalledSince === 0) this.#stalledSince = Date.now();
    else if (Date.now() - this.#stalledSince > STALLED_MS) this.#res.destroy();
    return false;
  }

  /** Sends an event, of which `data` is already JSON: JSON text has no line breaks. */
  send(event: string, data: string, id?: number): void {
    const head = id === undefined ? '' : `id: ${id}\n`;
    this.#res.write(`${head}event: ${event}\ndata: ${data}\n\n`);
  }

  comment(text: string): void {
    if (this.ready) this.#res.write(`: ${text}\n\n`);
  }

  end(): void {
    this.#res.end();
  }
}

export class EventHub {
  readonly clients = new Set<EventClient>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor() {
    this.#heartbeat = setInterval(() => {
      for (const client of this.clients) client.comment('still here');
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  get full(): boolean {
    return this.clients.size >= MAX_CLIENTS;
  }

  /** Answers a request with events from now on. Undefined: it was HEAD, and is answered. */
  open(req: IncomingMessage, res: ServerResponse): EventClient | undefined {
    res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // For proxies that would collect events before they pass them on.
      'x-accel-buffering': 'no',
    });
    if (req.method === 'HEAD') {
      res.end();
      return undefined;
    }
    req.socket.setNoDelay(true);
    req.socket.setTimeout(0);
    const client = new EventClient(res);
    this.clients.add(client);
    res.once('close', () => this.clients.delete(client));
    return client;
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const client of this.clients) client.end();
    this.clients.clear();
  }
}
