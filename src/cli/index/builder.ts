/** Makes a heap and has the workers build an index in it; checks it on request. */
import { createHeap, type Heap, type HeapOptions, type HeapStats, SpanheapError } from '../../index.ts';
import { CliError } from '../errors.ts';
import type { CheckResult } from './check.ts';
import { explaining } from './failure.ts';
import { checkProgress, indexProgress } from './progress.ts';
import { SharedIndex } from './shared-index.ts';
import { runWorkers } from './team.ts';
import type { Found, FoundFile } from './walker.ts';

export interface BuildOptions {
  readonly threads: number;
  readonly maxBytes: number;
  readonly check: boolean;
  readonly gc: GcOptions;
  /** The program of a worker, `index-worker.js`. */
  readonly workerUrl: URL;
}

export type GcOptions = Required<Pick<HeapOptions, 'gc' | 'gcPercent' | 'memoryLimit'>> & { readonly gctrace: boolean };

/** An index and what is needed to work on it. */
export interface Site {
  readonly heap: Heap;
  readonly index: SharedIndex;
  readonly found: Found;
  readonly options: BuildOptions;
}

/** What the workers did with the documents that were planned. */
export interface Indexed {
  /** From the first file to the last, the start of the workers included. */
  readonly seconds: number;
  readonly files: number;
  readonly bytes: number;
  readonly longWords: number;
  readonly postings: number;
}

export interface Built extends Site {
  readonly indexed: Indexed;
  /** When the index was complete. */
  readonly stats: HeapStats;
  readonly check: CheckResult | null;
}

/** Builds the index of `found`. Throws CliError: out of memory, a worker that died, Ctrl-C. */
export async function buildIndex(found: Found, options: BuildOptions): Promise<Built> {
  const heap = openHeap(options);
  // The worker that checks has a state too, behind those of the others.
  const index = explaining(() => SharedIndex.create(heap, found.files, options.threads + 1));
  const site = { heap, index, found, options };
  const indexed = await indexPlanned(site, found.files, () => {});
  const stats = heap.stats();
  const check = options.check ? await checkSite(site) : null;
  return { ...site, indexed, stats, check };
}

function openHeap({ maxBytes, threads, gc }: BuildOptions): Heap {
  try {
    // This thread, the workers, and the one that checks, should it start before the heap has seen a worker off.
    return createHeap({ maxBytes, maxThreads: threads + 2, ...gc });
  } catch (error) {
    if (error instanceof SpanheapError)
      throw new CliError(`cannot create a heap of ${maxBytes} bytes: ${error.message}`);
    throw error;
  }
}

/** Has the workers index the documents that `SharedIndex.plan` planned: those of `files`. `onTick`: now and then. */
export async function indexPlanned(site: Site, files: readonly FoundFile[], onTick: () => void): Promise<Indexed> {
  const { heap, index, options } = site;
  const { threads, workerUrl } = options;
  const start = performance.now();
  const states = () => Array.from({ length: threads }, (_, worker) => index.progress(worker));
  const progress = indexProgress(files, threads, states, options.gc.gctrace);
  const tick = (): void => {
    progress.update();
    onTick();
  };
  try {
    const jobs = Array.from({ length: threads }, (_, worker) => ({ job: 'build' as const, worker }));
    await runWorkers({ heap, index, workerUrl, onTick: tick }, jobs);
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - start) / 1000;
  const done = { files: 0, bytes: 0, longWords: 0, postings: 0 };
  for (const state of states()) {
    done.files += state.files;
    done.bytes += state.bytes;
    done.longWords += state.longWords;
    done.postings += state.postings;
  }
  return { seconds, ...done };
}

/** Compares the index with a plain one of the documents that are in it. */
export async function checkSite({ heap, index, found, options }: Site): Promise<CheckResult> {
  const { threads, workerUrl } = options;
  const files = found.files.filter((_, number) => !index.isDropped(number));
  const progress = checkProgress(files, () => index.progress(threads), options.gc.gctrace);
  try {
    const job = { job: 'check' as const, worker: threads };
    const [message] = await runWorkers({ heap, index, workerUrl, onTick: progress.update }, [job]);
    if (message.kind !== 'checked') throw new Error(`a check ended with ${message.kind}`);
    return message.result;
  } finally {
    progress.stop();
  }
}
