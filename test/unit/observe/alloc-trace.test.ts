/** The allocation trace on one thread: each event says what happened, once and in order; begin, end, full rings. */
import { describe, expect, test } from 'vitest';
import {
  type AllocEvent,
  type AllocTrace,
  attachHeap,
  createHeap,
  type Heap,
  type HeapOptions,
  ref,
  struct,
  u32,
} from '../../../src/index.ts';
import { H_TRACE, H_TRACE_SEQ } from '../../../src/layout/header.ts';
import { EVENT_WORDS, RING_HEAD, RING_TAIL, RING_WAITING } from '../../../src/layout/trace.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { ringRef } from '../../../src/sync/trace.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed, random } from '../../support/random.ts';
import { TraceModel } from '../../support/trace-model.ts';

const MB = 2 ** 20;
const OFF: HeapOptions = { gc: 'off', maxBytes: 64 * MB, maxThreads: 4 };

const Pair = struct('Pair', {
  a: u32,
  get next() {
    return ref(Pair);
  },
});

/** All that is left to read. */
function rest(trace: AllocTrace): AllocEvent[] {
  const events: AllocEvent[] = [];
  for (let batch = trace.read(); batch.length > 0; batch = trace.read()) for (const e of batch) events.push(e);
  return events;
}

const OBJECTS = ['alive', 'alloc', 'free', 'sweep', 'realloc'];

/** Events of objects, as short lists. */
const objects = (events: readonly AllocEvent[]): unknown[] =>
  events
    .filter((e) => OBJECTS.includes(e.kind))
    .map((e) => (e.kind === 'alloc' ? [e.kind, e.address, e.size, e.type, e.zeroed] : [e.kind, e.address]));

describe.each([true, false])('shared: %s', (shared) => {
  const make = (): Heap => createHeap({ ...OFF, shared });

  test('allocations and frees are told as they were, inside a scope and outside', () => {
    const heap = make();
    const { raw } = heap;
    const type = raw.type({ name: 'cell', size: 24, pointers: [0] });
    const run = (): unknown[] => {
      const want: unknown[] = [];
      for (const [size, kind, zero] of [
        [1, null, true],
        [13, null, false],
        [16, null, true],
        [24, type, true],
        [5000, null, false],
        [50_000, type, true],
        [50_000, null, false],
      ] as const) {
        const addr = raw.mallocgc(size, kind, zero);
        want.push(['alloc', addr, size, kind === null ? 0 : type.number, zero]);
        raw.free(addr);
        want.push(['free', addr]);
      }
      raw.free(0);
      raw.free(raw.mallocgc(0, null, true));
      const made = raw.newobject(type);
      want.push(['alloc', made, 24, type.number, true]);
      const slice = raw.makeslice(type, 2, 4);
      want.push(['alloc', slice.ptr, 96, type.number, true]);
      raw.free(made);
      raw.free(slice.ptr);
      want.push(['free', made], ['free', slice.ptr]);
      return want;
    };
    run();
    const trace = heap.startTrace();
    expect(objects(rest(trace))).toEqual([]);
    const outside = run();
    expect(objects(rest(trace))).toEqual(outside);
    const inside = heap.scope(run);
    expect(objects(rest(trace))).toEqual(inside);
    run();
    trace.stop();
    run();
    expect(objects(rest(trace)).length).toBe(outside.length);
    expect(trace.lost).toBe(0);
    heap.verify();
  });

  test('a realloc is one event, also where the object stays; to size 0 it is a free', () => {
    const heap = make();
    const { raw } = heap;
    const trace = heap.startTrace();
    const addr = raw.realloc(0, 100);
    const moved = raw.realloc(addr, 1000);
    const same = raw.realloc(moved, 1010);
    raw.realloc(same, 0);
    expect(same).toBe(moved);
    const events = rest(trace).filter((e) => OBJECTS.includes(e.kind));
    expect(events.map((e) => [e.kind, e.oldAddress, e.address, e.size])).toEqual([
      ['alloc', 0, addr, 100],
      ['realloc', addr, moved, 1000],
      ['realloc', moved, moved, 1010],
      ['free', 0, moved, 0],
    ]);
    trace.stop();
  });

  test('what is alive at the begin comes first: types, large and tiny objects', () => {
    const heap = make();
    const { raw } = heap;
    const type = raw.type({ name: 'cell', size: 24, pointers: [0] });
    const want = new Map<number, [number, number]>();
    const r = random(newSeed('alive'));
    const doomed: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const size = r.oneIn(100) ? 40_000 + r.below(100_000) : r.oneIn(3) ? 1 + r.below(15) : 16 + r.below(3000);
      const typed = size >= 24 && r.oneIn(3);
      const addr = raw.mallocgc(size, typed ? type : null, typed);
      if (r.oneIn(3)) doomed.push(addr);
      else want.set(addr, [size > 32_768 || size < 16 ? size : raw.roundupsize(size), typed ? type.number : 0]);
    }
    for (const addr of doomed) raw.free(addr);
    const trace = heap.startTrace();
    const alive = rest(trace).filter((e) => e.kind === 'alive');
    expect(alive.every((e) => e.time === 0 && e.seq === -1)).toBe(true);
    expect(new Map(alive.map((e) => [e.address, [e.size, e.type]]))).toEqual(want);
    expect(alive.length).toBe(want.size);
    const addr = [...want.keys()][7]!;
    raw.free(addr);
    expect(objects(rest(trace))).toEqual([['free', addr]]);
    trace.stop();
  });

  test('events of spans add up to the pages in use', () => {
    const heap = make();
    const addrs = Array.from({ length: 50 }, () => heap.raw.mallocgc(20_000, null, true));
    const trace = heap.startTrace();
    const before = heap.stats().heapInUseBytes;
    for (let i = 0; i < 300; i++) addrs.push(heap.raw.mallocgc(1 + i * 300, null, true));
    for (const addr of addrs.splice(0, 200)) heap.raw.free(addr);
    trace.stop();
    const events = rest(trace);
    expect(events[0]!.kind).toBe('alive');
    const start = events.find((e) => e.kind === 'start')!;
    expect(start.heapInUse).toBe(before);
    let inUse = before;
    for (const e of events) {
      if (e.kind === 'spanAlloc') inUse += e.size;
      if (e.kind === 'spanFree') inUse -= e.size;
    }
    expect(inUse).toBe(heap.stats().heapInUseBytes);
    expect(events.some((e) => e.kind === 'spanFree')).toBe(true);
    expect(events.filter((e) => e.kind === 'grow').every((e) => e.size % (4 * MB) === 0)).toBe(true);
  });
});

