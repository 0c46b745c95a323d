/** What the heap knows of the thread it runs in. The one place that asks the platform, but for its memset (sys/memset.ts). */
import type { StopOptions } from '../threads/stop-the-world.ts';

/** The part of Node's `Worker` that `heap.watch` needs. */
export interface NodeWorkerLike {
  readonly threadId: number;
  once(event: 'exit', listener: () => void): unknown;
}

/** What `heap.watch` knows a browser's `Worker` by; or, in a worker, `self`. */
export interface WebWorkerLike {
  postMessage(message: unknown): void;
}

/** What `heap.watch` takes: a `Worker` of Node's `worker_threads`, or of a browser. */
export type WorkerLike = NodeWorkerLike | WebWorkerLike;

interface NodeWorker extends NodeWorkerLike {
  once(event: 'error', listener: (error: unknown) => void): unknown;
  once(event: 'exit', listener: () => void): unknown;
  unref(): void;
}

interface NodeWorkerThreads {
  readonly threadId: number;
  readonly workerData: unknown;
  readonly Worker: new (
    script: string | URL,
    options: { workerData: unknown; eval: boolean; name: string },
  ) => NodeWorker;
}

interface NodeProcess {
  platform?: string;
  versions?: Readonly<Record<string, string>>;
  getBuiltinModule?: (name: string) => unknown;
  /** Node marks what a worker may not do, as `disabled`. */
  abort?: { disabled?: boolean };
}

/** The thread id where there is none: of all threads in a browser, and of a worker of Node's that has ended. */
export const NO_THREAD_ID = -1;

/** Node's id of this thread, 0 for the main thread; NO_THREAD_ID where there is none. */
export function currentThreadId(): number {
  if (processOfNode()?.getBuiltinModule === undefined) return NO_THREAD_ID;
  // Loading the module costs 2 ms of a program that has no workers yet, and the main thread's id is always 0.
  return isMainThread() ? 0 : (workerThreads()?.threadId ?? NO_THREAD_ID);
}

/** In Node: whether this is the main thread. */
export function isMainThread(): boolean {
  return processOfNode()?.abort?.disabled !== true;
}

interface NodeFs {
  writeSync(fd: number, text: string): void;
  readlinkSync(path: string): string;
  existsSync(path: string): boolean;
}

/** On Linux, in Node and Bun: the OS's id of this thread; 0 where it is not known. (Deno would ask its user.) */
export function osThreadId(): number {
  const node = processOfNode();
  if (node?.platform !== 'linux' || node.versions?.['deno'] !== undefined) return 0;
  try {
    return Number(/\d+$/.exec((builtin('node:fs') as NodeFs).readlinkSync('/proc/thread-self')) ?? 0);
  } catch {
    return 0;
  }
}

/** By what others may know this thread. `shared`: there may be others. */
export function threadName(shared: boolean): { readonly thread: number; readonly osThread: number } {
  return { thread: currentThreadId() + 1, osThread: shared ? osThreadId() : 0 };
}

/** Whether the OS has a thread with this id no more. False as well if threads that are there cannot be seen. */
export function isOsThreadGone(id: number): boolean {
  const fs = builtin('node:fs') as NodeFs;
  const isThere = (thread: number): boolean => fs.existsSync(`/proc/self/task/${thread}`);
  if (isThere(id)) return false;
  const self = osThreadId();
  return self !== 0 && isThere(self);
}

/** A module of Node's own. */
export function builtin(name: string): unknown {
  return processOfNode()?.getBuiltinModule?.(name);
}

function processOfNode(): NodeProcess | undefined {
  return (globalThis as { process?: NodeProcess }).process;
}

function workerThreads(): NodeWorkerThreads | undefined {
  return builtin('node:worker_threads') as NodeWorkerThreads | undefined;
}

/**
 * Tells whoever wants to know that this thread has made a heap: tools that look at programs as they are, such as
 * `spanheap explore`. They leave a function at `globalThis[Symbol.for('spanheap.created')]` that gets each new heap.
 */
export function announce(heap: unknown): void {
  const listener = (globalThis as { [key: symbol]: unknown })[Symbol.for('spanheap.created')];
  if (typeof listener === 'function') listener(heap);
}

let atFirstShare: (() => void) | undefined;

/** `fn` is called once, when a heap of this thread is first shared: workers are likely to be started next. */
export function whenFirstShared(fn: () => void): void {
  atFirstShare = fn;
}

export function aboutToShare(): void {
  const fn = atFirstShare;
  atFirstShare = undefined;
  fn?.();
}

/** A line on stderr, at once: what a worker gives to its console waits for the main thread's event loop. */
export function printError(line: string): void {
  const fs = builtin('node:fs') as NodeFs | undefined;
  if (fs === undefined) console.error(line);
  else fs.writeSync(2, `${line}\n`);
}

/** The part of a browser's `Worker` and of its global scope that is needed here. */
interface WebWorker {
  postMessage(message: unknown): void;
  onerror: ((event: unknown) => void) | null;
}

