/**
 * Writing the allocation trace (Go: `traceallocfree`): each thread has a ring of events in shared memory that it alone
 * writes and that one thread, the reader, empties (observe/trace-reader.ts).
 *
 * Off, it costs nothing: H_TRACE is 0. It changes only while the world is stopped, and whoever comes back from a stop, or
 * enters a region, goes by what it says then (`Proc.refresh`): while a trace is under way every call of malloc and free
 * takes the guarded way (malloc/malloc-slow.ts), and slow paths test the word where they are anyway. So no object is made
 * or freed unseen once `startTrace` has returned, and the fast paths know nothing of it.
 *
 * Order. An event takes the heap's next sequence number by one Atomics.add, and the reader merges the rings by it. That is
 * the order of what happened, as far as anybody can tell: an allocation is written after it was made and before its
 * address is returned, a free before the slot can be had by anybody. So for one address the numbers of allocation, free,
 * and next allocation rise, whichever threads they are of: from free to next allocation there is a chain of accesses to
 * the span's bits (the owner's own, or through a lock or an atomic exchange), and from allocation to free the program's
 * own way of telling the other thread the address, or the mark termination before a sweep. A sweep writes before the span is
 * published; a span's return before its pages are free, and its making after they were taken.
 *
 * Who owns what. The writer: the events from head on, RING_HEAD, RING_LOST, PROC_TRACE_PENDING. The reader: RING_TAIL,
 * and so the events from tail to head, which it reads after RING_HEAD. All four are stored by Atomics; each side reads
 * its own plainly. RING_HEAD is stored when the event is complete: a thread that dies in the middle leaves a whole
 * event or none, and its ring as it is: the ring belongs to the slot, not to the thread, and the slot's next thread
 * goes on in it.
 *
 * RING_WAITING is a hint that both write. A wake-up that it loses is made up for, since the writer looks again soon;
 * and it may stay set on a ring that has been emptied, so the reader goes by it only where there is something to read.
 *
 * A number without event. PROC_TRACE_PENDING is 1 from before the number is taken until the event is published. A
 * reader that misses a number, finds this word 0 in every attached thread, and misses it still when it looks into the
 * rings again, knows that nobody will ever write it: its thread died between the two, and has been reaped, so its
 * record is nobody's, and the next who gets it clears the word. All accesses are sequentially consistent, so whoever
 * had the number is seen in one of the two looks.
 *
 * A full ring. The writer waits for the reader: WAIT_MS, and not again before the reader has moved. Then the event is
 * dropped, and counted. It may hold up a stop of the world meanwhile; so before a call of malloc and between batches of a
 * sweep, which are safepoints, it waits outside of its region while its ring is nearly full (`awaitRoom`), and rarely has
 * to inside. The reader cannot wait for itself: it empties the rings then and there (`onFull`), also in the middle of a
 * sweep or of a span's return, where nothing may be thrown.
 *
 * Nobody waits in a circle. A writer waits without a lock, and the reader looks whether one does whenever it sleeps for
 * others itself, for a stop of the world or its end, a sweeper, a lock (`Proc.parkWhile`): it reads then (`readForOthers`).
 */
import type { Words } from '../base/brand.ts';
import { millitime, nanotime } from '../base/clock.ts';
import {
  H_TRACE,
  H_TRACE_CAPACITY,
  H_TRACE_READER,
  H_TRACE_SEQ,
  H_TRACE_START,
  H_TRACE_SWEPT,
} from '../layout/header.ts';
import { PROC_DEAD, PROC_EPOCH, PROC_FREE, PROC_TRACE_PENDING } from '../layout/proc.ts';
import {
  EV_ALLOC,
  EV_ASSIST_BEGIN,
  EV_ASSIST_END,
  EV_LOST,
  EV_MARK,
  EV_SWEEP_DONE,
  EVENT_A,
  EVENT_B,
  EVENT_C,
  EVENT_D,
  EVENT_FLAGS_SHIFT,
  EVENT_HEAD,
  EVENT_SEQ,
  EVENT_THREAD_SHIFT,
  EVENT_TIME,
  EVENT_WORDS,
  FLAG_ZEROED,
  RING_EVENTS,
  RING_HEAD,
  RING_LOST,
  RING_TAIL,
  RING_WAITING,
  RING_WORDS,
} from '../layout/trace.ts';
import type { Mem } from '../sys/mem.ts';
import { parkWhile } from './park.ts';
import type { Proc } from './proc.ts';
import { procRef } from './proc-ref.ts';
import { stateOf } from './status.ts';

