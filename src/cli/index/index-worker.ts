/**
 * A worker of `spanheap index`: attaches to the heap, does its part of the work, says how it ended, detaches. Started
 * by `team.ts`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../index.ts';
import { type CheckResult, checkIndex } from './check.ts';
import { type DropResult, dropMentions } from './drop-documents.ts';
import { asFailure, type Failure } from './failure.ts';
import { indexDocuments } from './index-documents.ts';
import { SharedIndex, Stopped } from './shared-index.ts';

export interface WorkerInput {
  readonly shared: SharedHeap;
  readonly job: 'build' | 'check' | 'drop';
  /** Which of `workers` that do the same: where in the index it notes how far it is. */
  readonly worker: number;
  readonly workers: number;
}

export type WorkerMessage =
  | { readonly kind: 'built' }
  | { readonly kind: 'checked'; readonly result: CheckResult }
  | { readonly kind: 'dropped'; readonly result: DropResult }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly failure: Failure };

function check(index: SharedIndex, worker: number): CheckResult {
  const done = { files: 0, bytes: 0, longWords: 0, postings: 0 };
  return checkIndex(index, (bytes) => {
    index.checkStop();
    done.files++;
    done.bytes += bytes;
    index.noteProgress(worker, done);
  });
}

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

function work({ shared, job, worker, workers }: WorkerInput): void {
  const heap = attachHeap(shared);
  try {
    const index = SharedIndex.open(heap);
    if (job === 'check') {
      say({ kind: 'checked', result: check(index, worker) });
    } else if (job === 'drop') {
      say({ kind: 'dropped', result: dropMentions(index, worker, workers) });
    } else {
      indexDocuments(index, worker);
      say({ kind: 'built' });
    }
  } catch (error) {
    say(error instanceof Stopped ? { kind: 'stopped' } : { kind: 'failed', failure: asFailure(error) });
  } finally {
    heap.detach();
  }
}

work(workerData as WorkerInput);
