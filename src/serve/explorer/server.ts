/** The explorer's server: the page, the heaps it shows, events, and what other observers offer under the same address. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeapView } from '../../observe/view.ts';
import { type EventClient, EventHub } from '../events.ts';
import { type Answer, HttpError, type HttpServer, json, startHttp } from '../http.ts';
import type { Routes } from '../routes.ts';
import { staticFiles } from '../static-files.ts';
import { answerApi } from './api.ts';
import { type HeapEntry, type HelloEvent, PROTOCOL } from './protocol.ts';
import { Session } from './session.ts';

const FIRST_PORT = 6090;
const INTERVAL_MS = 500;
export const MIN_INTERVAL_MS = 20;
export const MAX_INTERVAL_MS = 60_000;
export const MAX_PORT = 65_535;

export interface ServerOptions {
  readonly host?: string | undefined;
  /** 0: any free one. Default: the first free one from 6090 on. */
  readonly port?: number | undefined;
  readonly allowHosts?: readonly string[] | undefined;
  /** How a person says which port: see HttpOptions. */
  readonly portFlag?: string | undefined;
  /** Milliseconds between two samples, 20 to 60,000. Default: 500. */
  readonly interval?: number | undefined;
}

/** What is needed besides: where the page is, and the package's version. */
export interface Surroundings {
  readonly pageFolder: string;
  readonly version: string;
}

interface Explored {
  readonly session: Session;
  readonly routes: Routes;
}

export class ExplorerServer {
  readonly #explored = new Map<number, Explored>();
  readonly #hub = new EventHub();
  readonly #heapOf = new Map<EventClient, number>();
  /** Clients that came before there was a heap, with the last sample they have. */
  readonly #waiting = new Map<EventClient, number>();
  /** Clients that are still to be told which heaps there are now. */
  readonly #untold = new Set<EventClient>();
  readonly #intervalMs: number;
  readonly #version: string;
  readonly #page: (path: string) => Answer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #http: HttpServer | undefined;
  #ids = 0;

  private constructor({ interval = INTERVAL_MS }: ServerOptions, { pageFolder, version }: Surroundings) {
    this.#intervalMs = Math.max(MIN_INTERVAL_MS, interval);
    this.#version = version;
    this.#page = staticFiles(pageFolder);
  }

  static async start(options: ServerOptions, surroundings: Surroundings): Promise<ExplorerServer> {
    const server = new ExplorerServer(options, surroundings);
    const { host, port, allowHosts, portFlag } = options;
    server.#http = await startHttp((url, req, res) => server.#answer(url, req, res), {
      firstPort: FIRST_PORT,
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port }),
      ...(allowHosts === undefined ? {} : { allowHosts }),
      ...(portFlag === undefined ? {} : { portFlag }),
    });
    server.#timer = setInterval(() => server.#tick(), server.#intervalMs);
    return server;
  }

  get url(): string {
    return this.#http!.url;
  }

  /** Pages that are open and wait for a heap. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Does not keep the event loop alive any more. */
  unref(): void {
    this.#http!.unref();
    this.#timer!.unref();
  }

  /** Shows one more heap, and returns its id. */
  add(view: HeapView, name: string | undefined, routes: Routes): number {
    const id = ++this.#ids;
    const entry = { id, name: name ?? `heap ${id}`, maxBytes: view.info().maxBytes };
    const session = new Session(entry, view, this.#intervalMs, this.#version);
    this.#explored.set(id, { session, routes });
    this.#heapsChanged();
    for (const [client, has] of this.#waiting) this.#begin(session, client, has);
    this.#waiting.clear();
    return id;
  }

  remove(id: number): void {
    if (this.#explored.delete(id)) this.#heapsChanged();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#hub.close();
    await this.#http!.close();
  }

  #heaps(): HeapEntry[] {
    return [...this.#explored.values()].map(({ session }) => session.entry);
  }

  #heapsChanged(): void {
    for (const client of this.#heapOf.keys()) this.#untold.add(client);
    this.#tellHeaps();
  }

  /** Those that take nothing now are told at a later tick. */
  #tellHeaps(): void {
    if (this.#untold.size === 0) return;
    const data = JSON.stringify(this.#heaps());
    for (const client of this.#untold) {
      if (!client.ready) continue;
      client.send('heaps', data);
      this.#untold.delete(client);
    }
  }

  async #answer(url: URL, req: IncomingMessage, res: ServerResponse): Promise<Answer | 'taken' | undefined> {
    const { pathname, searchParams } = url;
    const page = this.#page(pathname);
    if (page !== undefined) return page;
    if (pathname === '/api/heaps') return json(this.#heaps());
    if (pathname === '/api/events') return this.#open(url, req, res);
    const explored = this.#find(searchParams.get('heap'));
    if (!pathname.startsWith('/api/')) return explored.routes(pathname, url, req.method === 'HEAD');
    return answerApi(pathname.slice('/api/'.length), explored.session, searchParams);
  }

  #find(id: string | null): Explored {
    const explored = id === null ? this.#explored.values().next().value : this.#explored.get(Number(id));
    if (explored === undefined)
      throw new HttpError(404, id === null ? 'no heap is being explored' : 'there is no such heap');
    return explored;
  }

  #open(url: URL, req: IncomingMessage, res: ServerResponse): 'taken' {
    const id = url.searchParams.get('heap');
    const explored = id === null && this.#explored.size === 0 ? undefined : this.#find(id);
    if (this.#hub.full) throw new HttpError(503, 'too many pages are open');
    const client = this.#hub.open(req, res);
    if (client === undefined) return 'taken';
    res.once('close', () => {
      this.#heapOf.delete(client);
      this.#waiting.delete(client);
      this.#untold.delete(client);
    });
    const has = Number(req.headers['last-event-id'] ?? url.searchParams.get('since') ?? 0) || 0;
    if (explored !== undefined) {
      this.#begin(explored.session, client, has);
    } else {
      this.#waiting.set(client, has);
      client.comment('there is no heap yet');
    }
    return 'taken';
  }

  /** From here on a client gets the events of a heap. `has`: the last sample it has. */
  #begin(session: Session, client: EventClient, has: number): void {
    this.#heapOf.set(client, session.entry.id);
    const hello: HelloEvent = { protocol: PROTOCOL, heaps: this.#heaps(), info: session.info() };
    client.send('hello', JSON.stringify(hello));
    // A number above all that were given is of a server before this one.
    client.last = has > session.last ? 0 : has;
    this.#catchUp(session, client);
  }

  /** Sends what a client has missed, up to the sample before `end`. */
  #catchUp(session: Session, client: EventClient, end?: number): void {
    const history = session.history(client.last, end);
    const last = history.samples.at(-1);
    if (last === undefined) return;
    client.last = last.n;
    client.send('history', JSON.stringify(history), last.n);
  }

  #tick(): void {
    this.#tellHeaps();
    for (const [id, { session }] of this.#explored) {
      const clients = [...this.#hub.clients].filter((client) => this.#heapOf.get(client) === id);
      if (clients.length === 0) {
        session.sample();
        continue;
      }
      const tick = session.tick();
      const data = JSON.stringify(tick);
      const { n } = tick.sample;
      for (const client of clients) {
        if (!client.ready) continue;
        if (client.last < n - 1) this.#catchUp(session, client, n);
        client.send('tick', data, n);
        client.last = n;
      }
    }
  }
}
