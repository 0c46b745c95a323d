// What the pacing case and its suite agree on.
export interface PacingTask {
  /** Live set in MiB, phase by phase, and how often each is allocated anew. */
  readonly live: readonly number[];
  readonly turns: number;
  readonly percent: number;
  /** MiB; 0: none. */
  readonly limit: number;
}

/** The heap over time: what the case answers as `series`. */
export interface PacingSeries {
  readonly seconds: readonly number[];
  /** MiB. */
  readonly live: readonly number[];
  readonly goal: readonly number[];
  /** 1 while the collector marked. */
  readonly marking: readonly number[];
}
