/**
 * The two books of the heap: `heap.memStats()` and `heap.metrics()`, from what threads count, and the walk of the spans that
 * `heap.verify()` compares them with. One thread, and threads that are simulated; real ones: mem-stats-threads.test.ts.
 */
import { expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, type MemStats, ref, struct, u32 } from '../../../src/index.ts';
import { H_STATS_EPOCH, H_STATS_READER } from '../../../src/layout/header.ts';
import { MT_CUT_ALLOCS, PROC_METERS, TM_CUT, TM_IN_HEAP, TM_MAPPED, TM_SEQ, TM_TAG } from '../../../src/layout/proc.ts';
import { SPAN_ALLOC_BITS } from '../../../src/layout/span.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { readMemStats } from '../../../src/observe/mem-stats.ts';
import { readTally } from '../../../src/observe/tally.ts';
import {
  beginStats,
  classMeter,
  endStats,
  slotsAllocated,
  statsCheckpoint,
  threadMeter,
} from '../../../src/spans/heap-stats.ts';
import { slotIndex } from '../../../src/spans/mspan.ts';
import type { Mem } from '../../../src/sys/mem.ts';
import { timeBucket, timeBuckets } from '../../../src/threads/pauses.ts';
import { Internals } from '../../support/internals.ts';
import { checkReading } from '../../support/mem-stats.ts';
import { newSeed, random } from '../../support/random.ts';

const MB = 2 ** 20;
const Node = struct('Node', {
  value: u32,
  get next() {
    return ref(Node);
  },
});

const small = (s: MemStats, size: number) => s.BySize.find(({ Size }) => Size === size)!;

test('a new heap has allocated nothing', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  const s = heap.memStats();
  checkReading(s);
  expect(s).toMatchObject({ Mallocs: 0, Frees: 0, TotalAlloc: 0, HeapAlloc: 0, NumGC: 0, LastGC: 0, PauseTotalNs: 0 });
  expect(s.PauseNs).toHaveLength(256);
  expect(s.EnableGC).toBe(false);
  expect(s.BySize[0]).toEqual({ Size: 0, Mallocs: 0, Frees: 0 });
  expect(s.BySize.at(-1)!.Size).toBe(32768);
});

test('what is allocated and not freed is counted to the object, wherever it lies', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB });
  heap.scope(() => {
    for (let i = 1; i <= 3000; i++) {
      heap.raw.mallocgc(48, null, false);
      if (i % 97 !== 0) continue;
      const s = heap.memStats();
      expect(small(s, 48)).toEqual({ Size: 48, Mallocs: i, Frees: 0 });
      expect(s.TotalAlloc).toBe(i * 48);
      expect(s.HeapAlloc).toBe(i * 48);
    }
    heap.raw.mallocgc(100_000, null, false);
  });
  const s = heap.memStats();
  checkReading(s);
  // Large objects count as whole pages, as in Go.
  expect(s.HeapAlloc).toBe(3000 * 48 + 13 * 8192);
  expect(s.HeapObjects).toBe(3001);
  heap.verify();
});

test('a random program: what is alive is exact all the time, sums never fall', () => {
  const rnd = random(newSeed('mem stats'));
  // Some 60 MB are alive at most, sometimes more.
  const heap = createHeap({ gc: 'off', maxBytes: 256 * MB });
  const live = new Map<number, number>();
  const sizes = [16, 24, 48, 64, 112, 1024, 3072, 9472, 32_768, 50_000];
  let last = heap.memStats();
  let made = 0;
  for (let round = 0; round < 150; round++) {
    heap.scope(() => {
      for (let i = 0; i < 200; i++) {
        const keep = round % 30 < 20 ? 3 : 1;
        if (live.size > 0 && rnd.below(4) >= keep) {
          const addr = rnd.pick([...live.keys()].slice(0, 8));
          heap.raw.free(addr);
          live.delete(addr);
        } else {
          const size = rnd.pick(sizes);
          live.set(heap.raw.mallocgc(size, null, false), size > 32_768 ? 57_344 : size);
          made++;
        }
      }
    });
    const s = heap.memStats();
    checkReading(s, last);
    expect(s.HeapObjects).toBe(live.size);
    expect(s.HeapAlloc).toBe([...live.values()].reduce((a, b) => a + b, 0));
    expect(s.Mallocs).toBe(made);
    last = s;
  }
  heap.verify();
  for (const addr of live.keys()) heap.raw.free(addr);
  const s = heap.memStats();
  expect(s.HeapObjects).toBe(0);
  expect(s.HeapAlloc).toBe(0);
  expect(s.Frees).toBe(made);
});

