/**
 * `--drop`: takes some of the documents out of the index, has the collector free what was theirs, and indexes them again in
 * the same heap. What that shows: nobody frees anything by hand, and the heap does not grow beyond its goal.
 */
import type { Heap, HeapStats } from '../../index.ts';
import { checkSite, type Indexed, indexPlanned, type Site } from './builder.ts';
import type { CheckResult } from './check.ts';
import type { DropResult } from './drop-documents.ts';
import { explaining } from './failure.ts';
import { type Cycle, CycleLog } from './gc-figures.ts';
import { runWorkers } from './team.ts';

/** Sizes of the heap at one moment, in bytes. */
export interface HeapFigures {
  /** Objects, and how many. */
  readonly liveBytes: number;
  readonly objects: number;
  /** Spans in use. */
  readonly heapBytes: number;
}

export interface Collection {
  /** Time of `heap.gc()`, sweep included; of marking; of sweeping, by all threads together. */
  readonly seconds: number;
  readonly markSeconds: number;
  readonly sweepSeconds: number;
  readonly before: HeapFigures;
  readonly after: HeapFigures;
  readonly freedBytes: number;
  readonly freedObjects: number;
  readonly markedBytes: number;
  /** Stops of the world in seconds. */
  readonly stops: readonly number[];
}

export interface Again {
  readonly seconds: number;
  readonly files: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly postings: number;
  /** Cycles that ended meanwhile, at most 64 of them. */
  readonly cycles: readonly Cycle[];
  /** Whether another was under way at the end. */
  readonly isMarking: boolean;
  /** The most live bytes, of all moments at which a cycle ended, and the last, relative to the goal of that moment. */
  readonly peakLiveBytes: number;
  readonly goalBytes: number | null;
  /** Spans in use: before, at most, after. */
  readonly heapBefore: number;
  readonly heapPeak: number;
  readonly heapAfter: number;
}

export interface Recycled {
  readonly percent: number;
  /** Documents that were dropped, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Words that were in no other document, and lines. */
  readonly words: number;
  readonly postings: number;
  /** Time of taking them out. */
  readonly seconds: number;
  readonly collection: Collection;
  /** Of what was left. */
  readonly check: CheckResult | null;
  readonly again: Again;
  readonly againCheck: CheckResult | null;
}

/** Drops `percent` of the documents that are in the index, collects, indexes them again. Throws CliError. */
export async function recycle(site: Site, percent: number): Promise<Recycled> {
  const { heap, index, found, options } = site;
  const numbers = chooseDocuments(site, percent);
  const bytes = numbers.reduce((sum, number) => sum + index.documentFacts(number).bytes, 0);
  const start = performance.now();
  explaining(() => index.drop(numbers));
  const dropped = await removeMentions(site);
  const seconds = (performance.now() - start) / 1000;
  const collection = explaining(() => collect(heap));
  const check = options.check ? await checkSite(site) : null;

  explaining(() => index.plan(found.files, numbers));
  const log = new CycleLog(heap);
  const heapBefore = heap.stats().heapInUseBytes;
  const files = numbers.map((number) => found.files[number]);
  const indexed = await indexPlanned(site, files, () => log.look());
  const again = { ...indexedAgain(indexed), heapBefore, ...log.figures() };
  const againCheck = options.check ? await checkSite(site) : null;
  return { percent, files: numbers.length, bytes, ...dropped, seconds, collection, check, again, againCheck };
}

function indexedAgain({ seconds, files, bytes, postings }: Indexed): Pick<Again, keyof Indexed & keyof Again> & {
  readonly bytesPerSecond: number;
} {
  return { seconds, files, bytes, bytesPerSecond: seconds === 0 ? 0 : bytes / seconds, postings };
}

/** `percent` of each hundred documents that are in the index, by size: so it is about that share of the text too. */
function chooseDocuments({ index }: Site, percent: number): number[] {
  const all = Array.from({ length: index.documentCount }, (_, number) => ({ number, ...index.documentFacts(number) }));
  const indexed = all.filter(({ problem }) => problem === '').sort((a, b) => a.bytes - b.bytes || a.number - b.number);
  const upTo = (i: number): number => Math.floor((i * percent) / 100);
  return indexed.filter((_, i) => upTo(i + 1) > upTo(i)).map(({ number }) => number);
}

async function removeMentions({ heap, index, options }: Site): Promise<DropResult> {
  const { threads, workerUrl } = options;
  const jobs = Array.from({ length: threads }, (_, worker) => ({ job: 'drop' as const, worker }));
  const messages = await runWorkers({ heap, index, workerUrl, onTick: () => {} }, jobs);
  const removed = { words: 0, postings: 0 };
  for (const message of messages) {
    if (message.kind !== 'dropped') throw new Error(`dropping ended with ${message.kind}`);
    removed.words += message.result.words;
    removed.postings += message.result.postings;
  }
  return removed;
}

/** One whole cycle, and what it did. No worker runs. */
function collect(heap: Heap): Collection {
  const before = heap.stats();
  const start = performance.now();
  heap.gc();
  const seconds = (performance.now() - start) / 1000;
  const after = heap.stats();
  const cycle = after.gc.lastCycles[after.gc.lastCycles.length - 1];
  return {
    seconds,
    markSeconds: cycle.mark / 1e9,
    sweepSeconds: (after.gc.sweepNs - before.gc.sweepNs) / 1e9,
    before: figuresOf(before),
    after: figuresOf(after),
    freedBytes: after.gc.freedBytes - before.gc.freedBytes,
    freedObjects: after.gc.freedObjects - before.gc.freedObjects,
    markedBytes: cycle.heapMarked,
    stops: [cycle.sweepTermination / 1e9, cycle.markTermination / 1e9],
  };
}

function figuresOf({ liveBytes, liveObjects, heapInUseBytes }: HeapStats): HeapFigures {
  return { liveBytes, objects: liveObjects, heapBytes: heapInUseBytes };
}
