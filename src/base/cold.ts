/**
 * Calls that must not be inlined. A rare way out of a hot function costs nothing as long as V8 leaves it a call; but a
 * way that is taken once in 2000 rounds of a loop counts as hot to its inliner, which then spends on it the budget that
 * the hot part needed (a read of a reference: 19 ns with its slow path inlined, 10 without). There is no annotation
 * for this. What is behind a proxy V8 does not look at, so it is neither inlined nor paid for.
 */

/** The same function, never inlined into its callers. A call takes 20 ns (100 k calls in a loop). */
export function cold<F extends (...args: never[]) => unknown>(fn: F): F {
  return new Proxy(fn, {});
}
