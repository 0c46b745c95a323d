/**
 * Emptying the rings of an allocation trace, in the order of the events' numbers. The protocol is in sync/trace.ts. Each
 * number is in one ring, and the numbers in a ring rise, so the next event is at the tail of the ring that has its number.
 */
import type { Words } from '../base/brand.ts';
import { millitime } from '../base/clock.ts';
import { H_MAX_PROCS, H_TRACE_CAPACITY, H_TRACE_SEQ } from '../layout/header.ts';
import { EVENT_SEQ, EVENT_WORDS, RING_EVENTS, RING_HEAD, RING_LOST, RING_TAIL, RING_WAITING } from '../layout/trace.ts';
import { unpark } from '../sync/park.ts';
import { isPending, ringRef } from '../sync/trace.ts';
import type { Mem } from '../sys/mem.ts';

/** Milliseconds after which a number whose thread neither writes nor is reaped is given up. */
const GIVE_UP_MS = 2000;
/** Events after which the writers of a ring are told that there is room. */
const TELL_EVERY = 1024;

/** Told of the event at word `w` of allocator memory, with its number, which does not wrap. */
export type RawVisitor = (w: number, seq: number) => void;

export class TraceReader {
  readonly #mem: Mem;
  readonly #m: Words;
  readonly #mask: number;
  readonly #rings: readonly number[];
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  /** Places in `rings` of those with events. */
  #active: number[] = [];
  /** Number of the next event. */
  #next = 0;
  /** Since when it is missed; 0: it is not. */
  #missedSince = 0;
  /** Numbers that no event was found for. */
  #skipped = 0;

  /** For the thread that has just begun a trace: all rings are empty. */
  constructor(mem: Mem) {
    this.#mem = mem;
    this.#m = mem.m;
    this.#mask = mem.m[H_TRACE_CAPACITY] - 1;
    this.#rings = Array.from({ length: mem.m[H_MAX_PROCS] }, (_, i) => ringRef(mem, i + 1));
    this.#heads = new Int32Array(this.#rings.length);
    this.#tails = new Int32Array(this.#rings.length);
  }

  /** Events that were dropped, or whose thread died before it could write them. */
  get lost(): number {
    return this.#rings.reduce((sum, ring) => sum + (Atomics.load(this.#m, ring + RING_LOST) >>> 0), this.#skipped);
  }

  /**
   * Tells up to `max` events, as far as they are complete, and no more than there were when it was called: writers may be
   * as fast as this. Returns how many it told.
   */
  take(visit: RawVisitor, max: number): number {
    const most = Math.min(max, (Atomics.load(this.#m, H_TRACE_SEQ) - this.#next) | 0);
    let told = 0;
    while (told < most) {
      this.#look();
      const before = told;
      for (let more = true; more && told < most; ) {
        more = false;
        for (let i = 0; i < this.#active.length && told < most; i++) {
          const n = this.#run(this.#active[i]!, visit, most - told);
          told += n;
          if (n > 0) more = true;
        }
      }
      if (told === before && !this.#bridge()) break;
    }
    return told;
  }

  /** Which rings have events. */
  #look(): void {
    this.#active = [];
    for (let i = 0; i < this.#rings.length; i++) {
      this.#heads[i] = Atomics.load(this.#m, this.#rings[i]! + RING_HEAD);
      if (this.#heads[i] !== this.#tails[i]) this.#active.push(i);
    }
  }

  #word(i: number): number {
    return this.#rings[i]! + RING_EVENTS + (this.#tails[i]! & this.#mask) * EVENT_WORDS;
  }

  /** How far the first event of a ring is behind the next one; below 0: it was given up. */
  #distance(i: number): number {
    return (this.#m[this.#word(i) + EVENT_SEQ]! - this.#next) | 0;
  }

  /** Tells the events of one ring, for as long as the next one is there. */
  #run(i: number, visit: RawVisitor, max: number): number {
    const tails = this.#tails;
    const first = tails[i]!;
    let told = 0;
    try {
      while (tails[i] !== this.#heads[i] && told < max) {
        const distance = this.#distance(i);
        if (distance > 0) break;
        const w = this.#word(i);
        if (distance === 0) {
          // Counted first: if it throws, it has been told.
          told++;
          this.#next++;
          visit(w, this.#next - 1);
        }
        tails[i] = (tails[i]! + 1) | 0;
        if ((tails[i]! & (TELL_EVERY - 1)) === 0) this.#tell(i);
      }
    } finally {
      if (tails[i] !== first) this.#tell(i);
    }
    if (told > 0) this.#missedSince = 0;
    return told;
  }

  /** The writer of this ring may go on. */
  #tell(i: number): void {
    const ring = this.#rings[i]!;
    Atomics.store(this.#m, ring + RING_TAIL, this.#tails[i]!);
    if (Atomics.load(this.#m, ring + RING_WAITING) === 0) return;
    Atomics.store(this.#m, ring + RING_WAITING, 0);
    unpark(this.#m, ring + RING_TAIL);
  }

  /**
   * The next event is in no ring. True: it never will be, and those behind it are next. False: nothing is, or it is still
   * being written.
   */
  #bridge(): boolean {
    const given = (Atomics.load(this.#m, H_TRACE_SEQ) - this.#next) | 0;
    if (given <= 0) return false;
    const now = millitime();
    if (this.#missedSince === 0) this.#missedSince = now;
    if (isPending(this.#mem) && now - this.#missedSince < GIVE_UP_MS) return false;
    this.#look();
    // Not beyond the numbers that were given out when this began: later ones may be on their way.
    let gap = given;
    for (const i of this.#active) gap = Math.min(gap, this.#distance(i));
    this.#skipped += Math.max(0, gap);
    this.#next += Math.max(0, gap);
    this.#missedSince = 0;
    return true;
  }
}
