/**
 * The allocation trace as a program holds it: `heap.startTrace()`. How the events come about is in sync/trace.ts, how they
 * are merged in trace-reader.ts.
 *
 * Beginning and ending happen while the world is stopped. At the begin all spans are swept and what is alive is copied
 * (trace-alive.ts), so each object that is alive then, and each that is made later, is told of exactly once, and so is its
 * end. At the end what the rings still hold is moved to this thread's memory: the rings are free for the next trace.
 */
import type { Words } from '../base/brand.ts';
import { checkNames } from '../base/check.ts';
import { nanotime } from '../base/clock.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import { sweepOne } from '../central/sweep.ts';
import { goalUnits } from '../gc/cycle.ts';
import { GC_HEAP_LIVE, GC_MARKED, GC_PACER } from '../layout/gc.ts';
import {
  H_PAGES_IN_USE,
  H_TRACE,
  H_TRACE_CAPACITY,
  H_TRACE_COUNT,
  H_TRACE_READER,
  H_TRACE_SEQ,
  H_TRACE_START,
  H_TRACE_SWEPT,
} from '../layout/header.ts';
import { PACER_HEAP_GOAL } from '../layout/pacer.ts';
import { PROC_ID, PROC_THREAD } from '../layout/proc.ts';
import { EV_ATTACH, EV_START, EVENT_WORDS, RING_CAPACITY, RING_EVENTS } from '../layout/trace.ts';
import type { MHeap } from '../spans/mheap.ts';
import { endTraceOf, ringRef } from '../sync/trace.ts';
import { attachedProcs, withWorldStopped } from '../threads/stop-the-world.ts';
import { AliveObjects } from './trace-alive.ts';
import { type AllocEvent, EventDecoder, type EventVisitor, type EventWords } from './trace-events.ts';
import { TraceReader } from './trace-reader.ts';

/** Events of a batch, unless told otherwise. */
const BATCH = 16384;
/** The same of `read`, which makes an object of each, and of a sweep up to 32. */
const READ_BATCH = 4096;
const MIN_RING = 256;
/** Events that this thread keeps, when its own ring is full and nobody else empties it: 128 MiB. */
const MAX_KEPT = 1 << 22;
const CHUNK = 4096;
/** Milliseconds between two looks at rings that were empty. */
const NAP_MS = 10;

/** Options of `heap.startTrace`. */
export interface TraceOptions {
  /**
   * Events that each thread's ring has room for, 256 to 16384, rounded up to a power of 2; an event has 32 bytes. A thread
   * whose ring is full waits for this one to read, up to 3 s, and not again before this one has read; then it drops events,
   * and counts them. Default: 16384.
   */
  readonly ringEvents?: number | undefined;
  /**
   * Called in the middle of an allocation or a free of this thread, when its own ring is full, and where this thread waits
   * for others, in `heap.gc()` for example, when the ring of one of them is: it is to call `drain` or `read` until `full`
   * is false, and must not use the heap otherwise. What it throws is kept, and thrown by the next call of
   * `drain`, `read` or `stop` outside of it; meanwhile events are lost where there is no room. Default: the events are kept
   * until they are read, up to 4,194,304 of them.
   */
  readonly onFull?: (() => void) | undefined;
}

const nap = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Chunk extends EventWords {
  readonly seqs: Float64Array;
  /** The next event to be told, and the end. */
  at: number;
  end: number;
}

/**
 * A trace that is under way: what `heap.startTrace` returns. Its events are read by `drain` or `read`, on the thread
 * that began it.
 */
export class AllocTrace {
  readonly #heap: MHeap;
  readonly #number: number;
  readonly #reader: TraceReader;
  readonly #decoder = new EventDecoder();
  #alive: AliveObjects | undefined;
  /** Events that were moved out of the rings, oldest first. */
  #kept: Chunk[] = [];
  #keptEvents = 0;
  /** By `drain`, ever. */
  #told = 0;
  #dropped = 0;
  #stopped = false;
  #lostAtEnd = 0;
  /** What making room threw first: it could not be thrown there, in the middle of a sweep perhaps. */
  #failure: { readonly error: unknown } | undefined;
  /** In `onFull`. */
  #filling = false;

