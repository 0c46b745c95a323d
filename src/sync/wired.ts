/** What the layers above wire into a thread's hold on the heap. */

/** Called in slow paths, for tests: may sleep to make rare interleavings common. */
export type DelayHook = (place: string) => void;

/** Told whether the fast paths may run: inside a region, unless each call must take the guarded way. */
export interface Gate {
  setOpen(open: boolean): void;
  /** A hook of the program begins in the middle of a call, or has ended: meanwhile the fast paths may not run. */
  setPaused(paused: boolean): void;
}

/** Until there is an allocator. */
export const NO_GATE: Gate = { setOpen: () => {}, setPaused: () => {} };

/** What a thread can find out of others while it waits for them, and do about it. By `runtime`, where the OS can be asked. */
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