test('a ring that is full keeps nothing back: this thread moves its events out of the way', () => {
  const heap = createHeap(OFF);
  const trace = heap.startTrace({ ringEvents: 256 });
  const model = new TraceModel();
  heap.scope(() => {
    for (let i = 0; i < 20_000; i++) heap.raw.free(heap.raw.mallocgc(1 + (i % 2000), null, false));
  });
  trace.stop();
  for (const e of rest(trace)) model.add(e);
  expect(model.wrong).toEqual([]);
  expect([model.count('alloc'), model.count('free'), model.live.size, trace.lost]).toEqual([20_000, 20_000, 0, 0]);
});

test('onFull takes the place of that; what it leaves is lost, counted and told', () => {
  const heap = createHeap(OFF);
  let calls = 0;
  let alive = true;
  const events: AllocEvent[] = [];
  const trace: AllocTrace = heap.startTrace({
    ringEvents: 300,
    onFull: () => {
      calls++;
      if (alive) events.push(...trace.read(100));
    },
  });
  for (let i = 0; i < 1000; i++) heap.raw.mallocgc(64, null, false);
  expect(calls).toBeGreaterThan(3);
  expect(trace.lost).toBe(0);
  alive = false;
  for (let i = 0; i < 5000; i++) heap.raw.mallocgc(64, null, false);
  const { lost } = trace;
  expect(lost).toBeGreaterThan(4000);
  events.push(...rest(trace));
  heap.raw.mallocgc(64, null, false);
  trace.stop();
  events.push(...rest(trace));
  const told = events.filter((e) => e.kind === 'lost').reduce((n, e) => n + e.count, 0);
  expect(told).toBe(lost);
  const spans = events.filter((e) => e.kind === 'spanAlloc').length;
  expect(events.filter((e) => e.kind === 'alloc').length + lost).toBeGreaterThanOrEqual(6001);
  expect(events.filter((e) => e.kind === 'alloc').length + lost).toBeLessThanOrEqual(6001 + spans + 200);
});

