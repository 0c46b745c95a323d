/** `heap.metrics()`: Go's `runtime/metrics`. Of any thread or of none; stops nobody. */
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Mem } from '../sys/mem.ts';
import { type Float64Histogram, METRICS, type Metric, type MetricKind, Readings } from './metric-list.ts';

/** What a metric is (Go: `metrics.Description`). */
export interface MetricDescription {
  /** Path and, after the colon, unit. */
  readonly name: string;
  readonly description: string;
  /** 'uint64' and 'float64' are numbers; Infinity where Go has its largest, for "none". */
  readonly kind: MetricKind;
  /** The value is a sum since the heap was made and never falls. */
  readonly cumulative: boolean;
}

/** Values by name: numbers, and Float64Histogram for metrics of that kind. */
export type MetricValues = Readonly<Record<string, number | Float64Histogram>>;

const byName: ReadonlyMap<string, Metric> = new Map(METRICS.map((metric) => [metric.name, metric]));

/** All metrics, sorted by name (Go: `metrics.All`). */
export function describeMetrics(): MetricDescription[] {
  return METRICS.map(({ name, description, kind, cumulative }) => ({ name, description, kind, cumulative }));
}

/** The metrics with these names, in this order; all when none are given. Of one moment, as memStats. Throws ArgumentError. */
export function readMetrics(mem: Mem, names?: readonly string[]): MetricValues {
  const wanted = names === undefined ? METRICS : checkNames(names);
  const readings = new Readings(mem);
  return Object.fromEntries(wanted.map((metric) => [metric.name, metric.read(readings)]));
}

function checkNames(names: unknown): Metric[] {
  if (!Array.isArray(names)) {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `metrics: expected an array of names, got ${typeof names}`);
  }
  // Not `map`, which leaves holes as they are.
  return Array.from(names, (name: unknown) => {
    const metric = byName.get(name as string);
    if (metric !== undefined) return metric;
    const given = typeof name === 'string' ? JSON.stringify(name) : describe(name);
    const near = nearest(typeof name === 'string' ? name : given).join(', ');
    throw new ArgumentError(
      'ERR_INVALID_ARGUMENT',
      `metrics: there is no metric ${given}; near it are ${near}; heap.metricDescriptions() has all`,
    );
  });
}

/** The three names that share most pairs of letters with this one. */
function nearest(name: string): string[] {
  const pairs = (text: string): Set<string> =>
    new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2)));
  const own = pairs(name.slice(0, 100));
  const shared = ({ name: other }: Metric): number => {
    const theirs = pairs(other);
    return (2 * [...own].filter((pair) => theirs.has(pair)).length) / (own.size + theirs.size);
  };
  const ranked = METRICS.map((metric) => ({ name: metric.name, likeness: shared(metric) }));
  return ranked
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, 3)
    .map((metric) => metric.name);
}
