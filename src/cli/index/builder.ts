/** Makes a heap and has the workers build an index in it; checks it on request. */
import { createHeap, type Heap, type HeapStats, SpanheapError } from '../../index.ts';
import { CliError } from '../errors.ts';
import type { CheckResult } from './check.ts';
import { explaining } from './failure.ts';
import { checkProgress, indexProgress } from './progress.ts';
import { SharedIndex } from './shared-index.ts';
import { runWorkers } from './team.ts';
import type { Found } from './walker.ts';

export interface BuildOptions {
  readonly threads: number;
  readonly maxBytes: number;
  readonly check: boolean;
  /** The program of a worker, `index-worker.js`. */
  readonly workerUrl: URL;
}

export interface Built {
  readonly heap: Heap;
  readonly index: SharedIndex;
  /** From the first file to the last, the start of the workers included. */
  readonly seconds: number;
  readonly longWords: number;
  /** When the index was complete. */
  readonly stats: HeapStats;
  readonly check: CheckResult | null;
}

/** Builds the index of `found`. Throws CliError: out of memory, a worker that died, Ctrl-C. */
export async function buildIndex(found: Found, options: BuildOptions): Promise<Built> {
  const { threads, workerUrl } = options;
  const heap = openHeap(options);
  const start = performance.now();
  // The worker that checks has a state too, behind those of the others.
  const index = explaining(() => SharedIndex.create(heap, found.files, threads + 1));
  const progress = indexProgress(found.files, threads, (worker) => index.progress(worker));
  try {
    const jobs = Array.from({ length: threads }, (_, worker) => ({ job: 'build' as const, worker }));
    await runWorkers({ heap, index, workerUrl, onTick: progress.update }, jobs);
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - start) / 1000;
  const stats = heap.stats();
  let longWords = 0;
  for (let worker = 0; worker < threads; worker++) longWords += index.progress(worker).longWords;
  const check = options.check ? await checked(heap, index, found, options) : null;
  return { heap, index, seconds, longWords, stats, check };
}

function openHeap({ maxBytes, threads }: BuildOptions): Heap {
  try {
    // This thread, the workers, and the one that checks, should it start before the heap has seen a worker off.
    return createHeap({ maxBytes, maxThreads: threads + 2 });
  } catch (error) {
    if (error instanceof SpanheapError)
      throw new CliError(`cannot create a heap of ${maxBytes} bytes: ${error.message}`);
    throw error;
  }
}

async function checked(heap: Heap, index: SharedIndex, found: Found, options: BuildOptions): Promise<CheckResult> {
  const { threads, workerUrl } = options;
  const progress = checkProgress(found.files, () => index.progress(threads));
  try {
    const job = { job: 'check' as const, worker: threads };
    const [message] = await runWorkers({ heap, index, workerUrl, onTick: progress.update }, [job]);
    if (message.kind !== 'checked') throw new Error(`a check ended with ${message.kind}`);
    return message.result;
  } finally {
    progress.stop();
  }
}
