/** What a heap tells of itself: its types and objects, its numbers, whether it is whole. `Heap` is made of it. */
import { checkNames } from '../base/check.ts';
import { nanotime } from '../base/clock.ts';
import type { MCache } from '../cache/mcache.ts';
import { followRate } from '../cache/sampling.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import { H_PROCS } from '../layout/header.ts';
import { H_PROFILE_RATE } from '../layout/profile.ts';
import { AllocTrace, type TraceOptions } from '../observe/alloc-trace.ts';
import { inspectObject, listTypes, type ObjectInfo, type TypeInfo } from '../observe/inspect.ts';
import { type MemProfile, readMemProfile } from '../observe/mem-profile.ts';
import { type MemStats, readMemStats } from '../observe/mem-stats.ts';
import { describeMetrics, type MetricDescription, type MetricValues, readMetrics } from '../observe/metrics.ts';
import { Profiler } from '../observe/profiler.ts';
import { SampleBudget } from '../observe/sample-budget.ts';
import type { SnapshotOptions } from '../observe/snapshot/capture.ts';
import { type HeapStats, readStats } from '../observe/stats.ts';
import { type VerifyReport, verifyHeap } from '../observe/verify.ts';
import type { VerifyOptions } from '../observe/verify-types.ts';
import { HeapView } from '../observe/view.ts';
import { readerOf } from '../spans/heap-reader.ts';
import { Reference as AnyReference } from '../types/reference.ts';
import type { Reference } from '../types/values.ts';
import type { HeapGC } from './heap-gc.ts';
import { checkProfileRate } from './options.ts';
import type { RawAllocator } from './raw.ts';
import { snapshot, snapshotSync } from './snapshots.ts';
import { warn } from './worker-threads.ts';

const inspectCustom = Symbol.for('nodejs.util.inspect.custom');
const count = (n: number): string => n.toLocaleString('en-US');

/** As that of references (threads/frame.ts): what V8 says of a Heap in `workerData` or a message. */
const HEAP_NOT_TO_BE_SENT = Symbol(
  'a heap object belongs to its thread: pass heap.share() instead, and call attachHeap with it in the other thread;',
);

export abstract class HeapInside {
  /** The first property, so that it is the one that is complained of. @internal */
  protected readonly belongs = HEAP_NOT_TO_BE_SENT;
  /** @internal */
  protected readonly cache: MCache;
  /** What `raw` is. @internal */
  protected readonly allocator: RawAllocator;
  /** @internal */
  protected readonly collector: HeapGC;
  /** The trace that this thread has begun last. @internal */
  protected trace: AllocTrace | undefined = undefined;

  /** @internal */
  protected constructor(cache: MCache, allocator: RawAllocator, collector: HeapGC) {
    this.cache = cache;
    this.allocator = allocator;
    this.collector = collector;
    const profiler = new Profiler(cache.heap.t);
    const budget = new SampleBudget();
    allocator.onSample = (addr, size) => {
      const from = nanotime();
      profiler.sample(addr, size, cache.sampleRate);
      budget.spend(from, nanotime(), Atomics.load(cache.heap.t.mem.m, H_PROFILE_RATE));
      cache.thinning = budget.thinning;
    };
  }

  /** Throws SpanheapError when this thread is not attached any more. @internal */
  protected abstract check(): void;
  abstract addressOf(ref: Reference): number;
  abstract readonly attached: boolean;

  /** What `console.log(heap)` prints in Node, also after this thread has detached. */
  [inspectCustom](): string {
    const { mem, id } = this.cache.heap.t;
    const { HeapAlloc, HeapObjects } = readMemStats(mem);
    const live = `${count(HeapAlloc)} bytes live in ${count(HeapObjects)} object${HeapObjects === 1 ? '' : 's'}`;
    const threads = `threads: ${Atomics.load(mem.m, H_PROCS)}, this one ${this.attached ? `is ${id}` : 'is not attached'}`;
    return `Heap (${live}, maxBytes: ${count(mem.plan.pages * PAGE_SIZE)}, ${threads})`;
  }

  /** All types registered in the heap, by any thread: what `inspect` knows of its objects. */
  types(): TypeInfo[] {
    this.check();
    return listTypes(this.allocator.typeTable);
  }

  /**
   * Reads the object at an address, or the one that the address is inside of, without its program's declarations: what
   * a debugger shows. Of a reference, that is the object which the place is in. Beside threads that change the heap,
   * what it says belongs to slightly different moments.
   *
   * Objects with pointers know their type. For pointer-free ones all roots and objects are searched for one that leads to
   * them; `typeName` spares that: the value at the address is read as one of this type, such as `Post` or
   * `slice(ref(Post))`. Throws PointerError, which says what is there, for an address that is in no live object;
   * ArgumentError for a type that is not registered, or larger than the object, and for a reference of another heap;
   * StaleRefError.
   */
  inspect(what: number | Reference, typeName?: string): ObjectInfo {
    this.check();
    const address = what instanceof AnyReference ? this.addressOf(what) : (what as number);
    const { heap } = this.cache;
    heap.t.enter();
    try {
      return inspectObject(heap, this.allocator.typeTable, address, typeName);
    } finally {
      heap.t.leave();
    }
  }

