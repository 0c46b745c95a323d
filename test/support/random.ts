/** Seeded random numbers. A test that uses them prints its seed; SPANHEAP_SEED=n runs it again with the same one. */
export interface Random {
  /** A whole number from 0 to n − 1. */
  below(n: number): number;
  /** True once in `n` times. */
  oneIn(n: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** mulberry32. */
export function random(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n: number): number => next() % n;
  return { below, oneIn: (n) => below(n) === 0, pick: (list) => list[below(list.length)]! };
}

/** The seed of this run of a test, printed. */
export function newSeed(test: string): number {
  const given = process.env['SPANHEAP_SEED'];
  const seed = given === undefined ? (Date.now() ^ (process.pid << 8)) >>> 0 : Number(given);
  console.log(`${test}: SPANHEAP_SEED=${seed}`);
  return seed;
}