describe('no room can be made in the middle of a sweep', () => {
  /** A heap whose sweep writes more events than a ring has room for, and its trace. */
  const fill = (onFull?: () => void): { heap: Heap; trace: AllocTrace } => {
    const heap = createHeap({ background: false, maxBytes: 64 * MB });
    for (let i = 0; i < 20_000; i++) heap.raw.mallocgc(16 + (i % 60) * 16, null, false);
    return { heap, trace: heap.startTrace(onFull === undefined ? { ringEvents: 256 } : { ringEvents: 256, onFull }) };
  };

  test('what onFull throws comes out of the next call of the trace; the heap is not disturbed', () => {
    let fails = false;
    let calls = 0;
    const { heap, trace } = fill(() => {
      calls++;
      if (fails) throw new Error(`call ${calls}`);
      trace.read(1000);
    });
    rest(trace);
    fails = true;
    heap.gc();
    const first = `call ${calls}`;
    heap.verify();
    expect(calls).toBe(1);
    expect(trace.lost).toBeGreaterThan(200);
    expect(() => trace.read()).toThrow(first);
    expect(trace.read().length).toBeGreaterThan(200);
    rest(trace);
    fails = false;
    calls = 0;
    const { lost } = trace;
    for (let i = 0; i < 1000; i++) heap.raw.mallocgc(64, null, false);
    expect(calls).toBeGreaterThan(2);
    fails = true;
    for (let i = 0; i < 1000; i++) heap.raw.mallocgc(64, null, false);
    expect(() => trace.stop()).toThrow('call ');
    expect(trace.stopped).toBe(true);
    expect(rest(trace).length).toBeGreaterThan(200);
    trace.stop();
    expect(trace.lost).toBeGreaterThan(lost);
    heap.gc();
    heap.verify();
  });

  test('an error does not keep onFull from making room the next time', () => {
    let calls = 0;
    const told: AllocEvent[] = [];
    const { heap, trace } = fill(() => {
      told.push(...trace.read(100));
      if (calls++ % 2 === 0) throw new Error('every second time');
    });
    rest(trace);
    for (let i = 0; i < 2000; i++) heap.raw.mallocgc(64, null, false);
    expect(calls).toBeGreaterThan(4);
    expect(trace.lost).toBe(0);
    expect(() => trace.stop()).toThrow('every second time');
    told.push(...rest(trace));
    expect(told.filter((e) => e.kind === 'alloc').length).toBe(2000);
  });

  test('no memory to keep events in: RangeError, and each event is told or counted', () => {
    const { heap, trace } = fill();
    const told = rest(trace).filter((e) => e.seq >= 0);
    const Whole = Int32Array;
    globalThis.Int32Array = new Proxy(Whole, {
      construct(target, args) {
        if (args[0] === 4096 * EVENT_WORDS) throw new RangeError('Array buffer allocation failed');
        return Reflect.construct(target, args) as object;
      },
    });
    try {
      heap.gc();
    } finally {
      globalThis.Int32Array = Whole;
    }
    expect(() => trace.read()).toThrow(RangeError);
    trace.stop();
    expect(trace.lost).toBeGreaterThan(200);
    const seqs = new Set([...told, ...rest(trace)].map((e) => e.seq));
    expect(seqs.size + trace.lost).toBe(new Internals(heap).m[H_TRACE_SEQ]);
    heap.verify();
  });
});

test('drain ends, whatever it is asked for, while events come as fast as it tells them', () => {
  const heap = createHeap(OFF);
  const trace = heap.startTrace();
  for (let i = 0; i < 100; i++) heap.raw.mallocgc(64, null, false);
  let told = 0;
  const drained = trace.drain(() => {
    told++;
    if (told < 5000) heap.raw.free(heap.raw.mallocgc(64, null, false));
  }, Number.POSITIVE_INFINITY);
  expect(drained).toBe(told);
  expect(told).toBeLessThan(200);
  trace.stop();
});

