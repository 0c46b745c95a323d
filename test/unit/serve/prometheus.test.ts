/** Prometheus' text of a heap: client_golang's names and types, values of `memStats`, and the handler. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createHeap, type Heap, ref, struct } from '../../../src/index.ts';
import { metricsHandler, metricsText, registerHeapMetrics } from '../../../src/serve/prometheus.ts';

/** What client_golang's Go collector writes by default, less goroutines and GOMAXPROCS. */
const NAMES: Record<string, string> = {
  go_gc_duration_seconds: 'summary',
  go_gc_gogc_percent: 'gauge',
  go_gc_gomemlimit_bytes: 'gauge',
  go_info: 'gauge',
  go_memstats_alloc_bytes: 'gauge',
  go_memstats_alloc_bytes_total: 'counter',
  go_memstats_buck_hash_sys_bytes: 'gauge',
  go_memstats_frees_total: 'counter',
  go_memstats_gc_sys_bytes: 'gauge',
  go_memstats_heap_alloc_bytes: 'gauge',
  go_memstats_heap_idle_bytes: 'gauge',
  go_memstats_heap_inuse_bytes: 'gauge',
  go_memstats_heap_objects: 'gauge',
  go_memstats_heap_released_bytes: 'gauge',
  go_memstats_heap_sys_bytes: 'gauge',
  go_memstats_last_gc_time_seconds: 'gauge',
  go_memstats_mallocs_total: 'counter',
  go_memstats_mcache_inuse_bytes: 'gauge',
  go_memstats_mcache_sys_bytes: 'gauge',
  go_memstats_mspan_inuse_bytes: 'gauge',
  go_memstats_mspan_sys_bytes: 'gauge',
  go_memstats_next_gc_bytes: 'gauge',
  go_memstats_other_sys_bytes: 'gauge',
  go_memstats_stack_inuse_bytes: 'gauge',
  go_memstats_stack_sys_bytes: 'gauge',
  go_memstats_sys_bytes: 'gauge',
  go_threads: 'gauge',
};
const Node = struct('Node', {
  get next() {
    return ref(Node);
  },
});

function someHeap(): Heap {
  const heap = createHeap({ maxBytes: 2 ** 26, background: false });
  heap.scope(() => {
    for (let i = 0; i < 5000; i++) heap.new(Node);
  });
  heap.gc();
  heap.gc();
  return heap;
}

/** Samples by name with labels, and types by name. */
function parse(body: string): { samples: Map<string, number>; types: Record<string, string> } {
  const samples = new Map<string, number>();
  const types: Record<string, string> = {};
  for (const line of body.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) types[type[1]!] = type[2]!;
    else if (line !== '' && !line.startsWith('# HELP ')) {
      const [, name, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line)!;
      samples.set(name!, value === '+Inf' ? Infinity : Number(value));
    }
  }
  return { samples, types };
}

test('names, types and values', async () => {
  const heap = someHeap();
  const { type, body } = await metricsText(heap);
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const { samples, types } = parse(body);
  expect(types).toEqual(NAMES);
  const s = heap.memStats();
  expect(samples.get('go_memstats_alloc_bytes')).toBe(s.Alloc);
  expect(samples.get('go_memstats_alloc_bytes_total')).toBe(s.TotalAlloc);
  expect(samples.get('go_memstats_mallocs_total')).toBe(s.Mallocs);
  expect(samples.get('go_memstats_frees_total')).toBe(s.Frees);
  expect(samples.get('go_memstats_sys_bytes')).toBe(s.Sys);
  expect(samples.get('go_memstats_next_gc_bytes')).toBe(s.NextGC);
  expect(samples.get('go_memstats_last_gc_time_seconds')).toBe(s.LastGC / 1e9);
  expect(samples.get('go_gc_gogc_percent')).toBe(100);
  expect(samples.get('go_gc_gomemlimit_bytes')).toBe(Infinity);
  expect(samples.get('go_threads')).toBe(1);
  const pauses = s.PauseNs.slice(0, 2).sort((a, b) => a - b);
  expect(samples.get('go_gc_duration_seconds{quantile="0"}')).toBe(pauses[0]! / 1e9);
  expect(samples.get('go_gc_duration_seconds{quantile="1"}')).toBe(pauses[1]! / 1e9);
  expect(samples.get('go_gc_duration_seconds_sum')).toBe(s.PauseTotalNs / 1e9);
  expect(samples.get('go_gc_duration_seconds_count')).toBe(2);
  expect([...samples.keys()].filter((name) => name.startsWith('go_info'))).toEqual([
    expect.stringMatching(/^go_info\{version="spanheap /),
  ]);
  for (const [name, value] of samples) expect(value, name).toBeGreaterThanOrEqual(0);
});

test('a registry of the program’s, with labels; scraped anew each time', async () => {
  const heap = someHeap();
  const registry = new Registry();
  expect(registerHeapMetrics(heap, { registry, labels: { heap: 'a "b"\\' } })).toBe(registry);
  const objects = async () =>
    parse(await registry.metrics()).samples.get('go_memstats_heap_objects{heap="a \\"b\\"\\\\"}');
  const before = await objects();
  expect(before).toBe(heap.memStats().HeapObjects);
  for (let i = 0; i < 100; i++) heap.raw.mallocgc(64, null, false);
  expect(await objects()).toBe(before! + 100);
  expect(() => registerHeapMetrics(heap, { registry })).toThrow(/already been registered/);
});

test('one scrape looks at the heap once', async () => {
  let looks = 0;
  const heap = someHeap();
  const counted = {
    memStats: () => {
      looks++;
      return heap.memStats();
    },
    metrics: (names?: readonly string[]) => heap.metrics(names),
  };
  await metricsText(counted);
  expect(looks).toBe(1);
  await metricsText(counted);
  expect(looks).toBe(2);
});

test('the handler answers GET and HEAD, and nothing else', async () => {
  const heap = someHeap();
  let broken = false;
  const memStats = () => {
    if (broken) throw new Error('gone');
    return heap.memStats();
  };
  const server = createServer(metricsHandler({ memStats, metrics: (names) => heap.metrics(names) }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  try {
    const get = await fetch(url);
    expect(get.status).toBe(200);
    expect(get.headers.get('content-type')).toContain('version=0.0.4');
    expect(parse(await get.text()).types).toEqual(NAMES);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(url, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    broken = true;
    expect((await fetch(url)).status).toBe(500);
  } finally {
    server.close();
  }
});