/** Where a page has the text of the worker's script: made once, for every worker that is started. */
let sourceUrl: string | undefined;

export interface StartedWorker {
  /** Node: its thread id; NO_THREAD_ID where there is none. */
  readonly threadId: number;
}

/**
 * Starts a worker that gets `data`. `script`: its URL, or its source text. It does not keep the process alive. `onExit`
 * runs when it has ended, however; a browser tells only of scripts that could not be loaded, or have thrown. `onError` runs
 * before, with what the worker threw; in a browser, with the event. Undefined: no workers here.
 */
export function startWorker(
  script: { readonly url: string } | { readonly source: string },
  data: unknown,
  onExit: (threadId: number) => void,
  onError: (error: unknown) => void,
): StartedWorker | undefined {
  const node = workerThreads();
  if (node !== undefined) {
    const isSource = 'source' in script;
    const worker = new node.Worker(isSource ? script.source : nodeScript(script.url), {
      workerData: data,
      eval: isSource,
      name: 'spanheap gc',
    });
    const { threadId } = worker;
    worker.once('exit', () => onExit(threadId));
    worker.once('error', onError);
    worker.unref();
    return { threadId };
  }
  const web = globalThis as unknown as {
    Worker?: new (url: string | URL, options: { type?: string; name: string }) => WebWorker;
    URL: { createObjectURL?: (blob: unknown) => string };
    Blob?: new (parts: string[], options: { type: string }) => unknown;
  };
  if (web.Worker === undefined || web.Blob === undefined || web.URL.createObjectURL === undefined) return undefined;
  if ('source' in script)
    sourceUrl ??= web.URL.createObjectURL(new web.Blob([script.source], { type: 'text/javascript' }));
  const url = 'source' in script ? sourceUrl! : script.url;
  const worker = new web.Worker(url, { ...('source' in script ? {} : { type: 'module' }), name: 'spanheap gc' });
  worker.onerror = (event) => {
    onError(event);
    onExit(NO_THREAD_ID);
  };
  worker.postMessage(data);
  return { threadId: NO_THREAD_ID };
}

/** Node takes paths and URLs, but no text of a URL. */
function nodeScript(url: string): string | URL {
  return /^(?:file|data):/.test(url) ? new URL(url) : url;
}

/** In a worker: calls `run` with what it was started with. */
export function threadData<T>(run: (data: T) => void): void {
  const node = workerThreads();
  if (node !== undefined) {
    run(node.workerData as T);
    return;
  }
  const scope = globalThis as unknown as { onmessage: ((event: { data: T }) => void) | null };
  scope.onmessage = (event) => {
    scope.onmessage = null;
    run(event.data);
  };
}

/** Whether this is a browser's worker: one whose end no event tells of. */
export function isWebWorker(worker: WorkerLike): worker is WebWorkerLike {
  const { once, postMessage } = (worker ?? {}) as { once?: unknown; postMessage?: unknown };
  const inNode = processOfNode()?.getBuiltinModule !== undefined;
  return !inNode && typeof once !== 'function' && typeof postMessage === 'function';
}

/** The part of a browser's `LockManager` that is needed here. `signal`: an AbortSignal. */
export interface WebLocks {
  request(name: string, fn: () => unknown): Promise<unknown>;
  request(name: string, options: { readonly signal: unknown }, fn: () => unknown): Promise<unknown>;
}

/** A browser's Web Locks. Undefined in Node, whose newer versions have them too: there, workers have `exit` events. */
export function webLocks(): WebLocks | undefined {
  if (processOfNode()?.getBuiltinModule !== undefined) return undefined;
  return (globalThis as { navigator?: { locks?: WebLocks } }).navigator?.locks;
}

/** Throws `error` from the event loop, where no promise takes it: in a worker, its `error` event tells of it. */
export function throwLater(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}

/** Warns on the console. */
export function warn(text: string): void {
  console.warn(`spanheap: ${text}`);
}

interface Scheduler {
  setImmediate?: (fn: () => void) => { unref?: () => void };
  requestIdleCallback?: (fn: () => void) => unknown;
  setTimeout: (fn: () => void, ms: number) => { unref?: () => void } | number;
}

/** Settles when the event loop has had a turn. Keeps the process alive until then. */
export function nextTurn(): Promise<void> {
  const { setImmediate } = globalThis as unknown as { setImmediate?: (fn: () => void) => unknown };
  if (setImmediate !== undefined) return new Promise((resolve) => void setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Calls `fn` soon from the event loop; does not keep the process alive. */
export function whenIdle(fn: () => void): void {
  const scheduler = globalThis as unknown as Scheduler;
  if (scheduler.setImmediate !== undefined) scheduler.setImmediate(fn).unref?.();
  else if (scheduler.requestIdleCallback !== undefined) scheduler.requestIdleCallback(fn);
  else scheduler.setTimeout(fn, 0);
}

/** How a thread stops the world: it says so when that takes longer than so many milliseconds. */
export function stopOptions(warnAfterMs: number): StopOptions {
  return { warn, warnAfterMs };
}
