// The ways to objects that the references case measures, and what a variant gives it: one pass over all of them.

const ACCESSES = ['at', 'next', 'scan of structs', 'scan of references'] as const;
export type Access = (typeof ACCESSES)[number];

export interface Shape {
  readonly access: Access;
  /** Every reference is kept for the next `RING` ones, in which case V8 cannot do without the object. */
  readonly kept: boolean;
  readonly elements: number;
}

/** References that are kept at a time. */
export const RING = 256;
export const RING_MASK = RING - 1;

/** Types that the program used before the measured one, so that nothing depends on having only one. */
export const OTHERS = 12;
/** Rounds over each of the others: enough for the optimising compiler to have seen them all. */
export const OTHER_ROUNDS = 400;
export const OTHER_ELEMENTS = 64;

/** Field values: small integers, which plain objects hold without a box. */
export const fieldOf = (i: number): number => (i * 7) & 0xffff;
