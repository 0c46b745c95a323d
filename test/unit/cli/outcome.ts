/** An outcome with figures that add up, for the tests of the reports. */
import type { ClassOutcome, ReplayOutcome } from '../../../src/cli/replay/outcome.ts';

export function classOutcome(sizeClass: number, size: number, allocations: number, liveBytes: number): ClassOutcome {
  const roundingBytes = Math.floor(liveBytes / 10);
  const freeSlotBytes = size * 3;
  return {
    sizeClass,
    size,
    allocations,
    allocatedBytes: liveBytes * 2,
    spans: 2,
    spanBytes: liveBytes + roundingBytes + freeSlotBytes + 64,
    objects: 10,
    liveBytes,
    roundingBytes,
    deferredBytes: 0,
    freeSlotBytes,
    tailBytes: 64,
  };
}

export function exampleOutcome(more: Partial<ReplayOutcome> = {}): ReplayOutcome {
  return {
    file: 'samples/git.trace.gz',
    format: 'spanheap-trace',
    sizeClasses: 'go1.16',
    maxBytes: 1 << 30,
    verified: true,
    events: 120_000,
    objects: 64_113,
    recordedThreads: 1,
    threads: 2,
    distribution: 'by-object',
    seconds: 0.025,
    eventsPerSecond: 4_800_000,
    peakLiveBytes: 1_000_000,
    peakHeapBytes: 1_100_000,
    metadataBytes: 90_000,
    fragmentation: 1.1,
    errors: 0,
    mistakes: [],
    survivorsChecked: 123,
    breakdown: {
      event: 60_000,
      liveBytes: 990_000,
      roundingBytes: 45_000,
      deferredBytes: 5_000,
      freeSlotBytes: 40_000,
      tailBytes: 20_000,
      heapBytes: 1_100_000,
      freePageBytes: 300_000,
      metadataBytes: 90_000,
      totalBytes: 1_490_000,
    },
    zeroSizeAllocations: 0,
    classes: [
      classOutcome(0, 0, 12, 600_000),
      classOutcome(2, 16, 50_000, 90_000),
      classOutcome(30, 1024, 70, 300_000),
    ],
    curves: {
      events: [0, 60_000, 120_000],
      seconds: [0, 0.012, 0.025],
      liveBytes: [0, 990_000, 500_000],
      heapBytes: [0, 1_100_000, 900_000],
      releasedBytes: [0, 0, 8192],
    },
    ...more,
  };
}
