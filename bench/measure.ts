// Timing inside a measured process: warm up until the code is compiled and the memory in its steady state, then time
// batches of operations for a while. The result is the median batch: a batch holds hundreds to thousands of
// operations, slow paths included, and the median drops those in which the machine was doing something else.

export interface Measured {
  readonly nsPerOp: number;
  /** The fastest batch. */
  readonly best: number;
  readonly ops: number;
  /** Made from the results, so that nothing can be optimised away. */
  readonly sink: number;
}

export interface Budget {
  readonly warmMs: number;
  readonly ms: number;
}

export class Timer {
  readonly batches: number[] = [];
  ops = 0;
  elapsedMs = 0;

  /** Times one batch; `batch` does some operations and returns their number. */
  time(batch: () => number): void {
    const start = performance.now();
    const ops = batch();
    const ms = performance.now() - start;
    this.batches.push((ms * 1e6) / ops);
    this.ops += ops;
    this.elapsedMs += ms;
  }

  result(sink: number): Measured {
    const sorted = this.batches.toSorted((a, b) => a - b);
    return { nsPerOp: sorted[sorted.length >>> 1] ?? Number.NaN, best: sorted[0] ?? Number.NaN, ops: this.ops, sink };
  }
}

/** Runs `batch` for the time of the budget, after a warm-up. `between` runs after each batch, outside the timer. */
export function measure(batch: () => number, budget: Budget, between?: () => void, minWarmOps = 0): Timer {
  const warm = new Timer();
  while (warm.elapsedMs < budget.warmMs || warm.ops < minWarmOps) {
    warm.time(batch);
    between?.();
  }
  const timer = new Timer();
  while (timer.elapsedMs < budget.ms) {
    timer.time(batch);
    between?.();
  }
  return timer;
}

/** What a case repeats: `run` does `ops` operations and returns a number made of what it read. */
export interface Pass {
  readonly run: () => number;
  readonly ops: number;
  /** After each pass, outside the timer: gives back what the pass left behind. */
  readonly clear?: (() => void) | undefined;
}

/** Measures passes, after a warm-up. */
export function measurePasses({ run, ops, clear }: Pass, budget: Budget): Measured {
  let sink = 0;
  const step = (): number => {
    sink = (sink + run()) | 0;
    return ops;
  };
  return measure(step, budget, clear).result(sink);
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The arguments of a measured process: one JSON object. */
export function taskOf<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Its answer: one JSON object. */
export function answer(result: unknown): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