test('what is freed and handed out again from the reuse stack counts each time, and who samples does not matter', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  const spin = (rounds: number): void => {
    for (let i = 0; i < rounds; i++) heap.raw.free(heap.raw.mallocgc(64, null, false));
  };
  heap.scope(() => spin(100_000));
  expect(small(heap.memStats(), 64)).toEqual({ Size: 64, Mallocs: 100_000, Frees: 100_000 });
  expect(heap.memStats().TotalAlloc).toBe(6_400_000);
  // More than what is left before the next look at the sampling rate.
  heap.scope(() => spin(2_000_000));
  expect(heap.memStats()).toMatchObject({ Mallocs: 2_100_000, Frees: 2_100_000, HeapObjects: 0 });
  heap.setHooks({ sampleRate: 1000, onSample: () => {} });
  heap.scope(() => spin(10_000));
  heap.setHooks({});
  expect(heap.memStats()).toMatchObject({ Mallocs: 2_110_000, Frees: 2_110_000, HeapObjects: 0 });
  heap.verify();
});

test('tiny objects count in both sums, their blocks as long as they live', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  const addrs: number[] = [];
  heap.scope(() => {
    for (let i = 0; i < 4096; i++) addrs.push(heap.raw.mallocgc(8, null, false));
  });
  const tiny = () => heap.metrics(['/gc/heap/tiny/allocs:objects'])['/gc/heap/tiny/allocs:objects'] as number;
  const before = heap.memStats();
  expect(before.HeapObjects).toBe(2048);
  // Those of the span that is in use are not counted yet: at most 512 blocks of two.
  expect(tiny()).toBeGreaterThanOrEqual(4096 - 1024);
  expect(tiny()).toBeLessThanOrEqual(4096);
  expect(before.Mallocs).toBe(2048 + tiny());
  for (const addr of addrs) heap.raw.free(addr);
  expect(heap.memStats().HeapObjects).toBeLessThanOrEqual(1);
  expect(tiny()).toBe(4096);
  heap.verify();
});

test('a cycle: what it frees, when it ended, how long it stopped the world', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  heap.pauseGC();
  heap.scope(() => {
    for (let i = 0; i < 20_000; i++) heap.new(Node, { value: i });
  });
  heap.roots.set('kept', heap.new(Node, { value: 1 }));
  const before = heap.memStats();
  expect(before.HeapObjects).toBeGreaterThanOrEqual(20_001);
  heap.gc();
  const s = heap.memStats();
  checkReading(s);
  expect(s.Frees - before.Frees).toBe(20_000);
  expect(s.HeapObjects).toBe(before.HeapObjects - 20_000);
  expect(s).toMatchObject({ NumGC: 1, NumForcedGC: 1, EnableGC: true });
  expect(s.PauseNs[(s.NumGC + 255) % 256]).toBeGreaterThan(0);
  expect(s.PauseNs.filter((ns) => ns > 0)).toHaveLength(1);
  expect(s.PauseTotalNs).toBeCloseTo(s.PauseNs[0]!, 0);
  expect(s.LastGC).toBe(s.PauseEnd[0]);
  expect(Math.abs(s.LastGC / 1e6 - Date.now())).toBeLessThan(60_000);
  expect(s.NextGC).toBe(heap.stats().gc.goalBytes);
  expect(s.GCCPUFraction).toBeGreaterThan(0);
  expect(s.GCCPUFraction).toBeLessThan(1);
  heap.verify();
});

