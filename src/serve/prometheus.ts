/**
 * A heap's statistics for Prometheus, under the names and types of client_golang's Go collector (go_collector.go,
 * go_collector_latest.go), so that dashboards made for Go programs show a heap as they are. Uses the public functions of a
 * heap only, when it is scraped. What has no meaning here is left out: go_goroutines, go_sched_gomaxprocs_threads.
 */
import { Registry } from 'prom-client';
import type { Float64Histogram, MemStats } from '../index.ts';
import { packageVersion } from './package-info.ts';

/** What is needed of a heap. */
export interface MeteredHeap {
  memStats(): MemStats;
  metrics(names?: readonly string[]): Readonly<Record<string, number | Float64Histogram>>;
}

/** A value with its labels. `metricName`: the name of a part of a summary. */
export interface HeapSample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A metric as registries of prom-client take it. They rename counters when they write OpenMetrics. */
export interface HeapMetric {
  name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter' | 'summary';
  readonly aggregator: 'sum';
  get(): Promise<Pick<HeapMetric, 'name' | 'help' | 'type' | 'aggregator'> & { values: HeapSample[] }>;
  reset(): void;
}

/** What is needed of a registry: prom-client's `Registry` has it. */
export interface MetricRegistry {
  // biome-ignore lint/suspicious/noExplicitAny: with prom-client's own type here, users without it could not compile.
  registerMetric(metric: any): void;
  metrics(): Promise<string>;
  readonly contentType: string;
}

/** Options of `registerHeapMetrics`. */
export interface HeapMetricsOptions {
  /** prom-client's `register`, or a `Registry` of yours. Default: a new one. */
  readonly registry?: MetricRegistry | undefined;
  /** Labels of every sample, such as the heap's name when a program has several. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** One look at the heap, for all metrics of a scrape. */
interface Reading {
  readonly stats: MemStats;
  readonly gogc: number;
  readonly memoryLimit: number;
  readonly threads: number;
}

interface Spec {
  readonly name: string;
  readonly help: string;
  readonly type: HeapMetric['type'];
  readonly values: (r: Reading) => HeapSample[];
}

const GOGC = '/gc/gogc:percent';
const MEMORY_LIMIT = '/gc/gomemlimit:bytes';
const THREADS = '/sched/threads/total:threads';
const QUANTILES = [0, 0.25, 0.5, 0.75, 1];

function read(heap: MeteredHeap): Reading {
  const values = heap.metrics([GOGC, MEMORY_LIMIT, THREADS]) as Record<string, number>;
  return {
    stats: heap.memStats(),
    gogc: values[GOGC]!,
    memoryLimit: values[MEMORY_LIMIT]!,
    threads: values[THREADS]!,
  };
}

const one = (value: number): HeapSample[] => [{ labels: {}, value }];
const stat =
  (type: HeapMetric['type']) =>
  (name: string, help: string, value: (s: MemStats) => number): Spec => ({
    name: `go_memstats_${name}`,
    help,
    type,
    values: (r) => one(value(r.stats)),
  });
const gauge = stat('gauge');
const counter = stat('counter');

const MEMSTATS: readonly Spec[] = [
  gauge('alloc_bytes', 'Bytes of objects in the heap.', (s) => s.Alloc),
  counter('alloc_bytes_total', 'Bytes ever allocated, also of objects that are gone.', (s) => s.TotalAlloc),
  gauge('buck_hash_sys_bytes', 'Bytes of the buckets of the heap profile.', (s) => s.BuckHashSys),
  counter('frees_total', 'Objects freed.', (s) => s.Frees),
  gauge('gc_sys_bytes', 'Bytes of metadata of the collector and the page allocator.', (s) => s.GCSys),
  gauge('heap_alloc_bytes', 'Bytes of objects in the heap; the same as alloc_bytes.', (s) => s.HeapAlloc),
  gauge('heap_idle_bytes', 'Bytes of the heap in free pages.', (s) => s.HeapIdle),
  gauge('heap_inuse_bytes', 'Bytes of the heap in spans.', (s) => s.HeapInuse),
  gauge('heap_objects', 'Objects in the heap.', (s) => s.HeapObjects),
  gauge('heap_released_bytes', 'Bytes in free pages whose memory is not there.', (s) => s.HeapReleased),
  gauge('heap_sys_bytes', 'Bytes of the reservation that the heap has begun to use.', (s) => s.HeapSys),
  gauge(
    'last_gc_time_seconds',
    'When the last garbage collection ended, in seconds since 1970.',
    (s) => s.LastGC / 1e9,
  ),
  counter('mallocs_total', 'Objects allocated.', (s) => s.Mallocs),
  gauge('mcache_inuse_bytes', 'Bytes of the records of attached threads.', (s) => s.MCacheInuse),
  gauge('mcache_sys_bytes', 'Bytes of the records of all threads that ever were attached.', (s) => s.MCacheSys),
  gauge('mspan_inuse_bytes', 'Bytes of span records in use.', (s) => s.MSpanInuse),
  gauge('mspan_sys_bytes', 'Bytes taken for span records.', (s) => s.MSpanSys),
  gauge('next_gc_bytes', 'Size of the heap by which the next collection should be done.', (s) => s.NextGC),
  gauge('other_sys_bytes', 'Bytes of all other metadata.', (s) => s.OtherSys),
  gauge('stack_inuse_bytes', 'Bytes of shadow stacks and handle tables.', (s) => s.StackInuse),
  gauge('stack_sys_bytes', 'Bytes taken for shadow stacks and handle tables.', (s) => s.StackSys),
  gauge('sys_bytes', 'Bytes that the heap has, metadata included.', (s) => s.Sys),
];

const SPECS: readonly Spec[] = [
  {
    name: 'go_gc_duration_seconds',
    help: 'How long collections stopped the world; of the last 256.',
    type: 'summary',
    values: pauses,
  },
  {
    name: 'go_gc_gogc_percent',
    help: 'How much the heap may grow over what is alive, in percent.',
    type: 'gauge',
    values: (r) => one(r.gogc),
  },
  {
    name: 'go_gc_gomemlimit_bytes',
    help: 'The memory limit; +Inf when there is none.',
    type: 'gauge',
    values: (r) => one(r.memoryLimit),
  },
  {
    name: 'go_info',
    help: 'What keeps the heap.',
    type: 'gauge',
    values: () => [{ labels: { version: `spanheap ${packageVersion()}` }, value: 1 }],
  },
  ...MEMSTATS,
  { name: 'go_threads', help: 'Threads attached to the heap.', type: 'gauge', values: (r) => one(r.threads) },
];

/** Quantiles as Go's `debug.ReadGCStats` has them, and the sums. */
function pauses({ stats }: Reading): HeapSample[] {
  const { NumGC, PauseNs, PauseTotalNs } = stats;
  const sorted = PauseNs.slice(0, Math.min(NumGC, PauseNs.length)).sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(Math.floor(sorted.length * q), sorted.length - 1)] ?? 0;
  return [
    ...QUANTILES.map((quantile) => ({ labels: { quantile }, value: at(quantile) / 1e9 })),
    { metricName: 'go_gc_duration_seconds_sum', labels: {}, value: PauseTotalNs / 1e9 },
    { metricName: 'go_gc_duration_seconds_count', labels: {}, value: NumGC },
  ];
}

