/**
 * Calls that must not be inlined. A rare way out of a hot function costs nothing as long as V8 leaves it a call; but a
 * way that is taken once in 2000 rounds of a loop counts as hot to its inliner, which then spends on it the budget that
 * the hot part needed (a read of a reference: 19 ns with its slow path inlined, 10 without). There is no annotation
 * for this. A call made by a builtin is never inlined, so the call is made by one.
 */

/** `fn(x)`, not inlined. About 100 ns. */
export function cold<T>(fn: (x: number) => T, x: number): T {
  return Array.from([x], fn)[0]!;
}

/** The same for functions that return small integers: of its own, so that the compiler sees one kind of array in each. */
export function coldInteger(fn: (x: number) => number, x: number): number {
  return Array.from([x], fn)[0]!;
}
