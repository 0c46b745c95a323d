import type { MetricDescription } from '../../src/observe/metrics.ts';
import { createHeap } from '../../src/runtime/heap.ts';
import { type Checker, type Doc, list, same, type Tally } from './tally.ts';

interface Field {
  readonly name: string;
  /** As Go writes it: `uint64`, `[256]uint64`, `[61]struct { Size uint32; … }`. */
  readonly type: string;
}

interface MetricRow {
  readonly name: string;
  readonly kind: string;
  readonly cumulative: boolean;
  /** The parts of the name, before and after its colon. */
  readonly path?: string;
  readonly unit?: string;
}

/** What Go declares the fields of MemStats as, but for those of `uint64`: numbers here have one type. */
const GO_TYPES: Readonly<Record<string, string>> = {
  PauseNs: '[256]uint64',
  PauseEnd: '[256]uint64',
  NumGC: 'uint32',
  NumForcedGC: 'uint32',
  GCCPUFraction: 'float64',
  EnableGC: 'bool',
  DebugGC: 'bool',
  BySize: '[61]struct { Size uint32; Mallocs uint64; Frees uint64 }',
};

/** What a heap has nothing of: C calls, goroutines and their stacks, a scheduler. */
const NOT_OF_A_HEAP = /^\/(?:cgo|gc\/stack|memory\/classes\/os-stacks|sched\/(?:gomaxprocs|goroutines|latencies))\b/;

/** The Go type, the JavaScript type that it becomes, and for an array its length at least. */
function checkField({ name, type }: Field, stats: Readonly<Record<string, unknown>>): string | null {
  const wrong = same(`${name}: type`, GO_TYPES[name] ?? 'uint64', type);
  if (wrong !== null) return wrong;
  const got = stats[name];
  const array = /^\[(\d+)\](.*)$/.exec(type);
  if (array === null) return same(name, typeof got, type === 'bool' ? 'boolean' : 'number');
  if (!Array.isArray(got) || got.length < Number(array[1])) return same(name, got, `${array[1]} or more elements`);
  const struct = /^struct \{(.*)\}$/.exec(array[2]!);
  if (struct === null) return same(name, typeof got[0], 'number');
  return same(
    name,
    Object.keys(got[0] as object),
    struct[1]!.split(';').map((field) => field.trim().split(' ')[0]),
  );
}

function checkMetric(row: MetricRow, ours: MetricDescription | undefined): string | null {
  const [path, unit] = ours?.name.split(':') ?? [];
  const { name, kind, cumulative, path: wantedPath = path, unit: wantedUnit = unit } = row;
  return same(name, [ours?.kind, ours?.cumulative, path, unit], [kind, cumulative, wantedPath, wantedUnit]);
}

/** Names and kinds of the statistics; the sizes of Go's structures are there to look at. */
export const sizeof: Checker = {
  name: 'sizeof',
  sections: ['memStats', 'metrics', 'sizes'],
  source: /MemStats/,
  run(doc: Doc, tally: Tally): void {
    const heap = createHeap({ shared: false, maxBytes: 4 << 20 });
    const stats = heap.memStats() as unknown as Record<string, unknown>;
    const metrics = new Map(heap.metricDescriptions().map((m) => [m.name, m]));
    for (const field of list<Field>(doc, 'memStats')) tally.case(field.name, () => checkField(field, stats));
    for (const row of list<MetricRow>(doc, 'metrics')) {
      const { name } = row;
      if (NOT_OF_A_HEAP.test(name)) {
        tally.skip('they are of what a heap does not have');
        continue;
      }
      tally.case(name, () => checkMetric(row, metrics.get(name)));
    }
  },
};