/**
 * Milliseconds that a writer waits for room, once for each time that the reader moves. A reader that is not held up by
 * anything but a busy machine must come to read in this time, also if it first waits for a number that nobody will write
 * (trace-reader.ts, GIVE_UP_MS).
 */
const WAIT_MS = 3000;
/** How often a waiting writer sees whether the reader is still there. */
const LOOK_MS = 20;

/** First word of the ring of the thread with this id. */
export function ringRef(mem: Mem, id: number): number {
  return mem.plan.rings + (id - 1) * RING_WORDS;
}

/** Whether some thread may be about to publish an event that has its number. */
export function isPending(mem: Mem): boolean {
  const { m, plan } = mem;
  if (m[H_TRACE] === 0) return false;
  for (let id = 1; id <= plan.maxProcs; id++) {
    const p = procRef(mem, id);
    if (Atomics.load(m, p + PROC_TRACE_PENDING) === 0) continue;
    // Of a record that somebody has, be it one who attaches and reaps others for it: its state is FREE still.
    if ((Atomics.load(m, p + PROC_EPOCH) & 1) === 1) return true;
  }
  return false;
}

/** The trace that thread `id` reads, if any, is over: nobody will read it. World stopped. */
export function endTraceOf({ m }: Mem, id: number): void {
  if (m[H_TRACE_READER] !== id) return;
  Atomics.store(m, H_TRACE, 0);
  Atomics.store(m, H_TRACE_READER, 0);
}

export class TraceWriter {
  /**
   * Called when `full`: is to empty the rings, or at least to make room in that one. Must not use the heap, nor throw.
   * Returns how many events it told, from wherever; below 0: there is no use in calling it again now.
   */
  onFull: (() => number) | undefined = undefined;
  private readonly t: Proc;
  private readonly m: Words;
  private readonly mf: Float64Array<ArrayBufferLike>;
  private readonly ring: number;
  private readonly pending: number;
  /** The trace that what follows is about. */
  private known = 0;
  private capacity = 0;
  /** What RING_TAIL was when it was last looked at. */
  private tail = 0;
  /** The reader stood here when it was last waited for in vain; -1: it has not been. */
  private stalled = -1;
  /** When the trace began. */
  private start = 0;
  /** Events lost since the last one that was not. */
  private missed = 0;
  private filling = false;
  /** While the reader makes room for another: that one's ring, and how far it was read before. 0: it does not. */
  private waiter = 0;
  private waiterTail = 0;

  constructor(t: Proc) {
    this.t = t;
    this.m = t.mem.m;
    this.mf = t.mem.mf;
    this.ring = ringRef(t.mem, t.id);
    this.pending = t.ref + PROC_TRACE_PENDING;
  }

  /** Number of the trace that is under way, 0 for none. Constant from one safepoint to the next. */
  get number(): number {
    return this.m[H_TRACE];
  }

  /** An object was made and nobody has its address yet; inside its region, before the next safepoint. */
  alloc(addr: number, size: number, type: number, zeroed: boolean): void {
    this.event(EV_ALLOC, zeroed !== false ? FLAG_ZEROED : 0, addr, size, type, 0);
  }