test('who reads while a cycle ends finds when it did: never nothing, and never an earlier cycle', () => {
  const heap = createHeap({ background: false, maxBytes: 16 * MB });
  const { t } = heap.raw as unknown as Malloc;
  const seen: [cycles: number, LastGC: number][] = [];
  const refresh = t.refresh.bind(t);
  // The cycle is counted by then, and its record is to come.
  t.refresh = () => {
    refresh();
    const s = readMemStats(t.mem);
    if (s.NumGC > 0) seen.push([s.NumGC, s.LastGC]);
  };
  // Once around the ring.
  for (let i = 0; i < 300; i++) heap.gc();
  expect(seen.length).toBeGreaterThanOrEqual(300);
  expect(seen.filter(([, at], i) => at === 0 || (i > 0 && at < seen[i - 1]![1]))).toEqual([]);
});

test('the sums go on when a thread has left and another has its record', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 2 });
  for (let n = 1; n <= 3; n++) {
    const other = attachHeap(heap.share());
    other.scope(() => {
      for (let i = 0; i < 1000; i++) other.raw.mallocgc(64, null, false);
    });
    expect(small(heap.memStats(), 64).Mallocs).toBe(n * 1000);
    other.detach();
    expect(small(heap.memStats(), 64).Mallocs).toBe(n * 1000);
    expect(heap.memStats().HeapObjects).toBe(n * 1000);
  }
  heap.verify();
});

test('who is no thread of the heap reads the same', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  for (let i = 0; i < 100; i++) heap.raw.mallocgc(16 * i, null, false);
  const { PauseEnd, GCCPUFraction, ...own } = heap.memStats();
  const { PauseEnd: end, GCCPUFraction: fraction, ...others } = readMemStats(new Internals(heap).mem);
  expect(others).toEqual(own);
  expect(heap.view().memStats().Mallocs).toBe(own.Mallocs);
  expect(end).toEqual(PauseEnd);
  expect(fraction).toBeLessThanOrEqual(1);
  expect(GCCPUFraction).toBeLessThanOrEqual(1);
});

test('at a checkpoint of a new epoch the meters are copied, and the copy stays', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  const { mem, m, proc } = (({ mem, m }, p) => ({ mem, m, proc: p }))(
    new Internals(heap),
    new Internals(heap).proc(heap.threadId),
  );
  const spanClass = 6 * 2 + 1;
  for (let i = 0; i < 10; i++) heap.raw.mallocgc(64, null, false);
  const copied = () => mem.mf[classMeter(proc, spanClass, MT_CUT_ALLOCS)];
  const size = heap.memStats().BySize.findIndex(({ Size }) => Size === 64);
  expect(size).toBe(spanClass >>> 1);
  statsCheckpoint(mem, proc);
  const tag = m[proc + PROC_METERS + TM_TAG];
  expect(tag).toBe(m[H_STATS_EPOCH]);
  expect(copied()).toBe(10);
  heap.raw.mallocgc(64, null, false);
  statsCheckpoint(mem, proc);
  expect(slotsAllocated(mem, proc, spanClass)).toBe(11);
  expect(copied()).toBe(10);
  // A reader of that epoch gets the copy; the next one moves on.
  Atomics.add(m, H_STATS_EPOCH, 2);
  beginStats(mem, proc);
  expect(copied()).toBe(11);
  expect(mem.mf[threadMeter(proc, TM_CUT + TM_IN_HEAP - TM_MAPPED)]).toBe(heap.memStats().HeapInuse);
  endStats(mem, proc);
});

test('a thread that was killed while it counted holds no reader up, and is made good by reap', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 3 });
  const ghost = attachHeap(heap.share());
  const { mem, m, proc } = ((i, id) => ({ mem: i.mem, m: i.m, proc: i.proc(id) }))(new Internals(heap), ghost.threadId);
  for (let i = 0; i < 100; i++) ghost.raw.mallocgc(64, null, false);
  const before = heap.memStats();
  // Inside of `beginStats`, and in the middle of a copy; and a reader died before it was done.
  for (const word of [TM_SEQ, TM_TAG]) {
    m[proc + PROC_METERS + word]! |= 1;
    m[H_STATS_READER] = 1;
    for (let i = 0; i < 20; i++) checkReading(heap.memStats());
    expect(m[H_STATS_READER]).toBe(0);
  }
  // What it did not get to count.
  mem.mf[threadMeter(proc, TM_IN_HEAP)]! -= 8192;
  expect(heap.reap(ghost.threadId)).toBe(true);
  heap.verify();
  const s = heap.memStats();
  expect(s.HeapObjects).toBe(100);
  expect(s.Mallocs).toBeGreaterThanOrEqual(before.Mallocs);
  expect(m[proc + PROC_METERS + TM_SEQ]! & 1).toBe(0);
  const next = attachHeap(heap.share());
  next.raw.mallocgc(64, null, false);
  expect(heap.memStats().HeapObjects).toBe(101);
});

