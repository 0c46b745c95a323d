/**
 * The stream of what happens in the heap. The browser connects again by itself while the server is only slow; when it is
 * gone, this asks again every few seconds.
 */
import { batch, type Signal, signal } from '@preact/signals';
import {
  type CycleRecord,
  type ExplorerInfo,
  type HeapEntry,
  type HelloEvent,
  type History,
  type NumberedSample,
  PROTOCOL,
  type TickEvent,
} from '../../serve/explorer/protocol.ts';

/** Samples and cycles that are kept. */
export const KEPT = 1200;
const RETRY_MS = 3000;

export type Status = 'connecting' | 'live' | 'lost';

export const status: Signal<Status> = signal('connecting');
/** The server speaks another protocol. */
export const outdated: Signal<boolean> = signal(false);
export const info: Signal<ExplorerInfo | null> = signal(null);
export const heaps: Signal<readonly HeapEntry[]> = signal([]);
/** The heap that is looked at; null: the server's first. */
export const heapId: Signal<number | null> = signal(null);
export const samples: Signal<readonly NumberedSample[]> = signal([]);
export const cycles: Signal<readonly CycleRecord[]> = signal([]);
export const pagesVersion: Signal<number> = signal(0);
/** When the last event came, in milliseconds of `performance.now`; 0: never. */
export const lastEvent: Signal<number> = signal(0);
/** The reader wants what he sees to stand still. The stream goes on, nothing is shown of it. */
export const paused: Signal<boolean> = signal(false);

let source: EventSource | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Path of an endpoint for the heap that is looked at. Relative: the page may be served below a prefix. */
export function api(path: string, params: Readonly<Record<string, string | number>> = {}): string {
  const query = new URLSearchParams();
  if (heapId.value !== null) query.set('heap', String(heapId.value));
  for (const [name, value] of Object.entries(params)) query.set(name, String(value));
  const text = query.toString();
  return `api/${path}${text === '' ? '' : `?${text}`}`;
}

/** Those that came last, without repeats. `key` grows along both lists. */
export function joined<T>(old: readonly T[], more: readonly T[], key: (item: T) => number): readonly T[] {
  if (more.length === 0) return old;
  const from = key(more[0]!);
  const kept = old.length > 0 && key(old[old.length - 1]!) >= from ? old.filter((item) => key(item) < from) : old;
  return [...kept, ...more].slice(-KEPT);
}

function add(newSamples: readonly NumberedSample[], newCycles: readonly CycleRecord[]): void {
  samples.value = joined(samples.value, newSamples, (s) => s.n);
  cycles.value = joined(cycles.value, newCycles, (c) => c.cycle);
}

function onHello(hello: HelloEvent): void {
  batch(() => {
    outdated.value = hello.protocol !== PROTOCOL;
    // A program that was started anew has another heap: nothing of the old one is true of it.
    if (info.value !== null && info.value.createdAt !== hello.info.createdAt) forget();
    heaps.value = hello.heaps;
    info.value = hello.info;
    status.value = 'live';
  });
}

function forget(): void {
  samples.value = [];
  cycles.value = [];
  pagesVersion.value = 0;
}

function listen<T>(to: EventSource, name: string, then: (data: T) => void): void {
  to.addEventListener(name, (event) => {
    lastEvent.value = performance.now();
    then(JSON.parse((event as MessageEvent<string>).data) as T);
  });
}

export function connect(): void {
  disconnect();
  if (info.value === null) status.value = 'connecting';
  const opened = new EventSource(api('events'));
  source = opened;
  listen<HelloEvent>(opened, 'hello', onHello);
  listen<History>(opened, 'history', (history) => batch(() => add(history.samples, history.cycles)));
  listen<TickEvent>(opened, 'tick', (tick) =>
    batch(() => {
      status.value = 'live';
      add([tick.sample], tick.cycles);
      pagesVersion.value = tick.pages.version;
    }),
  );
  listen<readonly HeapEntry[]>(opened, 'heaps', (list) => {
    heaps.value = list;
  });
  opened.addEventListener('error', () => {
    status.value = 'lost';
    if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
    retry = setTimeout(connect, RETRY_MS);
  });
}

export function disconnect(): void {
  clearTimeout(retry);
  source?.close();
  source = undefined;
}

/** Looks at another heap of the same program. */
export function lookAt(id: number): void {
  batch(() => {
    forget();
    info.value = null;
    heapId.value = id;
  });
  connect();
}
