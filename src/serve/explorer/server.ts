/** The explorer's server: the page, the heaps it shows, events, and what other observers offer under the same address. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeapView } from '../../observe/view.ts';
import { type EventClient, EventHub } from '../events.ts';
import { type Answer, HttpError, type HttpServer, json, startHttp } from '../http.ts';
import { staticFiles } from '../static-files.ts';
import { answerApi } from './api.ts';
import { type HeapEntry, type HelloEvent, PROTOCOL } from './protocol.ts';
import { Session } from './session.ts';

export const FIRST_PORT = 6090;
export const INTERVAL_MS = 500;
export const MIN_INTERVAL_MS = 20;

export interface ServerOptions {
  readonly host?: string | undefined;
  /** 0: any free one. Default: the first free one from 6090 on. */
  readonly port?: number | undefined;
  readonly allowHosts?: readonly string[] | undefined;
  /** Milliseconds between two samples. Default: 500. */
  readonly interval?: number | undefined;
}

/** Answers what is asked of one heap under other paths than the explorer's own; undefined: not that either. */
export type Extra = (path: string, url: URL) => Promise<Answer | undefined>;

/** What is needed besides: where the page is, and the package's version. */
export interface Surroundings {
  readonly pageFolder: string;
  readonly version: string;
}

interface Explored {
  readonly session: Session;
  readonly extra: Extra;
}

export class ExplorerServer {
  readonly #explored = new Map<number, Explored>();
  readonly #hub = new EventHub();
  readonly #heapOf = new Map<EventClient, number>();
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
    const { host, port, allowHosts } = options;
    server.#http = await startHttp((url, req, res) => server.#answer(url, req, res), {
      firstPort: FIRST_PORT,
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port }),
      ...(allowHosts === undefined ? {} : { allowHosts }),
    });
    server.#timer = setInterval(() => server.#tick(), server.#intervalMs);
    return server;
  }

  get url(): string {
    return this.#http!.url;
  }

  /** Does not keep the event loop alive any more. */
  unref(): void {
    this.#http!.unref();
    this.#timer!.unref();
  }

  /** Shows one more heap, and returns its id. */
  add(view: HeapView, name: string | undefined, extra: Extra): number {
    const id = ++this.#ids;
    const entry = { id, name: name ?? `heap ${id}`, maxBytes: view.info().maxBytes };
    this.#explored.set(id, { session: new Session(entry, view, this.#intervalMs, this.#version), extra });
    this.#tellHeaps();
    return id;
  }

  remove(id: number): void {
    if (this.#explored.delete(id)) this.#tellHeaps();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#hub.close();
    await this.#http!.close();
  }

  #heaps(): HeapEntry[] {
    return [...this.#explored.values()].map(({ session }) => session.entry);
  }

  #tellHeaps(): void {
    const data = JSON.stringify(this.#heaps());
    for (const client of this.#hub.clients) if (client.ready) client.send('heaps', data);
  }

  async #answer(url: URL, req: IncomingMessage, res: ServerResponse): Promise<Answer | 'taken' | undefined> {
    const { pathname, searchParams } = url;
    const page = this.#page(pathname);
    if (page !== undefined) return page;
    if (pathname === '/api/heaps') return json(this.#heaps());
    const explored = this.#find(searchParams.get('heap'));
    if (pathname === '/api/events') return this.#open(explored.session, url, req, res);
    if (!pathname.startsWith('/api/')) return explored.extra(pathname, url);
    return answerApi(pathname.slice('/api/'.length), explored.session, searchParams);
  }

  #find(id: string | null): Explored {
    const explored = id === null ? this.#explored.values().next().value : this.#explored.get(Number(id));
    if (explored === undefined)
      throw new HttpError(404, id === null ? 'no heap is being explored' : 'there is no such heap');
    return explored;
  }

  #open(session: Session, url: URL, req: IncomingMessage, res: ServerResponse): 'taken' {
    if (this.#hub.full) throw new HttpError(503, 'too many pages are open');
    const client = this.#hub.open(req, res);
    if (client === undefined) return 'taken';
    this.#heapOf.set(client, session.entry.id);
    res.once('close', () => this.#heapOf.delete(client));
    const hello: HelloEvent = { protocol: PROTOCOL, heaps: this.#heaps(), info: session.info() };
    client.send('hello', JSON.stringify(hello));
    const has = Number(req.headers['last-event-id'] ?? url.searchParams.get('since') ?? 0) || 0;
    // A number above all that were given is of a server before this one.
    client.last = has > session.last ? 0 : has;
    this.#catchUp(session, client);
    return 'taken';
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
