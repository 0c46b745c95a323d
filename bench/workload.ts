// The churn: a table of live objects, and four orders in which they are freed and allocated anew. Sizes and picks are
// fixed sequences, the same for every allocator, read from arrays so that no size is a constant to the compiler.

export const ORDERS = ['lifo', 'fifo', 'random', 'bulk'] as const;
export type Order = (typeof ORDERS)[number];

export const SIZES = ['16', '64', 'mixed'] as const;
export type Size = (typeof SIZES)[number];

type Malloc = (size: number) => number;
type Free = (ptr: number) => void;
/** Does some pairs and returns how many. */
export type Step = () => number;

const SEQUENCE = 1 << 18;
const MASK = SEQUENCE - 1;
const PICKS = 200_003; // no common period with the sizes
const PAIRS = 20_000;
const MIXED_MIN = 16;
const MIXED_MAX = 512;

/** Marsaglia's xorshift32, as a fraction of 1: fixed sequences need a fixed generator. */
export function random(seed: number): () => number {
  let x = seed | 0;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

/** Sizes 16…512, small ones more often: uniform in the logarithm. */
function sizeSequence(size: Size, seed: number): Int32Array {
  const next = random(seed);
  const span = Math.log(MIXED_MAX / MIXED_MIN);
  const draw = size === 'mixed' ? () => Math.round(MIXED_MIN * Math.exp(next() * span)) : () => Number(size);
  return new Int32Array(SEQUENCE).map(draw);
}

export function permutation(n: number, seed: number): Int32Array {
  const next = random(seed);
  const order = new Int32Array(n).map((_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    const t = order[i]!;
    order[i] = order[j]!;
    order[j] = t;
  }
  return order;
}

export interface Churn {
  readonly order: Order;
  readonly live: number;
  readonly size: Size;
  /** Pairs between two looks at the clock; lower for allocators that take microseconds. */
  readonly pairs?: number;
  readonly seed?: number;
}

/** Allocates the live set, and returns the step that churns it. */
export function startChurn(malloc: Malloc, free: Free, churn: Churn): Step {
  const { live, order, pairs = PAIRS, seed = 12345 } = churn;
  const table = new Int32Array(live);
  const w: Workload = {
    malloc,
    free,
    table,
    sizes: sizeSequence(churn.size, seed),
    picks: picksFor(order, live, seed + 1),
  };
  let next = 0;
  for (let i = 0; i < live; i++) {
    table[i] = malloc(w.sizes[next]!);
    next = (next + 1) & MASK;
  }
  const cursor = { size: next, pick: 0 };
  if (order === 'lifo') return () => lifo(w, cursor);
  if (order === 'bulk') return () => bulk(w, cursor);
  return () => replace(w, cursor, pairs);
}

interface Workload {
  readonly malloc: Malloc;
  readonly free: Free;
  readonly table: Int32Array;
  readonly sizes: Int32Array;
  readonly picks: Int32Array;
}

/** Where the sequences stand, between steps. */
interface Cursor {
  size: number;
  pick: number;
}

function picksFor(order: Order, live: number, seed: number): Int32Array {
  if (order === 'bulk') return permutation(live, seed);
  if (order !== 'random') return new Int32Array(live).map((_, i) => i);
  const next = random(seed);
  return new Int32Array(PICKS).map(() => Math.floor(next() * live));
}

/** fifo: frees the oldest and allocates the newest, round a ring. random: replaces the object that the sequence picks. */
function replace({ malloc, free, table, sizes, picks }: Workload, cursor: Cursor, pairs: number): number {
  const end = picks.length;
  let { size, pick } = cursor;
  for (let n = 0; n < pairs; n++) {
    const k = picks[pick]!;
    if (++pick === end) pick = 0;
    free(table[k]!);
    table[k] = malloc(sizes[size]!);
    size = (size + 1) & MASK;
  }
  cursor.size = size;
  cursor.pick = pick;
  return pairs;
}

/** A stack: the newer half is freed, newest first, and pushed again. */
function lifo({ malloc, free, table, sizes }: Workload, cursor: Cursor): number {
  const live = table.length;
  const kept = live >>> 1;
  let { size } = cursor;
  for (let i = live - 1; i >= kept; i--) free(table[i]!);
  for (let i = kept; i < live; i++) {
    table[i] = malloc(sizes[size]!);
    size = (size + 1) & MASK;
  }
  cursor.size = size;
  return live - kept;
}

/** Everything is freed, in random order, and allocated again. */
function bulk({ malloc, free, table, sizes, picks }: Workload, cursor: Cursor): number {
  const live = table.length;
  let { size } = cursor;
  for (let i = 0; i < live; i++) free(table[picks[i]!]!);
  for (let i = 0; i < live; i++) {
    table[i] = malloc(sizes[size]!);
    size = (size + 1) & MASK;
  }
  cursor.size = size;
  return live;
}