  /** The collector has nothing left to sweep; written once a cycle. */
  sweepDone(cycle: number): void {
    if (this.m[H_TRACE_SWEPT] === cycle || Atomics.exchange(this.m, H_TRACE_SWEPT, cycle) === cycle) return;
    this.event(EV_SWEEP_DONE, 0, cycle, 0, 0, 0);
  }

  /** This thread begins to assist the collector. Returns what `assistEnd` is to be given. */
  assistBegin(bytes: number): number {
    const trace = this.number;
    if (trace !== 0) this.event(EV_ASSIST_BEGIN, 0, bytes, 0, 0, 0);
    return trace;
  }

  assistEnd(begun: number, ns: number, scanned: number): void {
    if (begun !== 0 && this.number === begun) this.numbers(EV_ASSIST_END, 0, ns, scanned);
  }

  /** This thread has marked in the background. */
  marked(ns: number, scanned: number): void {
    if (this.number !== 0 && scanned > 0) this.numbers(EV_MARK, 0, ns, scanned);
  }

  /** Writes an event. A trace must be under way. No lock may be held; may block shortly when the ring is full. */
  event(kind: number, flags: number, a: number, b: number, c: number, d: number): void {
    const w = this.begin(kind, flags);
    if (w < 0) return;
    const { m } = this;
    m[w + EVENT_A] = a;
    m[w + EVENT_B] = b;
    m[w + EVENT_C] = c;
    m[w + EVENT_D] = d;
    this.publish();
  }

  /** The same for events with two doubles. */
  numbers(kind: number, flags: number, x: number, y: number): void {
    const w = this.begin(kind, flags);
    if (w < 0) return;
    this.mf[(w + EVENT_A) >>> 1] = x;
    this.mf[(w + EVENT_C) >>> 1] = y;
    this.publish();
  }

  /** First word of an event with its number and time; the caller adds the rest. -1: there is no room. */
  private begin(kind: number, flags: number): number {
    const { m, ring } = this;
    if (m[H_TRACE] !== this.known) this.meet();
    if (((m[ring + RING_HEAD] - this.tail) | 0) >= this.capacity && !this.room()) {
      this.missed++;
      Atomics.add(m, ring + RING_LOST, 1);
      return -1;
    }
    if (this.missed !== 0) {
      const { missed } = this;
      this.missed = 0;
      this.event(EV_LOST, 0, missed, 0, 0, 0);
      return this.begin(kind, flags);
    }
    const w = ring + RING_EVENTS + (m[ring + RING_HEAD] & (this.capacity - 1)) * EVENT_WORDS;
    Atomics.store(m, this.pending, 1);
    const seq = Atomics.add(m, H_TRACE_SEQ, 1);
    m[w + EVENT_HEAD] = kind | (this.t.id << EVENT_THREAD_SHIFT) | (flags << EVENT_FLAGS_SHIFT);
    m[w + EVENT_SEQ] = seq;
    this.mf[(w + EVENT_TIME) >>> 1] = Math.max(0, nanotime() - this.start);
    return w;
  }

  private publish(): void {
    const { m, ring } = this;
    this.t.pause('trace.publish');
    Atomics.store(m, ring + RING_HEAD, (m[ring + RING_HEAD] + 1) | 0);
    Atomics.store(m, this.pending, 0);
  }

  /** The first event of a trace: what was known is that of another. */
  private meet(): void {
    const { m } = this;
    this.known = m[H_TRACE];
    this.capacity = m[H_TRACE_CAPACITY];
    this.tail = Atomics.load(m, this.ring + RING_TAIL);
    this.stalled = -1;
    this.missed = 0;
    this.start = this.mf[H_TRACE_START >>> 1];
  }

  /** Whether this thread's ring has no room, or that of another for which room is being made; of the trace under way. */
  get full(): boolean {
    if (this.used() >= this.capacity) return true;
    return this.waiter !== 0 && Atomics.load(this.m, this.waiter + RING_TAIL) === this.waiterTail;
  }

