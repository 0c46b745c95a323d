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
  const w: Workload = {
    malloc,
    free,
    table: new Int32Array(live),
    sizes: sizeSequence(churn.size, seed),
    picks: picksFor(order, live, seed + 1),
  };
  allocate(w, 0, 0);
  let done = live;
  const counted = (n: number): number => {
    done += n;
    return n;
  };
  if (order === 'lifo') {
    const kept = live >>> 1;
    return () => {
      freeNewest(w, kept);
      allocate(w, kept, done);
      return counted(live - kept);
    };
  }
  if (order === 'bulk') {
    return () => {
      freePicked(w);
      allocate(w, 0, done);
      return counted(live);
    };
  }
  return () => {
    replace(w, done, (done - live) % w.picks.length, pairs);
    return counted(pairs);
  };
}

interface Workload {
  readonly malloc: Malloc;
  readonly free: Free;
  readonly table: Int32Array;
  readonly sizes: Int32Array;
  readonly picks: Int32Array;
}

function picksFor(order: Order, live: number, seed: number): Int32Array {
  if (order === 'bulk') return permutation(live, seed);
  if (order !== 'random') return new Int32Array(live).map((_, i) => i);
  const next = random(seed);
  return new Int32Array(PICKS).map(() => Math.floor(next() * live));
}

// One loop each, and nothing after it: V8 compiles a loop while it runs for the first time. Whatever comes after it has never
// run then, and is left out of that code, which V8 keeps for as long as its loop lasts: it entered and left it at each call, in
// every few processes, at 10 to 30 % of the time.

/** fifo: frees the oldest and allocates the newest, round a ring. random: replaces the object that the sequence picks. */
function replace({ malloc, free, table, sizes, picks }: Workload, done: number, from: number, pairs: number): void {
  const end = picks.length;
  let size = done & MASK;
  let pick = from;
  for (let n = 0; n < pairs; n++) {
    const k = picks[pick]!;
    if (++pick === end) pick = 0;
    free(table[k]!);
    table[k] = malloc(sizes[size]!);
    size = (size + 1) & MASK;
  }
}

/** Of a stack: all above the first `kept`. */
function freeNewest({ free, table }: Workload, kept: number): void {
  for (let i = table.length - 1; i >= kept; i--) free(table[i]!);
}

/** Everything, in random order. */
function freePicked({ free, table, picks }: Workload): void {
  for (let i = 0; i < picks.length; i++) free(table[picks[i]!]!);
}

/** The objects from `first` on. */
function allocate({ malloc, table, sizes }: Workload, first: number, done: number): void {
  let size = done & MASK;
  for (let i = first; i < table.length; i++) {
    table[i] = malloc(sizes[size]!);
    size = (size + 1) & MASK;
  }
}
