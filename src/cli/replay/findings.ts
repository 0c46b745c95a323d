/** What one lane found, and what all of them did together. */
import type { ContentChecks } from './checks.ts';
import type { PeakSample, Sample, SampleLog } from './samples.ts';

/** A lane's findings as plain data, for the way from a worker to the main thread. */
export interface LaneFindings {
  readonly samples: Sample[];
  readonly peak: PeakSample | null;
  readonly errors: number;
  readonly mistakes: ContentChecks['mistakes'];
  /** Seconds from the common start to this lane's end, without pauses. */
  readonly seconds: number;
}

export class Findings {
  seconds = 0;
  readonly log: SampleLog;
  readonly checks: ContentChecks;

  constructor(log: SampleLog, checks: ContentChecks) {
    this.log = log;
    this.checks = checks;
  }

  add(lane: LaneFindings): void {
    this.log.join(lane);
    this.checks.join(lane);
    this.seconds = Math.max(this.seconds, lane.seconds);
  }
}