test('an onFull that reads a little each time is called again while it gets on, also with what was alive before', () => {
  const heap = createHeap(OFF);
  for (let i = 0; i < 20_000; i++) heap.raw.mallocgc(64, null, false);
  let calls = 0;
  let told = 0;
  const trace: AllocTrace = heap.startTrace({
    ringEvents: 256,
    onFull: () => {
      calls++;
      told += trace.read().length;
    },
  });
  for (let i = 0; i < 5000; i++) heap.raw.mallocgc(64, null, false);
  expect(trace.lost).toBe(0);
  expect(calls).toBeGreaterThan(5);
  expect(told).toBeGreaterThan(20_000);
  trace.stop();
});

test('a ring whose writer began to wait when it had just been emptied is not waited for', () => {
  const heap = createHeap(OFF);
  const other = attachHeap(heap.share());
  const { m, mem } = new Internals(heap);
  let calls = 0;
  const trace: AllocTrace = heap.startTrace({
    ringEvents: 256,
    onFull: () => {
      while (trace.full) {
        if (++calls > 1000) throw new Error('full, and nothing can be read');
        trace.drain(() => {});
      }
    },
  });
  const ring = ringRef(mem, other.threadId);
  const { trace: writer } = (heap.raw as unknown as Malloc).t;
  m[ring + RING_WAITING] = 1;
  writer.readForOthers();
  expect(calls).toBe(0);
  for (let i = 0; i < 100; i++) other.raw.mallocgc(64, null, false);
  writer.readForOthers();
  expect(calls).toBe(1);
  expect(m[ring + RING_TAIL]).toBe(m[ring + RING_HEAD]);
  expect(m[ring + RING_WAITING]).toBe(0);
  trace.stop();
  other.detach();
});

test('full says when onFull has done enough', () => {
  const heap = createHeap(OFF);
  const made: boolean[] = [];
  const trace: AllocTrace = heap.startTrace({
    ringEvents: 256,
    onFull: () => {
      made.push(trace.full);
      trace.read(1);
      made.push(trace.full);
    },
  });
  expect(trace.full).toBe(false);
  while (made.length === 0) heap.raw.mallocgc(64, null, false);
  expect(made.slice(0, 2)).toEqual([true, false]);
  trace.stop();
  expect(trace.full).toBe(false);
});

test('one trace at a time; each begins and ends for itself; afterwards calls are as fast as before', () => {
  const heap = createHeap(OFF);
  const { m } = new Internals(heap);
  const first = heap.startTrace();
  expect(() => heap.startTrace()).toThrow(/under way/);
  first.stop();
  first.stop();
  expect(first.stopped).toBe(true);
  for (let i = 0; i < 50; i++) {
    const trace = heap.startTrace({ ringEvents: 256 << (i % 7) });
    expect(m[H_TRACE]).toBeGreaterThan(0);
    const addr = heap.raw.mallocgc(100 + i, null, true);
    const inScope = heap.scope(() => heap.raw.mallocgc(3, null, true));
    trace.stop();
    expect(m[H_TRACE]).toBe(0);
    heap.raw.free(addr);
    heap.raw.free(inScope);
    const events = rest(trace);
    expect(objects(events)).toEqual([
      ['alloc', addr, 100 + i, 0, true],
      ['alloc', inScope, 3, 0, true],
    ]);
  }
  heap.verify();
});

test('a trace that begins and ends inside a scope sees exactly what lies between', () => {
  const heap = createHeap(OFF);
  heap.scope(() => {
    const before = heap.raw.mallocgc(64, null, true);
    const trace = heap.startTrace();
    const addr = heap.raw.mallocgc(64, null, true);
    heap.raw.free(before);
    trace.stop();
    heap.raw.free(addr);
    expect(objects(rest(trace))).toEqual([
      ['alive', before],
      ['alloc', addr, 64, 0, true],
      ['free', before],
    ]);
  });
});

test.each([
  [{ ringEvents: 255 }, /ringEvents/],
  [{ ringEvents: 16_385 }, /ringEvents/],
  [{ ringEvents: 1000.5 }, /ringEvents/],
  [{ onFull: 3 }, /onFull/],
  [{ events: 3 }, /unknown option "events"/],
  [null, /object/],
])('startTrace refuses %o', (options, why) => {
  const heap = createHeap(OFF);
  expect(() => heap.startTrace(options as never)).toThrow(why);
  heap.startTrace().stop();
});

