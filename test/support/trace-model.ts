/**
 * What must be true of the events of an allocation trace in their order, checked with a plain map of the live objects: no
 * address is allocated while it is live, and whatever ends is live.
 */
import type { AllocEvent } from '../../src/index.ts';

export class TraceModel {
  /** Live objects: address to size. */
  readonly live = new Map<number, number>();
  readonly counts: Partial<Record<AllocEvent['kind'], number>> = {};
  /** What was wrong, the first few. */
  readonly wrong: string[] = [];
  /** How many things were wrong. */
  errors = 0;
  /** Frees of objects that another thread allocated. */
  crossed = 0;
  readonly #maker = new Map<number, number>();
  #lastSeq = -1;

  add(e: AllocEvent): void {
    this.counts[e.kind] = (this.counts[e.kind] ?? 0) + 1;
    if (e.seq < this.#lastSeq) this.#fail(e, `comes after ${this.#lastSeq}`);
    this.#lastSeq = e.seq;
    if (e.kind === 'alive' || e.kind === 'alloc') this.#begin(e);
    else if (e.kind === 'free' || e.kind === 'sweep') this.#end(e, e.address);
    else if (e.kind === 'realloc') {
      this.#end(e, e.oldAddress);
      this.#begin(e);
    }
  }

  count(kind: AllocEvent['kind']): number {
    return this.counts[kind] ?? 0;
  }

  #begin(e: AllocEvent): void {
    if (e.size === 0) this.#fail(e, 'has no size');
    if (this.live.has(e.address)) this.#fail(e, 'is live already');
    this.live.set(e.address, e.size);
    this.#maker.set(e.address, e.thread);
  }

  #end(e: AllocEvent, addr: number): void {
    if (!this.live.delete(addr)) this.#fail(e, 'is not live');
    if (this.#maker.get(addr) !== e.thread) this.crossed++;
  }

  #fail(e: AllocEvent, why: string): void {
    this.errors++;
    if (this.wrong.length < 5)
      this.wrong.push(`${e.kind} #${e.seq} of 0x${e.address.toString(16)} by ${e.thread} ${why}`);
  }
}
