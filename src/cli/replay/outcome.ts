/**
 * The figures of a replay, made of what the lanes found: this is what `--json` writes and what the report and the page
 * show. All sizes in bytes.
 *
 * The breakdown takes the sample with the highest heap apart. Every byte is in exactly one part:
 *
 *   live         what the program asked for
 *   rounding     + the rest of the slots that live objects are in
 *   deferred     + slots of objects that another thread freed, and that their span's owner has not taken back yet
 *   freeSlots    + slots that no object is in
 *   tails        + ends of spans, too short for a slot, and of the last pages of large objects
 *   heap         = pages of spans in use
 *   freePages    + pages that the heap has grown to and no span uses
 *   metadata     + the allocator's own records
 *   total        = everything
 */
import { goSizeClasses, type SizeClassTable } from '../../index.ts';
import type { Mistake } from './checks.ts';
import type { HeapStats } from './heap.ts';
import { type Distribution, isLiveAfter } from './plan.ts';
import { objectName, type Recording } from './recording.ts';
import type { ReplayOptions, ReplayRun } from './run.ts';
import type { PeakSample } from './samples.ts';

/** Slot that objects below this size share. */
const TINY_BLOCK = 16;

export interface Breakdown {
  /** Events done when the sample was taken. */
  readonly event: number;
  readonly liveBytes: number;
  readonly roundingBytes: number;
  readonly deferredBytes: number;
  readonly freeSlotBytes: number;
  readonly tailBytes: number;
  readonly heapBytes: number;
  readonly freePageBytes: number;
  readonly metadataBytes: number;
  readonly totalBytes: number;
}

/** One size class; the figures behind `allocatedBytes` are those at the sample with the highest heap. */
export interface ClassOutcome {
  /** 0: larger than the largest class. */
  readonly sizeClass: number;
  /** Slot size; 0 for large objects, which have their own. */
  readonly size: number;
  /** Over the whole replay, resizes included. */
  readonly allocations: number;
  readonly allocatedBytes: number;
  readonly spans: number;
  readonly spanBytes: number;
  readonly objects: number;
  /** What the program asked for. */
  readonly liveBytes: number;
  readonly roundingBytes: number;
  readonly deferredBytes: number;
  readonly freeSlotBytes: number;
  readonly tailBytes: number;
}

/** One column per curve, one row per sample. */
export interface Curves {
  readonly events: number[];
  readonly seconds: number[];
  readonly liveBytes: number[];
  readonly heapBytes: number[];
  readonly releasedBytes: number[];
}

export interface ReplayOutcome {
  readonly file: string;
  readonly format: Recording['format'];
  readonly sizeClasses: ReplayOptions['sizeClasses'];
  readonly maxBytes: number;
  readonly verified: boolean;
  readonly events: number;
  readonly objects: number;
  readonly recordedThreads: number;
  readonly threads: number;
  readonly distribution: Distribution;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** The recording's own, in its order, on however many threads it was replayed. */
  readonly peakLiveBytes: number;
  readonly peakHeapBytes: number;
  readonly metadataBytes: number;
  /** peakHeapBytes / peakLiveBytes; null when nothing but empty objects was ever live. */
  readonly fragmentation: number | null;
  /** What the checks found, and 1 more if the heap is damaged. 0 unless `verified`: then nothing is checked. */
  readonly errors: number;
  /** The first errors, in words. */
  readonly mistakes: readonly string[];
  /** Objects alive at the end whose content was checked; 0 unless `verified`. */
  readonly survivorsChecked: number;
  readonly breakdown: Breakdown;
  /** Allocations of 0 bytes, which take no slot: with those of all classes, all there are. */
  readonly zeroSizeAllocations: number;
  readonly classes: readonly ClassOutcome[];
  readonly curves: Curves;
}

export function outcomeOf(recording: Recording, options: ReplayOptions, run: ReplayRun): ReplayOutcome {
  const { plan, findings, finalStats, brokenInvariant } = run;
  const { log, checks, seconds } = findings;
  const { peakLiveBytes } = recording;
  const peak = log.peak;
  if (peak === null) throw new Error('a replay without a sample');
  const peakHeapBytes = Math.max(finalStats.peakHeapBytes, peak.heapBytes);
  const event = plan.stops[peak.stop];
  const classes = classesOf(recording, goSizeClasses(options.sizeClasses), event, peak.stats);
  const mistakes = checks.mistakes.map((mistake) => describeMistake(recording, mistake));
  if (brokenInvariant !== null) mistakes.push(`the heap is damaged: ${brokenInvariant}`);
  return {
    file: recording.file,
    format: recording.format,
    sizeClasses: options.sizeClasses,
    maxBytes: options.maxBytes,
    verified: options.verify,
    events: recording.events,
    objects: recording.objects,
    recordedThreads: recording.threadIds.length,
    threads: plan.lanes,
    distribution: plan.distribution,
    seconds,
    eventsPerSecond: recording.events / seconds,
    peakLiveBytes,
    peakHeapBytes,
    metadataBytes: peak.stats.metadataBytes,
    fragmentation: peakLiveBytes === 0 ? null : peakHeapBytes / peakLiveBytes,
    errors: checks.errors + (brokenInvariant === null ? 0 : 1),
    mistakes,
    survivorsChecked: run.survivors,
    breakdown: breakdownOf(peak, event, classes),
    zeroSizeAllocations: recording.sizes.reduce((sum, size) => sum + (size === 0 ? 1 : 0), 0),
    classes,
    curves: {
      events: log.samples.map((s) => plan.stops[s.stop]),
      seconds: log.samples.map((s) => s.seconds),
      liveBytes: log.samples.map((s) => s.liveBytes),
      heapBytes: log.samples.map((s) => s.heapBytes),
      releasedBytes: log.samples.map((s) => s.releasedBytes),
    },
  };
}

