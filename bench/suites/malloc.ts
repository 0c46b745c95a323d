// malloc of one size after the other, with and without pointers, against native Go.
import {
  type Bar,
  type Context,
  nodeCase,
  type Plan,
  type Plot,
  type Row,
  ratio,
  type Suite,
  stat,
} from '../harness.ts';
import { goCommand } from '../peers/go.ts';
import { spread, times } from '../report.ts';

interface Key {
  readonly size: number;
  readonly scan: boolean;
  readonly recycled: boolean;
}

const SIZES = [4, 8, 16, 64, 512, 4096, 65536];
const BATCH_BYTES = 4 << 20;
const BATCH_MAX = 10_000;
/** Enough for V8 to have compiled all of it in the quarter that is warm-up: 12 k objects of 64 KiB. */
const FRESH_BYTES = 3 * 2 ** 30;
const FRESH_MAX = 16_000_000;
const OTHERS = ['floor', 'mimalloc', 'tlsf'] as const;
const NS = 'nsPerOp';

/** Go's pointers have 8 bytes: it has no 4-byte object with pointers, and ours is then without a peer. */
const GO_SCAN_MIN = 8;

function plan(context: Context): Plan<Key>[] {
  const plans: Plan<Key>[] = [];
  for (const scan of [false, true]) {
    for (const size of SIZES) {
      for (const recycled of [false, true]) plans.push(row(context, { size, scan, recycled }));
    }
  }
  return plans;
}

function row(context: Context, key: Key): Plan<Key> {
  const budget = context.quick ? { warmMs: 250, ms: 100 } : { warmMs: 300, ms: 200 };
  const batch = Math.min(BATCH_MAX, BATCH_BYTES / key.size);
  const total = Math.min(FRESH_MAX, FRESH_BYTES / key.size);
  const task = { ...key, ...budget, batch, total };
  const variants: Record<string, Plan<Key>['variants'][string]> = {
    spanheap: nodeCase(context, 'case-malloc', { ...task, peer: 'spanheap' }),
  };
  if (context.go && !(key.scan && key.size < GO_SCAN_MIN)) {
    const flags = {
      size: key.size,
      scan: key.scan,
      recycled: key.recycled,
      batch,
      total,
      warm: budget.warmMs,
      ms: budget.ms,
    };
    variants['go'] = goCommand(context.go.malloc, flags);
  }
  if (!key.scan && key.recycled) {
    for (const peer of OTHERS) {
      const wasm = peer === 'floor' ? undefined : context[peer];
      if (peer === 'floor' || wasm) variants[peer] = nodeCase(context, 'case-malloc', { ...task, peer, wasm });
    }
  }
  return { key, variants };
}

const bytes = (size: number): string =>
  size >= 1024 ? `${size / 1024} KiB` : `${size} B${size === 4 ? ' (tiny)' : ''}`;
const label = ({ size, scan }: Key): string => `${bytes(size)} ${scan ? 'scan' : 'noscan'}`;
const goRatio = (row: Row<Key> | undefined): number | undefined => row && ratio(row, 'spanheap', 'go', NS);

/** The two rows of one size and kind: on fresh and on recycled memory. */
function pairs(rows: readonly Row<Key>[]): { fresh: Row<Key>; recycled: Row<Key> }[] {
  return rows
    .filter((r) => !r.key.recycled)
    .flatMap((fresh) => {
      const recycled = rows.find(
        (r) => r.key.recycled && r.key.size === fresh.key.size && r.key.scan === fresh.key.scan,
      );
      return recycled ? [{ fresh, recycled }] : [];
    });
}

/** Judged is the memory on which we stand worse against Go. */
function compared(fresh: Row<Key>, recycled: Row<Key>): { memory: string; value: number } | undefined {
  const a = goRatio(fresh);
  const b = goRatio(recycled);
  if (a === undefined || b === undefined) return undefined;
  return a > b ? { memory: 'fresh', value: a } : { memory: 'recycled', value: b };
}

export const malloc: Suite<Key> = {
  name: 'malloc',
  plan,
  label: (key) => `${label(key)} ${key.recycled ? 'recycled' : 'fresh'}`,
  tables: (rows) => [
    {
      title: 'malloc with zeroing, against Go with its collector off (ns, median and range)',
      head: ['size', 'fresh', 'Go fresh', 'ratio', 'recycled', 'Go recycled', 'ratio', 'compared'],
      rows: pairs(rows).map(({ fresh, recycled }) => [
        label(fresh.key),
        ...[fresh, recycled].flatMap((r) => [
          spread(stat(r, 'spanheap', NS)),
          spread(stat(r, 'go', NS)),
          times(goRatio(r)),
        ]),
        compared(fresh, recycled)?.memory ?? '–',
      ]),
      note: 'fresh: memory never used before, known to be zero. recycled: freed (Go: collected) before, so it is cleared. The bars compare like with like and take the worse of the two ratios.',
    },
    {
      title: 'malloc with zeroing on recycled memory, against allocators for JavaScript (ns, median and range)',
      head: ['size', 'spanheap', 'free list', 'mimalloc (Wasm)', 'TLSF (Wasm)'],
      rows: rows
        .filter((r) => r.key.recycled && !r.key.scan)
        .map((r) => [bytes(r.key.size), ...['spanheap', ...OTHERS].map((v) => spread(stat(r, v, NS)))]),
    },
  ],
  bars: (rows) => {
    const worst = (sizes: number[]): Bar['measured'] =>
      pairs(rows)
        .filter(({ fresh }) => sizes.includes(fresh.key.size))
        .flatMap(({ fresh, recycled }) => {
          const found = compared(fresh, recycled);
          return found ? [{ where: `${label(fresh.key)}, ${found.memory}`, value: found.value }] : [];
        });
    const bar = (what: string, limit: number, sizes: number[]): Bar => {
      return { promise: `malloc of ${what} against Go`, sense: 'at most', limit, unit: '×', measured: worst(sizes) };
    };
    return [
      bar('8, 16 and 64 B', 0.7, [8, 16, 64]),
      bar('4 B (tiny)', 1, [4]),
      bar('512 B, 4 KiB and 64 KiB', 1.2, [512, 4096, 65536]),
    ];
  },
  plots: (rows) => [plot(rows)],
};

function plot(rows: readonly Row<Key>[]): Plot {
  const median = (r: Row<Key>, variant: string) => stat(r, variant, NS)?.median ?? null;
  return {
    name: 'bench-malloc',
    title: 'malloc with zeroing, ns (lower is better)',
    log: true,
    panels: [false, true].map((scan) => {
      const shown = pairs(rows).filter(({ fresh }) => fresh.key.scan === scan);
      return {
        title: scan ? 'objects with pointers (scan)' : 'objects without pointers (noscan)',
        groups: shown.map(({ fresh }) => bytes(fresh.key.size)),
        series: {
          'spanheap, fresh memory': shown.map(({ fresh }) => median(fresh, 'spanheap')),
          'Go, fresh memory': shown.map(({ fresh }) => median(fresh, 'go')),
          'spanheap, recycled memory': shown.map(({ recycled }) => median(recycled, 'spanheap')),
          'Go, recycled memory': shown.map(({ recycled }) => median(recycled, 'go')),
        },
      };
    }),
  };
}