/** The metrics of a heap, each of which looks at the heap when it is asked; all that are asked at once look once. */
function metricsOf(heap: MeteredHeap, labels: Readonly<Record<string, string>>): HeapMetric[] {
  let reading: Reading | undefined;
  const current = (): Reading => {
    if (reading === undefined) {
      reading = read(heap);
      queueMicrotask(() => {
        reading = undefined;
      });
    }
    return reading;
  };
  return SPECS.map(({ name, help, type, values }) => ({
    name,
    help,
    type,
    aggregator: 'sum' as const,
    async get() {
      const samples = values(current()).map((sample) => ({ ...sample, labels: { ...labels, ...sample.labels } }));
      return { name: this.name, help, type, aggregator: 'sum' as const, values: samples };
    },
    reset() {},
  }));
}

/**
 * Puts a heap's metrics into a registry of prom-client and returns it. A registry can hold those of one heap: the names are
 * the same for all. Throws what `registerMetric` throws, when one of the names is taken.
 */
export function registerHeapMetrics(heap: MeteredHeap, options: HeapMetricsOptions = {}): MetricRegistry {
  const registry = options.registry ?? new Registry();
  for (const metric of metricsOf(heap, options.labels ?? {})) registry.registerMetric(metric);
  return registry;
}

const registries = new WeakMap<MeteredHeap, MetricRegistry>();

/** The metrics of a heap in Prometheus' text format, and the content type of that. */
export async function metricsText(heap: MeteredHeap): Promise<{ type: string; body: string }> {
  let registry = registries.get(heap);
  if (registry === undefined) {
    registry = registerHeapMetrics(heap);
    registries.set(heap, registry);
  }
  return { type: registry.contentType, body: await registry.metrics() };
}

/** What is needed of a request and a response of `node:http`. */
export interface MetricsRequest {
  readonly method?: string | undefined;
}
/** What `metricsHandler` needs of a response. */
export interface MetricsResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body?: string): unknown;
}

/** Answers GET and HEAD with `metricsText`: `createServer(metricsHandler(heap))`. */
export function metricsHandler(heap: MeteredHeap): (request: MetricsRequest, response: MetricsResponse) => void {
  return (request, response) => {
    const { method } = request;
    const fail = (status: number, text: string): void => {
      response.statusCode = status;
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end(`${text}\n`);
    };
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      fail(405, 'only GET');
      return;
    }
    metricsText(heap).then(
      ({ type, body }) => {
        response.statusCode = 200;
        response.setHeader('Content-Type', type);
        response.end(method === 'HEAD' ? undefined : body);
      },
      (error: unknown) => fail(500, error instanceof Error ? error.message : String(error)),
    );
  };
}
