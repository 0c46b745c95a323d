/** Lines of the charts, out of samples. */
import type { ViewSample } from '../../serve/explorer/protocol.ts';

export type Values = (number | null)[];

export function column(samples: readonly ViewSample[], pick: (s: ViewSample) => number | null): Values {
  return samples.map(pick);
}

/** Milliseconds over which a rate is taken: short enough to see a burst, long enough to read. */
const RATE_MS = 1000;

/** How much of something was added by second, over the second before each sample; null where that is not known yet. */
function perSecond(samples: readonly ViewSample[], pick: (s: ViewSample) => number): Values {
  let from = 0;
  return samples.map((s, i) => {
    while (from + 1 < i && s.at - samples[from + 1]!.at >= RATE_MS) from++;
    const before = samples[from]!;
    if (i === 0 || s.at <= before.at) return null;
    return Math.max(0, ((pick(s) - pick(before)) / (s.at - before.at)) * 1000);
  });
}

/** Bytes allocated and freed a second. */
export function rates(samples: readonly ViewSample[]): { allocated: Values; freed: Values } {
  return {
    allocated: perSecond(samples, (s) => s.allocatedBytes),
    freed: perSecond(samples, (s) => s.freedBytes),
  };
}

/** CPU time of the collector as a share of one CPU. */
export function costs(samples: readonly ViewSample[]): { mark: Values; assist: Values; sweep: Values } {
  const share = (pick: (s: ViewSample) => number): Values =>
    perSecond(samples, pick).map((ns) => (ns === null ? null : ns / 1e9));
  return { mark: share((s) => s.markNs), assist: share((s) => s.assistNs), sweep: share((s) => s.sweepNs) };
}

/** A stretch of time, in seconds, in which the collector did something. */
export interface Band {
  readonly kind: 'mark' | 'stop';
  readonly from: number;
  readonly to: number;
}

/** What cycles look like on the axis of time: when they marked, and when the world was stopped. */
export function bandsOf(
  cycles: readonly {
    readonly at: number;
    readonly sweepTermination: number;
    readonly mark: number;
    readonly markTermination: number;
  }[],
): Band[] {
  return cycles.flatMap((c) => {
    const begin = c.at / 1e9;
    const marking = begin + c.sweepTermination / 1e9;
    const marked = marking + c.mark / 1e9;
    return [
      { kind: 'mark', from: marking, to: marked },
      { kind: 'stop', from: begin, to: marking },
      { kind: 'stop', from: marked, to: marked + c.markTermination / 1e9 },
    ] satisfies Band[];
  });
}
