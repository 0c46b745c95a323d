/**
 * Which object is meant: a trace names objects by addresses, which are used again, a recording by numbers that are not.
 *
 * A trace may have holes: events that found no room, and the last call of a thread that died. So an address may be
 * allocated that is live, or end that is not. The ledger then says what must have happened before, or that nothing did.
 */
import { NumberMap } from '../../base/number-map.ts';

export class Ledger {
  /** Objects so far, and so the number of the newest: from 1. */
  objects = 0;
  /** Objects that are live. */
  live = 0;
  /** Ends that were made up, or left out, because the trace has holes. */
  repaired = 0;
  readonly #numbers = new NumberMap();

  /** A new object; `end` is told first of one that must have ended before. */
  begin(addr: number, end: (number: number) => void): number {
    const old = this.#numbers.get(addr);
    if (old >= 0) {
      this.repaired++;
      this.live--;
      end(old);
    }
    this.live++;
    this.#numbers.set(addr, ++this.objects);
    return this.objects;
  }

  /** The object at this address ends. -1: none is known there. */
  end(addr: number): number {
    const number = this.#numbers.get(addr);
    if (number < 0) {
      this.repaired++;
      return -1;
    }
    this.#numbers.delete(addr);
    this.live--;
    return number;
  }
}
