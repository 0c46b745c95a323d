// The size of the heap at the end of each cycle against its goal, with a live set whose objects are replaced one after the
// other, oldest first.
import { createHeap, type Heap } from '../src/index.ts';
import { type Gauge, gaugeOf } from './gc/gauge.ts';
import { liveType, SLOT_BYTES } from './gc/live.ts';
import type { PacingSeries, PacingTask } from './gc/pacing.ts';
import { answer, medianOf, taskOf } from './measure.ts';

const BYTES = 2 ** 31;
const MIB = 2 ** 20;
const PER_SCOPE = 500;
const SAMPLE_MS = 5;
/** Cycles before that only see how the live set is being built. */
const LEAST_GOAL = 32 * MIB;

class Recorder {
  readonly ratios: number[] = [];
  readonly seconds: number[] = [];
  readonly live: number[] = [];
  readonly goal: number[] = [];
  readonly marking: number[] = [];
  readonly #gauge: Gauge;
  readonly #begin = performance.now();
  #started: number;
  #marked: number;
  /** Of the cycle that marks or has marked last: when its end is seen, another may have begun. */
  #cycleGoal = 0;
  #next = 0;

  constructor(gauge: Gauge) {
    this.#gauge = gauge;
    this.#started = gauge.started();
    this.#marked = gauge.marked();
  }

  get series(): PacingSeries {
    const { seconds, live, goal, marking } = this;
    return { seconds, live, goal, marking };
  }

  /** To be called often. */
  look(): void {
    const { started, marked, marking, heapLive, peak, goal } = this.#gauge;
    const now = performance.now() - this.#begin;
    const ended = marked() !== this.#marked;
    if (ended && this.#cycleGoal >= LEAST_GOAL) this.ratios.push(peak() / this.#cycleGoal);
    if (marking()) this.#cycleGoal = goal();
    if (!ended && started() === this.#started && now < this.#next) return;
    this.#started = started();
    this.#marked = marked();
    this.#next = now + SAMPLE_MS;
    if (ended) this.#add(now, peak(), true);
    this.#add(now, heapLive(), marking());
  }

  #add(now: number, live: number, marking: boolean): void {
    this.seconds.push(Math.round(now) / 1000);
    this.live.push(Math.round((live / MIB) * 10) / 10);
    this.goal.push(Math.round((this.#gauge.nextGoal() / MIB) * 10) / 10);
    this.marking.push(marking ? 1 : 0);
  }
}

const task = taskOf<PacingTask>();
const heap = createHeap({
  maxBytes: BYTES,
  gcPercent: task.percent,
  ...(task.limit > 0 && { memoryLimit: task.limit * MIB }),
});
const recorder = new Recorder(gaugeOf(heap));
replaceAll(heap, task, () => recorder.look());
const { ratios, series } = recorder;
const peak = medianOf(ratios);
answer({ peak, lowest: Math.min(...ratios), highest: Math.max(...ratios), cycles: ratios.length, series });

function replaceAll(heap: Heap, { live, turns }: PacingTask, look: () => void): void {
  const { raw } = heap;
  const type = liveType(heap);
  const pointer = raw.type({ name: 'pointer', size: 4, pointers: [0] });
  const most = Math.floor((Math.max(...live) * MIB) / SLOT_BYTES);
  const table = heap.scope(() => {
    const made = raw.newarray(pointer, most);
    raw.pin(made);
    return made;
  });
  const inScopes = (from: number, to: number, fn: (slot: number) => void): void => {
    for (let at = from; at < to; at += PER_SCOPE) {
      heap.scope(() => {
        for (let i = at; i < Math.min(to, at + PER_SCOPE); i++) fn(table + 4 * i);
      });
      look();
    }
  };
  for (const mib of live) {
    const n = Math.floor((mib * MIB) / SLOT_BYTES);
    inScopes(n, most, (slot) => raw.writePointer(slot, 0));
    for (let turn = 0; turn <= turns; turn++) {
      inScopes(0, n, (slot) => raw.writePointer(slot, raw.newobject(type)));
    }
  }
}
