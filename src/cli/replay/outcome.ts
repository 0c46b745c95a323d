/**
 * The figures of a replay, made of what the lanes found: this is what `--json` writes and what the report and the page
 * show. All sizes in bytes.
 *
 * The breakdown takes the sample with the highest heap apart. Every byte is in exactly one part:
 *
 *   live         what the program asked for
 *   rounding     + the rest of the slots that live objects are in (size classes, whole pages of large objects)
 *   freeSlots    + slots that no object is in
 *   tails        + ends of spans, too short for a slot
 *   heap         = pages of spans in use
 *   freePages    + pages that the heap has grown to and no span uses
 *   metadata     + the allocator's own records
 *   total        = everything
 */

import type { Mistake } from './checks.ts';
import type { HeapStats } from './heap.ts';
import { type Distribution, isLiveAfter } from './plan.ts';
import { objectName, type Recording } from './recording.ts';
import type { ReplayOptions, ReplayRun } from './run.ts';
import type { PeakSample } from './samples.ts';

export interface Breakdown {
  /** Events done when the sample was taken. */
  readonly event: number;
  readonly liveBytes: number;
  readonly roundingBytes: number;
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
  readonly peakLiveBytes: number;
  readonly peakHeapBytes: number;
  readonly metadataBytes: number;
  /** peakHeapBytes / peakLiveBytes; null when nothing but empty objects was ever live. */
  readonly fragmentation: number | null;
  readonly errors: number;
  /** The first errors, in words. */
  readonly mistakes: readonly string[];
  /** Objects alive at the end whose content was checked. */
  readonly survivorsChecked: number;
  readonly breakdown: Breakdown;
  readonly classes: readonly ClassOutcome[];
  readonly curves: Curves;
}

export function outcomeOf(recording: Recording, options: ReplayOptions, run: ReplayRun): ReplayOutcome {
  const { plan, findings, finalStats, brokenInvariant } = run;
  const { log, checks, peakLiveBytes, seconds } = findings;
  const peak = log.peak;
  if (peak === null) throw new Error('a replay without a sample');
  const peakHeapBytes = Math.max(finalStats.peakHeapBytes, peak.heapBytes);
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
    breakdown: breakdownOf(peak, plan.stops[peak.stop]),
    classes: classesOf(recording, run, peak),
    curves: {
      events: log.samples.map((s) => plan.stops[s.stop]),
      seconds: log.samples.map((s) => s.seconds),
      liveBytes: log.samples.map((s) => s.liveBytes),
      heapBytes: log.samples.map((s) => s.heapBytes),
      releasedBytes: log.samples.map((s) => s.releasedBytes),
    },
  };
}

function breakdownOf(peak: PeakSample, event: number): Breakdown {
  const { stats, liveBytes } = peak;
  const heapBytes = stats.heapInUseBytes;
  return {
    event,
    liveBytes,
    roundingBytes: stats.liveBytes - liveBytes,
    freeSlotBytes: stats.freeSlotBytes,
    tailBytes: stats.tailBytes,
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
  liveBytes = 0;
}

function classesOf(recording: Recording, run: ReplayRun, peak: PeakSample): ClassOutcome[] {
  const classes = new Map<number, ClassOutcome>();
  const demand = demandBySlot(recording, run, run.plan.stops[peak.stop]);
  for (const { sizeClass, size } of run.finalStats.classes) {
    if (classes.has(sizeClass)) continue;
    const asked = demand.get(sizeClass === 0 ? 0 : size) ?? new Demand();
    const outcome = classOutcome(sizeClass, size, asked, peak.stats);
    if (outcome.allocations > 0 || outcome.spanBytes > 0) classes.set(sizeClass, outcome);
  }
  return [...classes.values()].sort((a, b) => a.sizeClass - b.sizeClass);
}

/** Joins the two span classes (with and without pointers) of a size class. */
function classOutcome(sizeClass: number, size: number, asked: Demand, stats: HeapStats): ClassOutcome {
  const spanClasses = stats.classes.filter((c) => c.sizeClass === sizeClass);
  const sum = (field: 'spans' | 'spanBytes' | 'objects' | 'liveBytes' | 'freeSlotBytes' | 'tailBytes'): number =>
    spanClasses.reduce((total, c) => total + c[field], 0);
  return {
    sizeClass,
    size: sizeClass === 0 ? 0 : size,
    allocations: asked.allocations,
    allocatedBytes: asked.allocatedBytes,
    spans: sum('spans'),
    spanBytes: sum('spanBytes'),
    objects: sum('objects'),
    liveBytes: asked.liveBytes,
    roundingBytes: sum('liveBytes') - asked.liveBytes,
    freeSlotBytes: sum('freeSlotBytes'),
    tailBytes: sum('tailBytes'),
  };
}

/** Demand by slot size (0: large objects), with what was live after `events` events. */
function demandBySlot(recording: Recording, run: ReplayRun, events: number): Map<number, Demand> {
  const largestSlot = run.finalStats.classes.reduce(
    (most, c) => (c.sizeClass === 0 ? most : Math.max(most, c.size)),
    0,
  );
  const slots = new Map<number, number>();
  const demand = new Map<number, Demand>();
  for (let object = 0; object < recording.objects; object++) {
    const size = recording.sizes[object];
    if (size === 0) continue; // takes no slot
    let slot = run.resizedSlots[object];
    if (slot === 0) {
      slot = slots.get(size) ?? run.slotOf(size);
      slots.set(size, slot);
    }
    if (slot > largestSlot) slot = 0;
    let asked = demand.get(slot);
    if (asked === undefined) demand.set(slot, (asked = new Demand()));
    asked.allocations++;
    asked.allocatedBytes += size;
    if (isLiveAfter(recording, object, events)) asked.liveBytes += size;
  }
  return demand;
}
