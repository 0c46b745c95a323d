/**
 * The workers of one index: starts them, waits until all have ended, and makes one error of whatever goes wrong in any.
 * When one fails, or Ctrl-C comes, the others are asked to stop through the index, and looked after until they have.
 */
import { Worker } from 'node:worker_threads';
import type { Heap } from '../../index.ts';
import { interruptible } from '../signals.ts';
import { asFailure, earlyEnd, explain, type Failure } from './failure.ts';
import type { WorkerInput, WorkerMessage } from './index-worker.ts';
import type { SharedIndex } from './shared-index.ts';

export interface Team {
  readonly heap: Heap;
  readonly index: SharedIndex;
  /** The program of a worker, `index-worker.js`. */
  readonly workerUrl: URL;
  /** Called now and then while they work. */
  readonly onTick: () => void;
}

export type Job = Pick<WorkerInput, 'job' | 'worker'>;

const TICK_MS = 100;

/** Runs one worker for each job. Resolves to what each said last; throws CliError when one failed or a signal came. */
export async function runWorkers(team: Team, jobs: readonly Job[]): Promise<WorkerMessage[]> {
  const { heap, index } = team;
  const shared = heap.share();
  const failures: Failure[] = [];
  const onFailure = (failure: Failure): void => {
    failures.push(failure);
    index.stop();
  };
  const workers = jobs.map((job) => startWorker(team, { ...job, shared, workers: jobs.length }, onFailure));
  const timer = setInterval(team.onTick, TICK_MS);
  try {
    const messages = await interruptible(
      () => Promise.all(workers),
      () => index.stop(),
    );
    if (failures.length > 0) throw explain(failures[0]);
    return messages;
  } finally {
    clearInterval(timer);
    team.onTick();
  }
}

/** Resolves when the worker is gone. */
function startWorker(
  { heap, workerUrl }: Team,
  input: WorkerInput,
  onFailure: (failure: Failure) => void,
): Promise<WorkerMessage> {
  const worker = new Worker(workerUrl, { workerData: input, name: `spanheap ${input.job} ${input.worker}` });
  heap.watch(worker);
  return new Promise((resolve) => {
    let last: WorkerMessage | undefined;
    const fail = (failure: Failure): void => {
      last = { kind: 'failed', failure };
      onFailure(failure);
    };
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'failed') fail(message.failure);
      else last = message;
    });
    worker.on('error', (error) => fail(asFailure(error)));
    worker.on('exit', (code) => {
      if (last === undefined) fail(earlyEnd(code));
      resolve(last as WorkerMessage);
    });
  });
}