  /** @internal */
  constructor(heap: MHeap, options: TraceOptions = {}) {
    const { ringEvents, onFull } = checkOptions(options);
    this.#heap = heap;
    const { t } = heap;
    const { m } = t.mem;
    t.enter();
    try {
      // Most of it beforehand, so that the stop is short.
      while (sweepOne(heap) >= 0) t.poll();
      withWorldStopped(t, () => {
        if (m[H_TRACE] !== 0) return;
        while (sweepOne(heap) >= 0);
        this.#alive = AliveObjects.of(heap);
        begin(heap, ringEvents);
      });
      if (this.#alive === undefined) {
        throw new ArgumentError('ERR_INVALID_ARGUMENT', 'startTrace: a trace of this heap is under way; stop it first');
      }
      t.refresh();
    } finally {
      t.leave();
    }
    this.#number = m[H_TRACE];
    this.#reader = new TraceReader(t.mem);
    t.trace.onFull = () => this.#makeRoom(onFull ?? (() => this.#keep(MAX_KEPT - this.#keptEvents)));
  }

  /** Whether the trace has ended: by `stop`, or because this thread was detached. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Events that were dropped because a ring was full for too long, or that a thread took with it when it died. */
  get lost(): number {
    return this.#dropped + (this.#stopped ? this.#lostAtEnd : this.#reader.lost);
  }

  /** For `onFull`: whether the ring that it is called for has no room, as far as this thread has read. */
  get full(): boolean {
    return !this.#stopped && this.#heap.t.trace.full;
  }

  /**
   * Tells `visit` up to `max` events that have not been told, in order, and returns how many these were; 0: there are none
   * now. Events that come while it works are not told, so it ends whatever other threads do, with any `max`. `visit` always
   * gets the same event object, so that it makes no garbage: what is to be kept must be copied. A sweep is counted once
   * however many objects it freed. Does not block. `visit` must not use the heap. Throws what `visit` throws, and once,
   * before it tells anything, what `onFull` threw, or RangeError if there was no memory to keep events in.
   */
  drain(visit: EventVisitor, max = BATCH): number {
    this.#rethrow();
    let told = this.#alive === undefined ? 0 : this.#tellAlive(visit, max);
    told += this.#tellKept(visit, max - told);
    if (!this.#stopped) {
      const { mem } = this.#heap.t;
      told += this.#reader.take((w, seq) => this.#decoder.decode(mem, w, seq, visit), max - told);
    }
    this.#told += told;
    return told;
  }

  /** Up to `max` events that have not been read, in order; none if there are none now. Does not block. Throws as `drain`. */
  read(max = READ_BATCH): AllocEvent[] {
    const events: AllocEvent[] = [];
    this.drain((event) => events.push(event.clone()), max);
    return events;
  }

  /** Batches of events, until the trace has ended and all are read. */
  async *[Symbol.asyncIterator](): AsyncGenerator<AllocEvent[], void, undefined> {
    for (;;) {
      const batch = this.read();
      if (batch.length > 0) yield batch;
      else if (this.#stopped) return;
      if (!this.#stopped) await nap(batch.length > READ_BATCH / 4 ? 0 : NAP_MS);
    }
  }

  /**
   * Ends the trace; what has not been read can still be. A second call does nothing. Blocks until the world has stopped.
   * Throws what `drain` would, after the trace has ended.
   */
  stop(): void {
    if (this.#stopped) return;
    const { t } = this.#heap;
    const { m } = t.mem;
    const end = (): void => {
      if (m[H_TRACE] === this.#number) endTraceOf(t.mem, t.id);
      // Another trace may have begun, if this thread was reaped; then the rings are that one's.
      if (m[H_TRACE_COUNT] !== this.#number) return;
      this.#keep(Number.POSITIVE_INFINITY);
      this.#lostAtEnd = this.#reader.lost;
    };
    if (t.attached) {
      withWorldStopped(t, end);
      t.refresh();
    } else end();
    this.#stopped = true;
    t.trace.onFull = undefined;
    this.#rethrow();
  }

  /** How many events were told; −1: it threw. */
  #makeRoom(onFull: () => void): number {
    const before = this.#told;
    this.#filling = true;
    try {
      onFull();
      return this.#told - before;
    } catch (error) {
      this.#failure ??= { error };
      return -1;
    } finally {
      this.#filling = false;
    }
  }

  /** Not in `onFull`, which may well succeed the next time. */
  #rethrow(): void {
    const failure = this.#failure;
    if (failure === undefined || this.#filling) return;
    this.#failure = undefined;
    throw failure.error;
  }

  #tellAlive(visit: EventVisitor, max: number): number {
    let told = 0;
    while (told < max) {
      const more = this.#alive!.tell((addr, size, type, thread) => {
        told++;
        this.#decoder.alive(addr, size, type, thread, visit);
      }, max - told);
      if (more) continue;
      this.#alive = undefined;
      break;
    }
    return told;
  }

  #tellKept(visit: EventVisitor, max: number): number {
    let told = 0;
    while (told < max && this.#kept.length > 0) {
      const chunk = this.#kept[0]!;
      const i = chunk.at++;
      if (chunk.at === chunk.end) this.#kept.shift();
      this.#keptEvents--;
      told++;
      this.#decoder.decode(chunk, i * EVENT_WORDS, chunk.seqs[i]!, visit);
    }
    return told;
  }

