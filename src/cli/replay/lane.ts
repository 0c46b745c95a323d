/**
 * One thread of a replay: runs its part of the plan against a heap. The loop over events is `advance`; everything around
 * it is for lanes that wait for each other.
 *
 *   runTo(stop)   batches of events, each in one region of the heap (`heap.scope`), then the meeting with the others
 *     advance     events up to a limit, or until an object is missing that another lane makes
 *     sleep       outside the region, so that a sleeping lane never holds up the heap
 *
 * A lane runs at most `DRIFT` events ahead of the slowest, and not past a gate before everyone has come to it (plan.ts), so
 * that what is live at the same time stays close to what the recording had. If an allocation fails all the same, the lane
 * waits until everything before it is done, and tries once more: what the program had freed by then is free. Nobody waits
 * in a circle: the lane with the earliest event that is not done never waits for a position.
 */
import { OutOfMemoryError } from '../../index.ts';
import { ContentChecks } from './checks.ts';
import {
  ARRIVED,
  type Control,
  elapsed,
  hasFailed,
  now,
  PAUSED,
  positionWord,
  ROUND,
  SLEEP_MS,
  SLEEPERS,
  SPINS,
  waitWhile,
} from './control.ts';
import type { LaneFindings } from './findings.ts';
import type { ReplayHeap } from './heap.ts';
import { type Plan, STEP_AWAITS, STEP_OP_MASK, STEP_PUBLISHES } from './plan.ts';
import { type Columns, NEVER, OP_CALLOC, OP_FREE, type Recording } from './recording.ts';
import { SampleLog } from './samples.ts';

/** Events in one region: short enough that a lane is never long away from its duties to the others. */
const BATCH = 1024;
/** How many events a lane may be ahead of the slowest. */
const DRIFT = 4096;

/** What the lanes share besides the heap; structured-cloneable. */
export interface LaneInput {
  readonly columns: Columns;
  readonly plan: Plan;
  readonly control: Control;
  /** Address of each object, 0 until it is made. */
  readonly addresses: Uint32Array<SharedArrayBuffer>;
  readonly verify: boolean;
}

/** Another lane failed; this one stops without an error of its own. */
export class Stopped extends Error {}

export function laneInput(recording: Recording, plan: Plan, control: Control, verify: boolean): LaneInput {
  const { ops, subjects, results, sizes } = recording;
  return {
    columns: { ops, subjects, results, sizes },
    plan,
    control,
    addresses: new Uint32Array(new SharedArrayBuffer(recording.objects * 4)),
    verify,
  };
}

export class Lane {
  /** The event being run; for the message when the heap throws. */
  event = 0;
  private readonly log = new SampleLog();
  private readonly checks: ContentChecks;
  private readonly heap: ReplayHeap;
  private readonly raw: ReplayHeap['raw'];
  private readonly control: Control;
  private readonly plan: Plan;
  private readonly verify: boolean;
  private readonly lane: number;
  private readonly steps: Uint8Array;
  private readonly order: Uint32Array;
  private readonly subjects: Uint32Array;
  private readonly results: Uint32Array;
  private readonly sizes: Uint32Array;
  private readonly addresses: Uint32Array<SharedArrayBuffer>;
  /** The same words, for wait and notify. */
  private readonly addressWords: Int32Array<SharedArrayBuffer>;
  /** `order[next]` is the next event; `last` is behind this lane's part. */
  private next: number;
  private readonly last: number;
  /** Events from here on are not for the current batch. */
  private until = 0;
  /** The object that the next event waits for, or -1. */
  private missing = -1;
  /** Event for which memory was out: it is tried again when all before it are done. */
  private starved = -1;
  /** The first gate that not everyone has come to: `gates[gate]`. */
  private gate = 0;
  /** The batch as one function, made once. */
  private readonly batch = (): void => this.advance(this.until);

  constructor(heap: ReplayHeap, input: LaneInput, lane: number) {
    const { columns, plan, control } = input;
    this.heap = heap;
    this.raw = heap.raw;
    this.control = control;
    this.plan = plan;
    this.verify = input.verify;
    this.lane = lane;
    this.checks = new ContentChecks(heap.memory);
    this.steps = plan.steps;
    this.order = plan.order;
    this.subjects = columns.subjects;
    this.results = columns.results;
    this.sizes = columns.sizes;
    this.addresses = input.addresses;
    this.addressWords = new Int32Array(input.addresses.buffer);
    this.next = plan.starts[lane];
    this.last = plan.starts[lane + 1];
  }

  /** Runs this lane's events before stop number `stop`, waits there for all lanes, and sees that a sample is taken. */
  runTo(stop: number): void {
    const end = this.plan.stops[stop];
    this.tellPosition();
    for (let event = this.nextEvent(); event < end; event = this.nextEvent()) {
      this.until = Math.min(end, event + BATCH, this.horizon());
      if (event < this.until) {
        this.runBatch();
        this.tellPosition();
      }
      if (this.missing >= 0) this.sleepForObject();
      else if (event >= this.until) this.waitForSlowest();
      if (hasFailed(this.control)) throw new Stopped();
    }
    this.meet(stop);
  }

  findings(): LaneFindings {
    const { samples, peak } = this.log;
    const { errors, mistakes } = this.checks;
    return { samples, peak, errors, mistakes, seconds: elapsed(this.control) };
  }

