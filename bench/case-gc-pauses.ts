// The longest stops of a thread while a large heap is collected, cycle by cycle.
import { GCProfiler } from 'node:v8';
import { createHeap } from '../src/index.ts';
import { gaugeOf } from './gc/gauge.ts';
import { buildJsLive, buildLive, JsLive, LINK, liveType } from './gc/live.ts';
import { type Gaps, Mutator } from './gc/mutator.ts';
import { answer, medianOf, taskOf } from './measure.ts';

export interface PausesTask {
  readonly form: 'spanheap' | 'objects';
  /** Of these some have a link to one more object, which the mutator replaces. */
  readonly nodes: number;
  readonly slots: number;
  readonly percent: number;
  readonly cycles: number;
}

const BYTES = 3 * 2 ** 30;
const QUIET_MS = 500;
/** V8 decides itself when to collect; what it has not done by then is not waited for. */
const OBJECTS_MS = 15_000;
const FORCED = 3;
const US_PER_MS = 1000;
const NS_PER_MS = 1e6;

const task = taskOf<PausesTask>();
answer(task.form === 'objects' ? ofObjects(task) : ofHeap(task));

function summary(gaps: readonly Gaps[], stops: readonly number[]): object {
  const own = gaps.map((g) => g.own);
  return {
    gapMs: medianOf(own),
    worstGapMs: Math.max(...own),
    clockGapMs: medianOf(gaps.map((g) => g.clock)),
    stopMs: medianOf(stops),
    worstStopMs: Math.max(...stops),
  };
}

function ofHeap({ nodes, slots, percent, cycles }: PausesTask): object {
  const heap = createHeap({ maxBytes: BYTES, gcPercent: -1 });
  const { raw } = heap;
  const few = buildLive(heap, nodes, slots);
  const type = liveType(heap);
  const mutator = new Mutator(
    slots,
    (slot) => raw.writePointer(few[slot]! + LINK, raw.newobject(type)),
    (fn) => heap.scope(fn),
  );
  const { marked } = gaugeOf(heap);
  const cycle = (): Gaps => {
    const before = marked();
    return mutator.run(() => marked() !== before);
  };
  mutator.runFor(QUIET_MS);
  heap.gc();
  const quiet = mutator.runFor(QUIET_MS);
  heap.setGCPercent(percent);
  cycle(); // the pacer's first
  const before = heap.stats().gc.pauses;
  const gaps = Array.from({ length: cycles }, cycle);
  // Each cycle has two stops. All of them are judged, not only the longer one.
  const { pauses, lastPausesNs } = heap.stats().gc;
  const stops = lastPausesNs.slice(before - pauses).map((ns) => ns / NS_PER_MS);
  return { ...summary(gaps, stops), cycles, quietGapMs: quiet.own };
}

function ofObjects({ nodes, slots, cycles }: PausesTask): object {
  const few = buildJsLive(nodes, slots);
  const collect = globalThis.gc;
  if (!collect) throw new Error('needs --expose-gc');
  const mutator = new Mutator(
    slots,
    (slot) => {
      few[slot]!.link = new JsLive();
    },
    (fn) => fn(),
  );
  mutator.runFor(QUIET_MS);
  const forced = Array.from({ length: FORCED }, () => {
    const start = performance.now();
    collect();
    return performance.now() - start;
  });
  const profiler = new GCProfiler();
  profiler.start();
  const gaps = mutator.runFor(OBJECTS_MS);
  const full = profiler.stop().statistics.filter((s) => s.gcType === 'MarkSweepCompact');
  const stops = full.slice(0, cycles).map((s) => s.cost / US_PER_MS);
  const forcedMs = medianOf(forced);
  return { ...summary([gaps], stops.length ? stops : [Number.NaN]), cycles: stops.length, forcedMs };
}