  /** Moves what is in the rings here, up to `room` events, as far as there is memory; the others are dropped. */
  #keep(room: number): void {
    const { m } = this.#heap.t.mem;
    const before = this.#keptEvents;
    try {
      this.#reader.take((w, seq) => this.#keepOne(m, w, seq), room);
      if (this.#keptEvents - before < room) return;
    } catch (error) {
      this.#failure ??= { error };
      this.#dropped++;
    }
    this.#dropped += this.#reader.take(() => {}, Number.POSITIVE_INFINITY);
  }

  #keepOne(m: Words, w: number, seq: number): void {
    let chunk = this.#kept[this.#kept.length - 1];
    if (chunk === undefined || chunk.end === CHUNK) {
      const words = new Int32Array(CHUNK * EVENT_WORDS);
      chunk = { m: words, mf: new Float64Array(words.buffer), seqs: new Float64Array(CHUNK), at: 0, end: 0 };
      this.#kept.push(chunk);
    }
    const to = chunk.end * EVENT_WORDS;
    for (let i = 0; i < EVENT_WORDS; i++) chunk.m[to + i] = m[w + i]!;
    chunk.seqs[chunk.end++] = seq;
    this.#keptEvents++;
  }
}

/** World stopped, no trace under way. */
function begin({ t }: MHeap, capacity: number): void {
  const { mem } = t;
  const { m, mf, plan } = mem;
  for (let id = 1; id <= plan.maxProcs; id++) {
    const ring = ringRef(mem, id);
    m.fill(0, ring, ring + RING_EVENTS);
  }
  m[H_TRACE_SEQ] = 0;
  m[H_TRACE_CAPACITY] = capacity;
  m[H_TRACE_SWEPT] = m[GC_MARKED];
  mf[H_TRACE_START >>> 1] = nanotime();
  Atomics.store(m, H_TRACE_READER, t.id);
  m[H_TRACE_COUNT] = m[H_TRACE_COUNT] + 1;
  Atomics.store(m, H_TRACE, m[H_TRACE_COUNT]);
  const goal = goalUnits(mf[(GC_PACER >>> 1) + PACER_HEAP_GOAL]);
  t.trace.event(EV_START, 0, m[H_PAGES_IN_USE], m[GC_HEAP_LIVE], goal, 0);
  for (const p of attachedProcs(mem)) t.trace.event(EV_ATTACH, 0, m[p + PROC_THREAD], m[p + PROC_ID], 0, 0);
}

function checkOptions(options: TraceOptions): { ringEvents: number; onFull: (() => void) | undefined } {
  const bad = (text: string): never => {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `startTrace: ${text}`);
  };
  checkNames('startTrace', options, ['ringEvents', 'onFull']);
  const { ringEvents = RING_CAPACITY, onFull } = options;
  if (!Number.isInteger(ringEvents) || ringEvents < MIN_RING || ringEvents > RING_CAPACITY) {
    bad(`ringEvents must be a whole number from ${MIN_RING} to ${RING_CAPACITY}, not ${describe(ringEvents)}`);
  }
  if (onFull !== undefined && typeof onFull !== 'function') bad('onFull must be a function');
  return { ringEvents: 2 ** Math.ceil(Math.log2(ringEvents)), onFull };
}