/** The parts inside the heap are the sums of the classes'. */
function breakdownOf(peak: PeakSample, event: number, classes: readonly ClassOutcome[]): Breakdown {
  const { stats } = peak;
  const sum = (part: (c: ClassOutcome) => number): number => classes.reduce((total, c) => total + part(c), 0);
  const heapBytes = stats.heapInUseBytes;
  return {
    event,
    liveBytes: sum((c) => c.liveBytes),
    roundingBytes: sum((c) => c.roundingBytes),
    deferredBytes: sum((c) => c.deferredBytes),
    freeSlotBytes: sum((c) => c.freeSlotBytes),
    tailBytes: sum((c) => c.tailBytes),
    heapBytes,
    freePageBytes: stats.freePageBytes,
    metadataBytes: stats.metadataBytes,
    totalBytes: heapBytes + stats.freePageBytes + stats.metadataBytes,
  };
}

function describeMistake(recording: Recording, { kind, object, address, offset }: Mistake): string {
  const where = `object ${objectName(recording, object)} at 0x${address.toString(16)}, byte ${offset}`;
  if (kind === 'not-zero') return `${where}: not zero after calloc`;
  if (kind === 'changed') return `${where}: changed while the object was live`;
  return `${where}: lost by a resize`;
}

/** What the recording asked of one size class. */
class Demand {
  allocations = 0;
  allocatedBytes = 0;
  /** Of objects live at the peak: what was asked for, and their slots. */
  liveBytes = 0;
  slotBytes = 0;
}

function classesOf(recording: Recording, table: SizeClassTable, event: number, stats: HeapStats): ClassOutcome[] {
  const demand = demandByClass(recording, table, event);
  const outcomes: ClassOutcome[] = [];
  for (let sizeClass = 0; sizeClass < table.count; sizeClass++) {
    const outcome = classOutcome(sizeClass, table, demand[sizeClass], stats);
    if (outcome.allocations > 0 || outcome.spanBytes > 0) outcomes.push(outcome);
  }
  return outcomes;
}

function classOutcome(sizeClass: number, table: SizeClassTable, asked: Demand, stats: HeapStats): ClassOutcome {
  // Two span classes, with and without pointers, share a size class.
  const spanClasses = stats.classes.filter((c) => c.sizeClass === sizeClass);
  const sum = (field: 'spans' | 'spanBytes' | 'objects' | 'liveBytes' | 'freeSlotBytes' | 'tailBytes'): number =>
    spanClasses.reduce((total, c) => total + c[field], 0);
  // Large objects are given back at once, and how many tiny blocks the live tiny objects are in only the heap knows.
  const isExact = sizeClass !== 0 && sizeClass !== table.classOf(TINY_BLOCK);
  const deferredBytes = isExact ? sum('liveBytes') - asked.slotBytes : 0;
  return {
    sizeClass,
    size: table.size[sizeClass],
    allocations: asked.allocations,
    allocatedBytes: asked.allocatedBytes,
    spans: sum('spans'),
    spanBytes: sum('spanBytes'),
    objects: sum('objects'),
    liveBytes: asked.liveBytes,
    roundingBytes: sum('liveBytes') - deferredBytes - asked.liveBytes,
    deferredBytes,
    freeSlotBytes: sum('freeSlotBytes'),
    tailBytes: sum('tailBytes'),
  };
}

/** Demand by size class (0: large objects), with what was live after `events` events. */
function demandByClass(recording: Recording, table: SizeClassTable, events: number): Demand[] {
  const demand = Array.from({ length: table.count }, () => new Demand());
  const largest = table.size[table.count - 1];
  for (let object = 0; object < recording.objects; object++) {
    const size = recording.sizes[object];
    if (size === 0) continue; // takes no slot
    // Objects below 16 bytes without pointers are packed into blocks of 16 (Go's tiny allocator).
    const sizeClass = size > largest ? 0 : table.classOf(Math.max(size, TINY_BLOCK));
    const asked = demand[sizeClass];
    asked.allocations++;
    asked.allocatedBytes += size;
    if (!isLiveAfter(recording, object, events)) continue;
    asked.liveBytes += size;
    asked.slotBytes += table.size[sizeClass];
  }
  return demand;
}
