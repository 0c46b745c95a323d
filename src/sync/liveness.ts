/** What a thread can find out of others while it waits for them, and do about it. Wired by `runtime`, where the OS can be asked. */

export interface Liveness {
  /** Makes all threads DEAD that are gone, as far as is known. Takes no lock. */
  markGone(): void;
  /** Reaps all that are gone. Outside of the region, or at a safepoint. */
  reapGone(): boolean;
  /** Reaps all that are DEAD, if nobody else is at it, for a thread that is BLOCKED. Does not wait for long. */
  reapBlocked(): void;
}

/** Where the OS cannot be asked. */
export const NOT_KNOWN: Liveness = { markGone: () => {}, reapGone: () => false, reapBlocked: () => {} };
