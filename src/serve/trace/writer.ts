/** What the formats of recorded traces have in common. */
import type { AllocEvent } from '../../index.ts';

export interface TraceWriter {
  /** Lines or events written so far. */
  readonly events: number;
  /** Objects seen so far, those that were there at the begin included. */
  readonly objects: number;
  /** Objects that are live. */
  readonly live: number;
  /** Ends of objects that were made up, or left out, because events were lost. */
  readonly repaired: number;
  /** Writes what an event says. */
  add(event: AllocEvent): void;
  /** Writes what belongs at the end. */
  finish(): void;
}