test('reap counts what a dead thread did not, and no sum falls', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 3 });
  const ghost = attachHeap(heap.share());
  const inside = new Internals(heap);
  const objects = Array.from({ length: 50 }, () => ghost.raw.mallocgc(64, null, false));
  const before = heap.memStats();
  // Died in `free`, between the slot's bit and what comes next.
  for (const addr of objects.slice(0, 2)) {
    const span = inside.span(addr);
    const bit = inside.m[span + SPAN_ALLOC_BITS]! + slotIndex(inside.m, span, addr);
    inside.m[bit >>> 5]! &= ~(1 << bit);
  }
  heap.reap(ghost.threadId);
  heap.verify();
  const s = heap.memStats();
  expect(s.HeapObjects).toBe(48);
  expect(s.Mallocs).toBe(before.Mallocs);
  expect(s.Frees).toBe(before.Frees + 2);
});

test('verify finds books that are wrong', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
  const inside = new Internals(heap);
  for (let i = 0; i < 10; i++) heap.raw.mallocgc(64, null, false);
  heap.raw.mallocgc(50_000, null, false);
  const proc = inside.proc(heap.threadId);
  for (const [place, name] of [
    [classMeter(proc, 11, 0), 'stats.class11'],
    [threadMeter(proc, TM_IN_HEAP), 'stats.inHeap'],
    [threadMeter(proc, TM_MAPPED), 'stats.mapped'],
  ] as const) {
    inside.mem.mf[place]! += 1;
    expect(() => heap.verify()).toThrow(name);
    inside.mem.mf[place]! -= 1;
  }
  heap.verify();
});

test('metrics and memStats tell the same', () => {
  const heap: Heap = createHeap({ maxBytes: 64 * MB, background: false, gcPercent: 150, memoryLimit: 50 * MB });
  heap.scope(() => {
    for (let i = 0; i < 5000; i++) heap.new(Node, { value: i });
    for (let i = 0; i < 300; i++) heap.raw.mallocgc(5, null, false);
    heap.raw.mallocgc(100_000, null, false);
  });
  heap.gc();
  const s = heap.memStats();
  const v = heap.metrics() as Record<string, number>;
  const tiny = v['/gc/heap/tiny/allocs:objects']!;
  expect(v).toMatchObject({
    '/gc/heap/allocs:bytes': s.TotalAlloc,
    '/gc/heap/allocs:objects': s.Mallocs - tiny,
    '/gc/heap/frees:objects': s.Frees - tiny,
    '/gc/heap/frees:bytes': s.TotalAlloc - s.HeapAlloc,
    '/gc/heap/objects:objects': s.HeapObjects,
    '/gc/heap/goal:bytes': s.NextGC,
    '/gc/cycles/total:gc-cycles': 1,
    '/gc/cycles/forced:gc-cycles': 1,
    '/gc/cycles/automatic:gc-cycles': 0,
    '/gc/gogc:percent': 150,
    '/gc/gomemlimit:bytes': 50 * MB,
    '/memory/classes/heap/objects:bytes': s.HeapAlloc,
    '/memory/classes/heap/unused:bytes': s.HeapInuse - s.HeapAlloc,
    '/memory/classes/heap/free:bytes': s.HeapIdle - s.HeapReleased,
    '/memory/classes/heap/released:bytes': s.HeapReleased,
    '/memory/classes/heap/stacks:bytes': s.StackInuse,
    '/memory/classes/metadata/mspan/inuse:bytes': s.MSpanInuse,
    '/memory/classes/metadata/other:bytes': s.GCSys,
    '/memory/classes/total:bytes': s.Sys,
    '/sched/threads/total:threads': 1,
  });
  expect(v['/gc/heap/live:bytes']).toBe(heap.stats().gc.markedBytes);
  const memory = Object.entries(v).filter(([name]) => name.startsWith('/memory/') && !name.includes('/total'));
  expect(memory.reduce((sum, [, n]) => sum + n, 0)).toBe(s.Sys);
  const cpu = Object.entries(v).filter(([name]) => name.startsWith('/cpu/') && !name.includes('/total'));
  expect(cpu.reduce((sum, [, n]) => sum + n, 0)).toBeCloseTo(v['/cpu/classes/gc/total:cpu-seconds']!, 9);
});