  private runBatch(): void {
    try {
      this.heap.scope(this.batch);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || this.plan.lanes === 1 || this.event === this.starved) throw error;
      this.starved = this.event;
      while (this.order[this.next] < this.event) this.next++;
    }
  }

  /** Own events before `until`; inside a region. */
  private advance(until: number): void {
    const { raw, checks, verify, steps, order, subjects, results, sizes, addresses, last } = this;
    let next = this.next;
    while (next < last) {
      const event = order[next];
      if (event >= until) break;
      this.event = event;
      const step = steps[event];
      const op = step & STEP_OP_MASK;
      const object = subjects[event];
      let made = object;
      let address: number;
      if (op < OP_FREE) {
        address = raw.mallocgc(sizes[object], null, op === OP_CALLOC);
        if (verify) this.fill(address, object, op === OP_CALLOC);
      } else {
        address = (step & STEP_AWAITS) !== 0 ? this.awaitAddress(object) : addresses[object];
        if (address === 0) break;
        if (verify) checks.expectPattern(address, sizes[object], object);
        if (op === OP_FREE) {
          raw.free(address);
        } else {
          made = results[event];
          address = this.resize(address, object, made);
        }
      }
      next++;
      if ((step & STEP_PUBLISHES) !== 0) this.publish(made, address);
      else if (op !== OP_FREE) addresses[made] = address;
    }
    this.next = next;
  }

  private fill(address: number, object: number, zeroed: boolean): void {
    const size = this.sizes[object];
    if (zeroed) this.checks.expectZero(address, size, object);
    this.checks.fill(address, size, object);
  }

  /** Resizes `old`, which is then known as `made`; returns where it is. */
  private resize(address: number, old: number, made: number): number {
    const size = this.sizes[made];
    const moved = this.raw.realloc(address, size);
    if (this.verify) {
      this.checks.expectKept(moved, Math.min(size, this.sizes[old]), old);
      this.checks.fill(moved, size, made);
    }
    return moved;
  }

  private publish(object: number, address: number): void {
    Atomics.store(this.addresses, object, address);
    if (Atomics.load(this.control.words, SLEEPERS) !== 0) Atomics.notify(this.addressWords, object);
  }

  /** The address of an object that another lane makes, or 0 with `missing` set if it takes too long to spin for it. */
  private awaitAddress(object: number): number {
    for (let spin = 0; spin < SPINS; spin++) {
      const address = Atomics.load(this.addresses, object);
      if (address !== 0) return address;
      this.heap.poll();
    }
    this.missing = object;
    return 0;
  }

  private nextEvent(): number {
    return this.next < this.last ? this.order[this.next] : NEVER;
  }

  private tellPosition(): void {
    if (this.plan.lanes === 1) return;
    const { words } = this.control;
    const position = Math.min(this.nextEvent(), 0x7fffffff);
    Atomics.store(words, positionWord(this.lane), position);
    if (Atomics.load(words, SLEEPERS) !== 0) Atomics.notify(words, positionWord(this.lane));
  }

  private slowestLane(): number {
    let slowest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let lane = 0; lane < this.plan.lanes; lane++) {
      const position = Atomics.load(this.control.words, positionWord(lane));
      if (position < least) {
        least = position;
        slowest = lane;
      }
    }
    return slowest;
  }

  /** Own events from here on have to wait for the slowest lane. */
  private horizon(): number {
    const { lanes, gates } = this.plan;
    if (lanes === 1) return NEVER;
    const done = Atomics.load(this.control.words, positionWord(this.slowestLane()));
    if (this.starved > done) return this.starved;
    while (this.gate < gates.length && gates[this.gate] <= done) this.gate++;
    return this.gate < gates.length ? Math.min(done + DRIFT, gates[this.gate]) : done + DRIFT;
  }

  private waitForSlowest(): void {
    const word = positionWord(this.slowestLane());
    const position = Atomics.load(this.control.words, word);
    if (this.horizon() > this.nextEvent()) return;
    this.sleep(this.control.words, word, position);
  }

  private sleepForObject(): void {
    this.sleep(this.addressWords, this.missing, 0);
    this.missing = -1;
  }

  private sleep(words: Int32Array<SharedArrayBuffer>, word: number, value: number): void {
    Atomics.add(this.control.words, SLEEPERS, 1);
    Atomics.wait(words, word, value, SLEEP_MS);
    Atomics.sub(this.control.words, SLEEPERS, 1);
  }

  /** All lanes stand still here; the last to come takes the sample and lets the others go on. */
  private meet(stop: number): void {
    const { control, plan } = this;
    const { words, times } = control;
    const round = Atomics.load(words, ROUND);
    if (Atomics.add(words, ARRIVED, 1) + 1 < plan.lanes) {
      if (!waitWhile(control, ROUND, round)) throw new Stopped();
      return;
    }
    const seconds = elapsed(control);
    const began = now();
    this.log.take(this.heap, stop, plan.liveAtStops[stop], seconds);
    times[PAUSED] += now() - began;
    Atomics.store(words, ARRIVED, 0);
    Atomics.add(words, ROUND, 1);
    Atomics.notify(words, ROUND);
  }
}
