/** Lines of the charts, out of samples. */
import type { ViewSample } from '../../serve/explorer/protocol.ts';

export type Values = (number | null)[];

export function column(samples: readonly ViewSample[], pick: (s: ViewSample) => number | null): Values {
  return samples.map(pick);
}

/** How much of something was added between each sample and the one before it, by second; null for the first one. */
function perSecond(samples: readonly ViewSample[], pick: (s: ViewSample) => number): Values {
  return samples.map((s, i) => {
    const before = samples[i - 1];
    if (before === undefined || s.at <= before.at) return null;
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
