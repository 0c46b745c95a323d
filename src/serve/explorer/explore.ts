/** `explore(heap)`: a page that shows a running heap, live. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { checkNames, checkWhole } from '../../base/check.ts';
import { ArgumentError, SpanheapError } from '../../base/errors.ts';
import type { Heap } from '../../index.ts';
import type { SharedHeap } from '../../runtime/init.ts';
import { besideProgram, packageVersion } from '../package-info.ts';
import { observerRoutes } from '../routes.ts';
import type { ExplorerEnded, ExplorerStart, FromExplorer, ToExplorer } from './messages.ts';
import { ExploredHeaps } from './reaping.ts';
import { ExplorerServer, MAX_INTERVAL_MS, MAX_PORT, MIN_INTERVAL_MS, type ServerOptions } from './server.ts';

/** What of a heap is explored: `createHeap` and `attachHeap` return such. */
export type ExplorableHeap = Pick<
  Heap,
  'share' | 'view' | 'memStats' | 'metrics' | 'memProfile' | 'gc' | 'snapshot' | 'attached' | 'threadsOf' | 'reap'
>;

/** Options of `explore`: where it is served, and what the page says. */
export interface ExploreOptions extends Omit<ServerOptions, 'portFlag'> {
  /** What the page calls the heap. Default: 'heap 1'. */
  readonly name?: string | undefined;
  /** Whether the server keeps the process running when the program is done. Default: false. */
  readonly keepAlive?: boolean | undefined;
}

/** A page that is served: what `explore` returns. */
export interface Explorer {
  /** Where the page is: `http://127.0.0.1:6090/`. */
  readonly url: string;
  /** Shows one more heap on the same page; what is returned takes it away again. Throws ArgumentError for an unshared one. */
  add(heap: ExplorableHeap, name?: string): () => void;
  /** Ends all connections and the server's thread. */
  close(): Promise<void>;
}

/**
 * Serves a page that shows the heap as it changes: its pages, spans and objects, what threads hold, how large it is, what
 * the collector does. For a shared heap in a thread of its own, which reads the heap's memory and is not attached to it:
 * the program is not stopped or asked for anything. For a heap made with `shared: false` in this thread.
 *
 * Listens at 127.0.0.1 and answers GET only. Throws ArgumentError for options that are wrong, and SpanheapError with the code
 * ERR_LISTEN when it cannot listen.
 */
export async function explore(heap: ExplorableHeap, options: ExploreOptions = {}): Promise<Explorer> {
  checkNames('explore', options, ['name', 'keepAlive', 'host', 'port', 'allowHosts', 'interval']);
  checkWhole('explore: port', options.port, 0, MAX_PORT);
  checkWhole('explore: interval', options.interval, MIN_INTERVAL_MS, MAX_INTERVAL_MS);
  checkInstalled();
  const shared = shareOf(heap);
  if (shared === undefined) return exploreHere(heap, options);
  const explorer = await startExplorer(options);
  explorer.add(heap, options.name);
  return explorer;
}

/** The page and the script of its thread are files beside the program, which a bundler does not take along. */
function checkInstalled(): void {
  if (existsSync(besideProgram('./explorer'))) return;
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    `explore: its files are not beside the program; a bundle must leave 'spanheap/observe' out, as an external module`,
  );
}

/** What another thread needs to see the heap; undefined for unshared heaps. */
function shareOf(heap: ExplorableHeap): SharedHeap | undefined {
  return heap.view().info().shared ? heap.share() : undefined;
}

async function exploreHere(
  heap: ExplorableHeap,
  { name, keepAlive = false, ...options }: ExploreOptions,
): Promise<Explorer> {
  const pageFolder = fileURLToPath(besideProgram('./explorer'));
  const server = await ExplorerServer.start(options, { pageFolder, version: packageVersion() });
  const add = (more: ExplorableHeap, called?: string): (() => void) => {
    const id = server.add(
      more.view(),
      called,
      observerRoutes({ metered: more, attach: () => ({ heap: more, release: () => {} }) }),
    );
    return () => server.remove(id);
  };
  add(heap, name);
  if (!keepAlive) server.unref();
  return { url: server.url, add, close: () => server.close() };
}

/** An explorer in a thread of its own that shows no heap yet. `worker`: its script. */
export async function startExplorer(
  {
    keepAlive = false,
    name: _,
    ...options
  }: ExploreOptions & Pick<ServerOptions, 'portFlag'> & { readonly channel?: string },
  worker: URL | string = besideProgram('./explorer-worker.js'),
): Promise<Explorer> {
  const { channel, ...server } = options;
  const start: ExplorerStart = { options: server, version: packageVersion(), channel };
  // Not with the options of this process: they may have it run programs of the user's first.
  const thread = new Worker(worker, { workerData: start, execArgv: [], name: 'spanheap explorer' });
  const { threadId } = thread;
  const heaps = new ExploredHeaps();
  thread.once('exit', () => {
    heaps.reap(threadId);
    if (channel !== undefined) tellEnded(channel, threadId);
  });
  const url = await listening(thread);
  thread.on('message', (message: FromExplorer) => {
    if (message.is === 'refused') console.warn(`spanheap: a heap cannot be explored: ${message.message}`);
  });
  thread.on('error', (error) => console.warn(`spanheap: the explorer has failed: ${error.message}`));
  if (!keepAlive) thread.unref();
  const send = (message: ToExplorer): void => thread.postMessage(message);
  let keys = 0;
  return {
    url,
    add: (heap, name) => {
      const key = `own ${++keys}`;
      heaps.add(heap);
      send({ do: 'add', key, shared: heap.share(), name });
      return () => send({ do: 'remove', key });
    },
    close: () =>
      new Promise((resolve) => {
        thread.once('exit', () => resolve());
        thread.ref();
        send({ do: 'close' });
      }),
  };
}

/** To the other threads that have announced heaps. */
function tellEnded(channel: string, threadId: number): void {
  const all = new BroadcastChannel(channel);
  const message: ExplorerEnded = { do: 'reap', threadId };
  all.postMessage(message);
  all.close();
}

/** Errors lose their class and code between threads. */
function failure({ code, message }: FromExplorer & { is: 'failed' }): Error {
  return code === 'ERR_LISTEN' ? new SpanheapError(code, message) : new Error(message);
}

function listening(thread: Worker): Promise<string> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the explorer could not be started'));
    thread.once('error', reject);
    thread.once('exit', ended);
    thread.once('message', (message: FromExplorer) => {
      thread.off('error', reject);
      thread.off('exit', ended);
      if (message.is === 'listening') resolve(message.url);
      else reject(message.is === 'failed' ? failure(message) : new Error('the explorer could not be started'));
    });
  });
}
