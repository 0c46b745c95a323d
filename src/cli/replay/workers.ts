/** A replay on workers: starts them, waits for their findings, and makes one error of whatever goes wrong in any. */
import { Worker } from 'node:worker_threads';
import type { Heap } from '../../index.ts';
import { interruptible } from '../signals.ts';
import { type Control, GO, now, positionWord, STARTED_AT, setFailed } from './control.ts';
import { asFailure, LaneError, type LaneFailure } from './failure.ts';
import type { Findings, LaneFindings } from './findings.ts';
import type { LaneInput } from './lane.ts';
import type { LaneWorkerData } from './replay-worker.ts';

/** What a worker says: that it is attached, how it ended, that another'''s failure stopped it, or its own. */
export type LaneMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly findings: LaneFindings }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly failure: LaneFailure };

interface WorkerOptions {
  readonly workerUrl: URL;
  readonly onProgress: (events: number) => void;
}

const PROGRESS_MS = 100;

export async function replayOnWorkers(
  heap: Heap,
  input: LaneInput,
  findings: Findings,
  options: WorkerOptions,
): Promise<void> {
  const { control, plan } = input;
  const shared = heap.share();
  const failures: LaneFailure[] = [];
  const onFailure = (failure: LaneFailure): void => {
    setFailed(control);
    failures.push(failure);
  };
  let starting = plan.lanes;
  const onMessage = (message: LaneMessage): void => {
    if (message.kind === 'failed') onFailure(message.failure);
    else if (message.kind === 'done') findings.add(message.findings);
    else if (message.kind === 'ready' && --starting === 0) start(control);
  };
  const ends: Promise<void>[] = [];
  for (let lane = 0; lane < plan.lanes; lane++) {
    const workerData: LaneWorkerData = { shared, input, lane };
    const worker = new Worker(options.workerUrl, { workerData, name: `spanheap lane ${lane}` });
    heap.watch(worker);
    ends.push(ended(worker, onMessage, onFailure));
  }
  const timer = setInterval(() => options.onProgress(eventsDone(input)), PROGRESS_MS);
  const all = interruptible(
    () => Promise.all(ends),
    () => setFailed(control),
  );
  await all.finally(() => clearInterval(timer));
  if (failures.length > 0) throw new LaneError(failures[0]);
  options.onProgress(plan.order.length);
}

/** Resolves when the worker is gone, after all it had to say was heard. */
function ended(
  worker: Worker,
  onMessage: (message: LaneMessage) => void,
  onFailure: (failure: LaneFailure) => void,
): Promise<void> {
  return new Promise((resolve) => {
    let finished = false;
    worker.on('message', (message: LaneMessage) => {
      if (message.kind !== 'ready') finished = true;
      onMessage(message);
    });
    worker.on('error', (error) => {
      finished = true;
      onFailure(asFailure(error, -1));
    });
    worker.on('exit', (code) => {
      if (!finished)
        onFailure({ event: -1, code: '', message: `a worker ended early, with exit code ${code}`, stack: '' });
      resolve();
    });
  });
}

function start(control: Control): void {
  control.times[STARTED_AT] = now();
  Atomics.store(control.words, GO, 1);
  Atomics.notify(control.words, GO);
}

/** The slowest lane's position; the others are not far ahead. */
function eventsDone(input: LaneInput): number {
  const { control, plan } = input;
  let slowest = plan.order.length;
  for (let lane = 0; lane < plan.lanes; lane++) {
    slowest = Math.min(slowest, Atomics.load(control.words, positionWord(lane)));
  }
  return slowest;
}