  /**
   * The heap profile (Go: `runtime.MemProfile`): what was sampled of this heap, by all threads, those that have ended too, and
   * which of it was in use at the end of the last completed collection (with `gc: 'off'`, and before the first: now). Plain
   * data; numbers are those of the samples: `encodeHeapProfile` of `spanheap/observe` scales them. Call `gc()` first for
   * what is in use now. O(stacks); does not block.
   */
  memProfile(): MemProfile {
    return readMemProfile(this.cache.heap.t.mem, this.allocator.typeTable);
  }

  /**
   * Sets the mean number of bytes between two samples of the heap profile, for all threads; 0 turns sampling off, what was
   * sampled stays. Returns what it was. Another thread follows with its next span, or when it enters a scope that is
   * inside of no other. Throws ArgumentError.
   */
  setMemProfileRate(bytes: number): number {
    this.check();
    const { t } = this.cache.heap;
    const rate = checkProfileRate(bytes, 'setMemProfileRate: the value');
    const old = Atomics.exchange(t.mem.m, H_PROFILE_RATE, rate);
    t.enter();
    try {
      followRate(this.cache);
    } finally {
      t.leave();
    }
    return old;
  }

  /**
   * Go's `runtime.MemStats` of this heap: its names, units (bytes, nanoseconds) and meanings. Does not stop the world and
   * does not look at spans: some microseconds a thread. Any time, also after this thread has detached.
   */
  memStats(): MemStats {
    return readMemStats(this.cache.heap.t.mem);
  }

  /**
   * Go's `runtime/metrics` of this heap: those with these names, or all, by name. Units are in the names. As cheap as
   * `memStats`. Throws ArgumentError for a name that is not one of `metricDescriptions()`.
   */
  metrics(names?: readonly string[]): MetricValues {
    return readMetrics(this.cache.heap.t.mem, names);
  }

  /** All metrics, sorted by name: what they mean, what kind of value they have (Go: `metrics.All`). */
  metricDescriptions(): MetricDescription[] {
    return describeMetrics();
  }

  /**
   * Begins to record what all threads allocate and free, and what the heap and the collector do (Go: traceallocfree). One
   * trace at a time; this thread reads it. While it is under way each call of malloc and free takes some 0.3 µs longer.
   * What is alive already is told first. Blocks until the world has stopped, and stops it for about 1 ms for each 2 million
   * objects that are alive. Throws ArgumentError for options that are wrong, and while another trace is under way.
   */
  startTrace(options: TraceOptions = {}): AllocTrace {
    this.check();
    this.trace = new AllocTrace(this.cache.heap, options);
    return this.trace;
  }

  /**
   * A view of the heap as observers have it, for this thread: pages, spans, caches, objects, numbers of now. It reads and
   * does nothing else, so it works after `detach` too. Other threads make theirs by `viewHeap(heap.share())`.
   */
  view(): HeapView {
    const { t, classes } = this.cache.heap;
    return new HeapView(readerOf(t.mem, classes));
  }

  /**
   * Takes a snapshot of the heap: its objects with their types, and all pointers, as they are at one moment, as a stream of
   * pieces of about 1 MiB of a file that `spanheap inspect` and `spanheap verify` read. Numbers in objects are as they were
   * when their page was copied, unless nobody changes the heap meanwhile.
   *
   *     for await (const piece of heap.snapshot()) file.write(piece);
   *     await pipeline(heap.snapshot(), createWriteStream('heap.sphsnap'))   // node:stream/promises
   *
   * All threads go on, this one between pieces. It begins with the first piece that is asked for; a full collection comes
   * before. Until it ends no memory that is freed is used again, so the heap may grow; `gc()` of other threads waits for its
   * end. It is given up, and the stream throws SnapshotAbortedError, when the heap is full or grows above its memory limit;
   * when more pointers are stored meanwhile than can be noted (an eighth of `maxBytes`); when this thread calls `gc()` or
   * detaches; and when nobody asks for the next piece for a minute, and a thread allocates, waits for the collector or
   * wants to take one, or there is a background worker.
   *
   * Throws ArgumentError inside a scope and for wrong options; the stream throws SnapshotAbortedError while another snapshot
   * of the heap is under way.
   */
  snapshot(options: SnapshotOptions = {}): AsyncGenerator<Uint8Array, void> {
    this.check();
    return snapshot(this.collector.collector, this.allocator.typeTable, options);
  }

  /**
   * The same at once: `write` gets the pieces one after the other, and must not use the heap. Works inside a scope. Blocks
   * this thread until it is done; other threads go on.
   */
  snapshotSync(write: (piece: Uint8Array) => void, options: SnapshotOptions = {}): void {
    this.check();
    snapshotSync(this.collector.collector, this.allocator.typeTable, write, options);
  }

  /** Numbers of the whole heap. O(spans), does not stop the world. */
  stats(): HeapStats {
    return readStats(this.cache.heap);
  }

  /**
   * Walks every structure of the heap with the world stopped. Throws VerifyError that names the first broken invariant
   * with addresses. Blocks until the other threads have reached safepoints.
   */
  verify(options: VerifyOptions = {}): VerifyReport {
    this.check();
    checkNames('verify', options, ['pointers']);
    return verifyHeap(this.cache.heap, { ...options, warn });
  }
}
