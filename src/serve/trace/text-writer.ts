/**
 * Writes the recording that `spanheap replay` reads: see cli/replay/formats/spanheap-trace.ts. What was alive when the
 * trace began is allocated first, by the threads that owned it; what the collector freed is freed by the thread that swept
 * it. Spans, phases, stops have no place in it.
 */
import type { AllocEvent } from '../../index.ts';
import type { ChunkFile } from './chunk-file.ts';
import { Ledger } from './ledger.ts';
import type { TraceWriter } from './writer.ts';

const HEADER = '# spanheap-trace 1\n';

export class TextWriter implements TraceWriter {
  events = 0;
  readonly #file: ChunkFile;
  readonly #ledger = new Ledger();
  /** Thread of the event that is being written. */
  #thread = 0;
  readonly #endOld = (number: number): void => this.#line(`f ${number} ${this.#thread}\n`);

  constructor(file: ChunkFile) {
    this.#file = file;
    file.write(HEADER);
  }

  get objects(): number {
    return this.#ledger.objects;
  }

  get live(): number {
    return this.#ledger.live;
  }

  get repaired(): number {
    return this.#ledger.repaired;
  }

  add(e: AllocEvent): void {
    this.#thread = e.thread;
    if (e.kind === 'alloc' || e.kind === 'alive') this.#begin(e);
    else if (e.kind === 'free' || e.kind === 'sweep') {
      const number = this.#ledger.end(e.address);
      if (number >= 0) this.#line(`f ${number} ${e.thread}\n`);
    } else if (e.kind === 'realloc') this.#resize(e);
  }

  finish(): void {}

  #begin(e: AllocEvent): void {
    const number = this.#ledger.begin(e.address, this.#endOld);
    this.#line(`${e.zeroed ? 'c' : 'a'} ${number} ${e.size} ${e.thread}\n`);
  }

  #resize(e: AllocEvent): void {
    const old = this.#ledger.end(e.oldAddress);
    if (old < 0) {
      this.#begin(e);
      return;
    }
    const number = this.#ledger.begin(e.address, this.#endOld);
    this.#line(`r ${old} ${number} ${e.size} ${e.thread}\n`);
  }

  #line(text: string): void {
    this.events++;
    this.#file.write(text);
  }
}
