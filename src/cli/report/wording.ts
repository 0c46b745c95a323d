/** What the parts of the report are called and mean; the terminal and the page say the same. */
import type { Breakdown, ClassOutcome, ReplayOutcome } from '../replay/outcome.ts';
import { formatCount } from '../sizes.ts';

export interface Part {
  /** Name of its colour on the page; '' for sums. */
  readonly color: string;
  readonly sign: '' | '+' | '=';
  readonly name: string;
  readonly bytes: number;
  readonly meaning: string;
}

/** The breakdown as a sum that is read from top to bottom: live + … = heap, + … = total. */
export function partsOf(breakdown: Breakdown): Part[] {
  const parts: Part[] = [
    {
      color: 'live',
      sign: '',
      name: 'live objects',
      bytes: breakdown.liveBytes,
      meaning: 'what the program asked for',
    },
    {
      color: 'rounding',
      sign: '+',
      name: 'size-class rounding',
      bytes: breakdown.roundingBytes,
      meaning: 'rest of the slots that objects are in',
    },
    {
      color: 'deferred',
      sign: '+',
      name: 'deferred frees',
      bytes: breakdown.deferredBytes,
      meaning: 'freed by another thread than the owner, which takes them back later',
    },
    {
      color: 'free-slots',
      sign: '+',
      name: 'free slots',
      bytes: breakdown.freeSlotBytes,
      meaning: 'slots of spans in use with no object',
    },
    {
      color: 'tails',
      sign: '+',
      name: 'tails',
      bytes: breakdown.tailBytes,
      meaning: 'ends of spans too short for a slot, of last pages of large objects',
    },
    { color: '', sign: '=', name: 'heap', bytes: breakdown.heapBytes, meaning: 'pages of spans in use' },
    {
      color: 'free-pages',
      sign: '+',
      name: 'free pages',
      bytes: breakdown.freePageBytes,
      meaning: 'grown to, in no span',
    },
    {
      color: 'metadata',
      sign: '+',
      name: 'metadata',
      bytes: breakdown.metadataBytes,
      meaning: "the allocator's own records",
    },
    { color: '', sign: '=', name: 'total', bytes: breakdown.totalBytes, meaning: '' },
  ];
  // On one thread nothing is deferred.
  return parts.filter((part) => part.color !== 'deferred' || part.bytes > 0);
}

/** `on 2 threads, by recorded thread`. */
export function threadsInWords(outcome: ReplayOutcome): string {
  if (outcome.threads === 1) return 'on 1 thread';
  const how = outcome.distribution === 'by-thread' ? 'recorded threads kept together' : 'objects dealt in turn';
  return `on ${outcome.threads} threads (${how})`;
}

export function recordingInWords(outcome: ReplayOutcome): string {
  const threads = outcome.recordedThreads === 1 ? '1 thread' : `${formatCount(outcome.recordedThreads)} threads`;
  return `${outcome.format}, ${formatCount(outcome.events)} events, ${formatCount(outcome.objects)} objects, ${threads}`;
}

export function errorsInWords(outcome: ReplayOutcome): string {
  if (!outcome.verified) return 'contents not checked (--verify does)';
  if (outcome.errors > 0) return outcome.errors === 1 ? '1 error' : `${formatCount(outcome.errors)} errors`;
  return `every object checked, ${formatCount(outcome.survivorsChecked)} of them alive at the end; heap verified`;
}

export function fragmentationInWords(outcome: ReplayOutcome): string {
  return outcome.fragmentation === null ? '–' : `${outcome.fragmentation.toFixed(3)} ×`;
}

/** By slot size; large objects, which have no class, behind the largest. */
export function bySlot(classes: readonly ClassOutcome[]): ClassOutcome[] {
  const isLarge = (c: ClassOutcome): number => (c.sizeClass === 0 ? 1 : 0);
  return [...classes].sort((a, b) => isLarge(a) - isLarge(b) || a.size - b.size);
}
