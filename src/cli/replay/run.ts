/**
 * Replays one recording against a heap of its own: on this thread, or on workers that share the heap. What comes back is
 * raw: samples, mistakes, final counters; `outcome.ts` makes figures of it.
 */
import { createHeap, type Heap, SpanheapError } from '../../index.ts';
import { CliError } from '../errors.ts';
import { interruptible } from '../signals.ts';
import { ContentChecks } from './checks.ts';
import { createControl, now, PAUSED, STARTED_AT } from './control.ts';
import { asFailure, explainFailure, LaneError, verifyHeap } from './failure.ts';
import { Findings } from './findings.ts';
import type { HeapStats } from './heap.ts';
import { Lane, type LaneInput, laneInput } from './lane.ts';
import { type Plan, planReplay } from './plan.ts';
import { NEVER, type Recording } from './recording.ts';
import { SampleLog } from './samples.ts';
import { replayOnWorkers } from './workers.ts';

export interface ReplayOptions {
  readonly threads: number;
  readonly maxBytes: number;
  readonly sizeClasses: 'go1.14' | 'go1.16';
  readonly verify: boolean;
  /** The program that replays one lane, `replay-worker.js`. */
  readonly workerUrl: URL;
  /** Told the number of events done, now and then. */
  readonly onProgress: (events: number) => void;
  /** Called with the heap when all is replayed. */
  readonly onEnd?: (heap: Heap) => unknown;
}

export interface ReplayRun {
  readonly plan: Plan;
  readonly findings: Findings;
  readonly finalStats: HeapStats;
  /** Live objects whose content was checked at the end. */
  readonly survivors: number;
  /** What `heap.verify()` found wrong, or null; only looked for with `verify`. */
  readonly brokenInvariant: string | null;
}

export async function replayRecording(recording: Recording, options: ReplayOptions): Promise<ReplayRun> {
  const plan = planReplay(recording, options.threads, options.maxBytes);
  const input = laneInput(recording, plan, createControl(plan.lanes), options.verify);
  const heap = openHeap(options);
  const findings = new Findings(new SampleLog(), new ContentChecks(heap.memory));
  try {
    if (plan.lanes === 1) await interruptible((check) => replayHere(heap, input, findings, options.onProgress, check));
    else await replayOnWorkers(heap, input, findings, options);
  } catch (error) {
    throw error instanceof LaneError ? explainFailure(error.failure, recording, heap) : error;
  }
  const finalStats = heap.stats();
  options.onEnd?.(heap);
  return {
    plan,
    findings,
    finalStats,
    survivors: options.verify ? checkSurvivors(recording, input, findings.checks) : 0,
    brokenInvariant: options.verify ? verifyHeap(heap) : null,
  };
}

function openHeap(options: ReplayOptions): Heap {
  const { maxBytes, sizeClasses, threads } = options;
  try {
    // One more than the workers: this thread is attached too, to verify and to see dead workers off.
    return createHeap({ gc: 'off', maxBytes, sizeClasses, maxThreads: threads === 1 ? 1 : threads + 1 });
  } catch (error) {
    if (error instanceof SpanheapError)
      throw new CliError(`cannot create a heap of ${maxBytes} bytes: ${error.message}`);
    throw error;
  }
}

/** One lane, on this thread, from stop to stop; between them a breath for the terminal and for signals. */
async function replayHere(
  heap: Heap,
  input: LaneInput,
  findings: Findings,
  onProgress: ReplayOptions['onProgress'],
  checkSignals: () => void,
): Promise<void> {
  const { control, plan } = input;
  const lane = new Lane(heap, input, 0);
  control.times[STARTED_AT] = now();
  for (let stop = 0; stop < plan.stops.length; stop++) {
    try {
      lane.runTo(stop);
    } catch (error) {
      throw new LaneError(asFailure(error, lane.event));
    }
    const pause = now();
    onProgress(plan.stops[stop]);
    await new Promise(setImmediate);
    checkSignals();
    control.times[PAUSED] += now() - pause;
  }
  findings.add(lane.findings());
}

/** The last look at what nobody freed. Returns how many objects that were. */
function checkSurvivors(recording: Recording, input: LaneInput, checks: ContentChecks): number {
  const { died, sizes } = recording;
  let survivors = 0;
  for (let object = 0; object < recording.objects; object++) {
    if (died[object] !== NEVER) continue;
    checks.expectPattern(input.addresses[object], sizes[object], object);
    survivors++;
  }
  return survivors;
}