  /** Events in the ring. */
  private used(): number {
    this.tail = Atomics.load(this.m, this.ring + RING_TAIL);
    return (this.m[this.ring + RING_HEAD] - this.tail) | 0;
  }

  /** Whether a full ring has room after all. May block for WAIT_MS, or call `onFull`. */
  private room(): boolean {
    if (!this.full) return true;
    if (this.m[H_TRACE_READER] === this.t.id) this.readHere();
    else this.awaitReader(this.capacity);
    return !this.full;
  }

  /** This thread is the reader. It may have to wait for another one that is about to publish an event before its own. */
  private readHere(): void {
    const until = millitime() + WAIT_MS;
    while (!this.filling && this.full && this.tail !== this.stalled) {
      const before = this.tail;
      // Beforehand: it may be published while this thread reads.
      const pending = isPending(this.t.mem);
      const told = this.read();
      if (!this.full) return;
      const moves = told > 0 || this.tail !== before;
      if (told < 0 || !(moves || pending) || millitime() > until) this.stalled = this.tail;
      else if (!moves) parkWhile(this.m, this.ring + RING_TAIL, before, 1);
    }
  }

  private read(): number {
    this.filling = true;
    try {
      return this.onFull?.() ?? -1;
    } finally {
      this.filling = false;
    }
  }

  /**
   * For whoever is about to sleep until others have done something: if this is the reader, and one of them waits for room
   * in its ring, events are read. No lock may be held. Calls `onFull`.
   */
  readForOthers(): void {
    const { m, t } = this;
    if (m[H_TRACE_READER] !== t.id || this.filling || this.onFull === undefined) return;
    for (let id = 1; id <= t.mem.plan.maxProcs; id++) {
      const ring = ringRef(t.mem, id);
      if (ring === this.ring || Atomics.load(m, ring + RING_WAITING) === 0) continue;
      this.waiterTail = Atomics.load(m, ring + RING_TAIL);
      // Emptied since it began to wait: it could not move further.
      if (this.waiterTail === Atomics.load(m, ring + RING_HEAD)) continue;
      this.waiter = ring;
      try {
        this.read();
      } finally {
        this.waiter = 0;
      }
    }
  }

  /** Until fewer than `limit` events are in the ring, or the time is over, or nobody reads. */
  private awaitReader(limit: number): void {
    const { m, ring } = this;
    const until = millitime() + WAIT_MS;
    for (let used = this.used(); used >= limit && this.tail !== this.stalled; used = this.used()) {
      const left = until - millitime();
      if (left <= 0 || !this.isRead()) {
        this.stalled = this.tail;
        break;
      }
      Atomics.store(m, ring + RING_WAITING, 1);
      parkWhile(m, ring + RING_TAIL, this.tail, Math.min(left, LOOK_MS));
    }
    Atomics.store(m, ring + RING_WAITING, 0);
  }

  /** Whether there is a reader, as far as is known: its reaper cannot stop the world while somebody waits for it. */
  private isRead(): boolean {
    const reader = Atomics.load(this.m, H_TRACE_READER);
    if (reader === 0) return false;
    const state = stateOf(this.m, procRef(this.t.mem, reader));
    return state !== PROC_DEAD && state !== PROC_FREE;
  }

  /**
   * While the ring is three quarters full, waits for the reader outside of the region. For the begin of calls that are
   * safepoints anyway: the trace may end here, and another begin.
   */
  awaitRoom(): void {
    const { m, t } = this;
    if (m[H_TRACE] !== this.known) this.meet();
    const limit = this.capacity - (this.capacity >>> 2);
    if (((m[this.ring + RING_HEAD] - this.tail) | 0) < limit || this.used() < limit) return;
    if (m[H_TRACE_READER] === t.id || this.tail === this.stalled || !t.mem.shared) return;
    t.release();
    this.awaitReader(limit);
    t.resume();
  }
}
