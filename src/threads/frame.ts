/** Frames: what says of references whether they may still be used. Only their thread knows them. */

/** Of a frame whose references may not be used any more. */
export const STALE = 0;
/** Of a scope that is open: a region is open too. */
export const SCOPED = 1;
/** Of a handle. */
export const HELD = 2;

/**
 * In each reference by its frame, and nothing that `postMessage` or `structuredClone` can copy: else they would send an
 * address and a frame, which mean nothing elsewhere, and nobody would be told. V8's DataCloneError quotes it.
 */
export const NOT_TO_BE_SENT = Symbol(
  'a reference belongs to its thread: give the object a name by heap.roots.set, or store it where the other thread finds it;',
);

/**
 * What a reference belongs to: a scope, or for a persistent reference itself. One class for both, so that the check of every
 * access stays monomorphic.
 */
export class Frame {
  /** First, where a Spot has its slot: see types/moving.ts. */
  live: typeof STALE | typeof SCOPED | typeof HELD;
  readonly belongs: symbol;
  /** Scope: `top` when it began. Persistent: its number in the handle table. */
  readonly base: number;
  /** The scope around this one. */
  readonly outer: Frame | null;
  /** Of a scope: what its cursors and the references that move with them belong to, if there are any. */
  moving: Frame | null;

  constructor(live: Frame['live'], base: number, outer: Frame | null) {
    this.live = live;
    this.belongs = NOT_TO_BE_SENT;
    this.base = base;
    this.outer = outer;
    this.moving = null;
  }
}

/** Stands for the innermost open scope where there is none: with null instead, the compiler looks at each what it is. */
export const NO_SCOPE = new Frame(STALE, 0, null);
