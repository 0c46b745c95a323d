/** What the parts of the report are called and mean; the terminal and the page say the same. */
import type { Breakdown, ClassOutcome, ReplayOutcome } from '../replay/outcome.ts';
import { formatCount } from '../sizes.ts';

export interface Part {
  readonly sign: '' | '+' | '=';
  readonly name: string;
  readonly bytes: number;
  readonly meaning: string;
}

/** The breakdown as a sum that is read from top to bottom: live + … = heap, + … = total. */
export function partsOf(breakdown: Breakdown): Part[] {
  return [
    { sign: '', name: 'live objects', bytes: breakdown.liveBytes, meaning: 'what the program asked for' },
    {
      sign: '+',
      name: 'size-class rounding',
      bytes: breakdown.roundingBytes,
      meaning: 'rest of the slots (or pages) that objects are in',
    },
    { sign: '+', name: 'free slots', bytes: breakdown.freeSlotBytes, meaning: 'slots of spans in use with no object' },
    { sign: '+', name: 'span tails', bytes: breakdown.tailBytes, meaning: 'ends of spans, too short for a slot' },
    { sign: '=', name: 'heap', bytes: breakdown.heapBytes, meaning: 'pages of spans in use' },
    { sign: '+', name: 'free pages', bytes: breakdown.freePageBytes, meaning: 'grown to, in no span' },
    { sign: '+', name: 'metadata', bytes: breakdown.metadataBytes, meaning: "the allocator's own records" },
    { sign: '=', name: 'total', bytes: breakdown.totalBytes, meaning: '' },
  ];
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