test('detach ends the trace', () => {
  const heap = createHeap(OFF);
  const trace = heap.startTrace();
  const addr = heap.raw.mallocgc(64, null, true);
  heap.detach();
  expect(trace.stopped).toBe(true);
  expect(objects(rest(trace))).toEqual([['alloc', addr, 64, 0, true]]);
});

test('hooks and a trace see the same', () => {
  const heap = createHeap(OFF);
  const seen: unknown[] = [];
  heap.setHooks({
    onAlloc: (addr, size, type) => seen.push(['alloc', addr, size, type, true]),
    onFree: (addr) => seen.push(['free', addr]),
  });
  const trace = heap.startTrace();
  heap.raw.free(heap.raw.mallocgc(100, null, true));
  trace.stop();
  expect(objects(rest(trace))).toEqual(seen);
  heap.raw.free(heap.raw.mallocgc(100, null, true));
  expect(seen.length).toBe(4);
});

test('the collector: phases, stops with their length, and every object that a sweep frees', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false, gcPercent: 50 });
  const kept = heap.new(Pair);
  const trace = heap.startTrace();
  const model = new TraceModel();
  const events: AllocEvent[] = [];
  const take = (): void => {
    for (const e of rest(trace)) {
      model.add(e);
      if (!OBJECTS.includes(e.kind) && !e.kind.startsWith('span')) events.push(e);
    }
  };
  for (let round = 0; round < 20; round++) {
    heap.scope(() => {
      for (let i = 0; i < 20_000; i++) {
        const p = heap.new(Pair, { a: i });
        if (i % 100 === 0) {
          p.next = kept.next;
          kept.next = p;
        }
      }
    });
    take();
  }
  heap.gc();
  trace.stop();
  take();
  expect(model.wrong).toEqual([]);
  expect(model.count('alloc')).toBeGreaterThanOrEqual(400_000);
  expect(model.count('sweep')).toBeGreaterThan(300_000);
  expect(model.live.size).toBe(heap.verify().objects);
  const cycles = heap.stats().gc.cycles;
  const phases = events.filter((e) => e.cycle > 0);
  expect(phases.map((e) => [e.kind, e.cycle])).toEqual(
    Array.from({ length: cycles }, (_, i) => [
      ['cycleBegin', i + 1],
      ['markTermination', i + 1],
      ['sweepDone', i + 1],
    ]).flat(),
  );
  expect(phases.filter((e) => e.forced).map((e) => e.cycle)).toEqual([cycles]);
  for (const e of phases.filter((p) => p.kind === 'cycleBegin')) expect(e.heapLive).toBeGreaterThan(0);
  const stops = events.filter((e) => e.kind === 'stopEnd');
  for (const reason of ['markSetup', 'markTermination']) {
    expect(stops.filter((e) => e.reason === reason).length).toBeGreaterThanOrEqual(cycles);
  }
  expect(stops.every((e) => e.duration > 0 && e.stopping <= e.duration && e.duration <= e.time)).toBe(true);
  const assists = events.filter((e) => e.kind === 'assistEnd');
  expect(assists.length).toBe(model.count('assistBegin'));
  expect(assists.reduce((sum, e) => sum + e.scanned, 0)).toBeGreaterThan(0);
});

test('tiny objects that a sweep frees are told one by one', () => {
  const heap = createHeap({ maxBytes: 16 * MB, background: false });
  const trace = heap.startTrace();
  const model = new TraceModel();
  heap.scope(() => {
    const kept = new Set<number>();
    for (let i = 0; i < 500; i++) {
      const addr = heap.raw.mallocgc(1 + (i % 7), null, true);
      if (i % 50 === 0) kept.add(heap.raw.keepAlive(addr));
    }
    heap.gc();
    for (const e of rest(trace)) model.add(e);
    expect(model.wrong).toEqual([]);
    expect(model.count('sweep')).toBeGreaterThan(300);
    for (const addr of kept) expect(model.live.has(addr)).toBe(true);
    expect(model.live.size).toBe(500 - model.count('sweep'));
  });
  trace.stop();
});