test('histograms: sizes of objects, and pauses', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  for (let i = 0; i < 7; i++) heap.raw.mallocgc(40, null, false);
  heap.raw.mallocgc(70_000, null, false);
  heap.gc();
  heap.verify();
  const metrics = heap.metrics();
  const histogram = (name: string) => metrics[name] as Exclude<(typeof metrics)[string], number>;
  const sizes = histogram('/gc/heap/allocs-by-size:bytes');
  expect(sizes.buckets).toHaveLength(sizes.counts.length + 1);
  expect(sizes.buckets[0]).toBe(1);
  expect(sizes.buckets.at(-1)).toBe(Infinity);
  // Objects of 40 bytes have slots of 48: 33 up to 48.
  const at = sizes.buckets.indexOf(49) - 1;
  expect(sizes.buckets[at]).toBe(33);
  expect(sizes.counts[at]).toBe(7);
  expect(sizes.counts.at(-1)).toBe(1);
  for (const which of ['total', 'stopping']) {
    for (const [kind, count] of [
      ['gc', 2],
      ['other', 1],
    ] as const) {
      const { counts, buckets } = histogram(`/sched/pauses/${which}/${kind}:seconds`);
      expect(buckets).toHaveLength(counts.length + 1);
      expect(counts.reduce((a, b) => a + b)).toBe(count);
    }
  }
  expect(histogram('/gc/pauses:seconds')).toEqual(histogram('/sched/pauses/total/gc:seconds'));
  expect(Object.values(heap.stats().gc.lastPausesNs)).toHaveLength(2);
});

test('durations are in the bucket whose bounds they lie between', () => {
  const bounds = timeBuckets();
  expect(bounds).toHaveLength(163);
  expect(bounds[0]).toBe(-Infinity);
  expect(bounds[1]).toBe(0);
  for (const ns of [0, 1, 63, 64, 255, 256, 300, 511, 512, 1000, 12_345, 1e6, 123_456_789, 1e9, 3.6e12, 2 ** 47 - 1]) {
    const bucket = timeBucket(ns) + 1;
    expect(bounds[bucket]!, `${ns}`).toBeLessThanOrEqual(ns / 1e9);
    expect(bounds[bucket + 1]!, `${ns}`).toBeGreaterThan(ns / 1e9);
  }
  expect(timeBucket(2 ** 47)).toBe(160);
  expect(timeBucket(1e300)).toBe(160);
});

test('metrics by name; what is said of each is true of its value', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, gcPercent: -1 });
  const all = heap.metricDescriptions();
  expect(all.map(({ name }) => name)).toEqual([...all.map(({ name }) => name)].sort());
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  const values = heap.metrics();
  expect(Object.keys(values)).toEqual(all.map(({ name }) => name));
  for (const { name, kind, description } of all) {
    expect(name).toMatch(/^(?:\/[a-z-]+)+:[a-z-]+$/);
    expect(description).toMatch(/^[A-Z].*\.$/);
    const value = values[name]!;
    expect(typeof value, name).toBe(kind === 'float64-histogram' ? 'object' : 'number');
    if (kind === 'uint64') expect(value === Infinity || Number.isSafeInteger(value), `${name} is ${value}`).toBe(true);
  }
  expect(values['/gc/gogc:percent']).toBe(Infinity);
  const two = ['/gc/heap/objects:objects', '/memory/classes/total:bytes'];
  expect(Object.keys(heap.metrics(two))).toEqual(two);
  expect(heap.metrics([])).toEqual({});
  expect(() => heap.metrics(['/gc/heap/object:objects'])).toThrow(
    /no metric "\/gc\/heap\/object:objects"; near it are \/gc\/heap\/objects:objects/,
  );
  expect(() => heap.metrics([7 as unknown as string])).toThrow(/no metric 7/);
  expect(() => heap.metrics('/gc' as unknown as string[])).toThrow(/expected an array/);
});

test('cleanups and finalizers are counted when they are queued and when they are called', () => {
  const heap = createHeap({ maxBytes: 16 * MB, background: false });
  heap.scope(() => {
    heap.cleanup(heap.new(Node), () => {});
    heap.cleanup(heap.new(Node), () => {});
    heap.finalizer(heap.new(Node), () => {});
  });
  const counts = () => {
    const v = heap.metrics() as Record<string, number>;
    return [
      'cleanups/queued:cleanups',
      'cleanups/executed:cleanups',
      'finalizers/queued:finalizers',
      'finalizers/executed:finalizers',
    ].map((name) => v[`/gc/${name}`]);
  };
  expect(counts()).toEqual([0, 0, 0, 0]);
  heap.gc();
  expect(counts()).toEqual([2, 0, 1, 0]);
  heap.drainCleanups();
  expect(counts()).toEqual([2, 2, 1, 1]);
});

test('the tally is of the whole heap, and can be read with memory that belongs to one thread', () => {
  const heap = createHeap({ shared: false, gc: 'off', maxBytes: 16 * MB });
  heap.raw.mallocgc(64, null, false);
  expect(heap.memStats().HeapObjects).toBe(1);
  const tally = readTally(new Internals(heap).mem);
  expect(tally.allocs.reduce((a, b) => a + b)).toBe(1);
  expect(tally.mapped).toBe(4 * MB);
  heap.verify();
});

/** Memory that calls `then` before the nth time that a meter is read: what other threads do while a reader is at work. */
function interrupted(mem: Mem, n: number, then: () => void): Mem {
  let reads = 0;
  const mf = new Proxy(mem.mf, {
    get(target, key) {
      if (++reads === n) then();
      return Reflect.get(target, key, target);
    },
  });
  return Object.create(mem, { mf: { value: mf } }) as Mem;
}

test('whenever objects go from one thread to another while a reader adds up, the sum is of one moment', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 3 });
  const other = attachHeap(heap.share());
  const { mem } = new Internals(heap);
  const BYTES = 5 * 8192;
  let interruptions = 0;
  for (let n = 1; n < 2000; n += 5) {
    let kept = 0;
    const before = interruptions;
    const tally = readTally(
      interrupted(mem, n, () => {
        interruptions++;
        // Made by one, freed by the other, in both directions; small ones by way of a span that changes hands.
        other.raw.free(heap.raw.mallocgc(BYTES, null, false));
        heap.raw.free(other.raw.mallocgc(BYTES, null, false));
        kept = heap.raw.mallocgc(BYTES, null, false);
        const leaver = attachHeap(heap.share());
        const small = leaver.raw.mallocgc(9472, null, false);
        leaver.detach();
        heap.raw.free(small);
      }),
    );
    const objects = tally.largeAllocs - tally.largeFrees;
    const slots = tally.allocs.map((made, c) => made - tally.frees[c]!);
    const ok =
      (objects === 0 || objects === 1) &&
      tally.largeAllocBytes - tally.largeFreeBytes === objects * BYTES &&
      tally.inHeap >= objects * BYTES &&
      tally.mapped - tally.inHeap >= tally.released &&
      slots.every((live) => live >= 0);
    expect({ n, objects, inHeap: tally.inHeap, ok }).toMatchObject({ ok: true });
    if (kept !== 0) heap.raw.free(kept);
    if (interruptions === before) break;
  }
  // At each of the places where two threads' meters are read.
  expect(interruptions).toBeGreaterThan(100);
  heap.verify();
});
