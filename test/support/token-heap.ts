/** A heap of tokens in holders, the workers that move them (snapshot-worker.ts), and what must be true of each snapshot. */
import { Worker } from 'node:worker_threads';
import { inject } from 'vitest';
import { loadGraph } from '../../src/analyze/load-graph.ts';
import { Snapshot } from '../../src/analyze/snapshot.ts';
import { bytesSource } from '../../src/analyze/source.ts';
import { verifySnapshot } from '../../src/analyze/verify-snapshot.ts';
import { createHeap, type Heap, type HeapOptions } from '../../src/index.ts';
import {
  C_ERRORS,
  C_ID,
  C_PARKED,
  C_ROUNDS,
  C_STOP,
  C_WORDS,
  checkOf,
  type SnapshotWorkerInput,
  TOKEN_BYTES,
} from './snapshot-worker.ts';
import { until } from './workers.ts';

/** Slots of a holder; holders of a worker. The test's heaps are a few MiB, so that a snapshot has several pieces. */
export const SLOTS = 12_000;
const HOLDERS = 3;

export interface TokenWorker {
  readonly worker: Worker;
  readonly at: number;
  readonly ended: Promise<number>;
}

export class TokenHeap {
  readonly heap: Heap;
  readonly control = new Int32Array(new SharedArrayBuffer(4 * C_WORDS * 8));
  readonly #holders: number[] = [];
  readonly #lock: number;
  readonly workers: TokenWorker[] = [];
  #next = 1;

  constructor(workers: number, options: HeapOptions = {}) {
    this.heap = createHeap({ maxBytes: 2 ** 26, maxThreads: 12, ...options });
    const { raw } = this.heap;
    const ptr = raw.type({ name: 'slot', size: 4, pointers: [0] });
    const type = raw.type({ name: 'token', size: TOKEN_BYTES, pointers: [0] });
    const { i32 } = this.heap.memory;
    this.#lock = raw.mallocgc(64, null, true);
    raw.pin(this.#lock);
    for (let h = 0; h < 1 + workers * HOLDERS; h++) {
      const holder = raw.mallocgc(4 * SLOTS, ptr, true);
      raw.pin(holder);
      this.#holders.push(holder);
      for (let i = 0; i < SLOTS; i++) {
        this.heap.scope(() => {
          const token = raw.mallocgc(TOKEN_BYTES, type, true);
          const id = this.#next++;
          i32[(token >>> 2) + 1] = id;
          i32[(token >>> 2) + 2] = checkOf(id);
          raw.writePointer(token, token);
          raw.writePointer(holder + 4 * i, token);
        });
      }
    }
  }

  /** First slot of the holders that workers own. */
  get someSlot(): number {
    return this.#holders[1]!;
  }

  /** Starts a worker on holders of its own; resolves when it has begun. */
  async start(index: number, input: Partial<SnapshotWorkerInput> & { seed: number }): Promise<TokenWorker> {
    const at = C_WORDS * (index + 1);
    const workerData: SnapshotWorkerInput = {
      shared: this.heap.share(),
      control: this.control,
      at,
      own: this.#holders.slice(1 + index * HOLDERS, 1 + (index + 1) * HOLDERS),
      common: this.#holders[0]!,
      lock: this.#lock,
      slots: SLOTS,
      frees: false,
      collects: false,
      captures: false,
      ...input,
    };
    Atomics.store(this.control, at + C_ID, 0);
    Atomics.store(this.control, at + C_PARKED, 0);
    const before = this.rounds(index);
    const worker = new Worker(`${inject('workerDir')}/snapshot-worker.mjs`, { workerData });
    let failed: unknown;
    worker.on('error', (error) => {
      failed = error;
    });
    const ended = new Promise<number>((resolve, reject) => {
      worker.once('exit', (code) => (failed === undefined ? resolve(code) : reject(failed)));
    });
    ended.catch(() => {});
    const hand = { worker, at, ended };
    this.workers.push(hand);
    await until(
      'the worker has begun',
      () => this.rounds(index) > before || this.parked(index) || failed !== undefined,
    );
    if (failed !== undefined) throw failed;
    return hand;
  }

  rounds(index: number): number {
    return Atomics.load(this.control, C_WORDS * (index + 1) + C_ROUNDS);
  }

  parked(index: number): boolean {
    return Atomics.load(this.control, C_WORDS * (index + 1) + C_PARKED) === 1;
  }

  idOf(index: number): number {
    return Atomics.load(this.control, C_WORDS * (index + 1) + C_ID);
  }

  /** Takes the lock of the common holder from a worker that is gone. */
  unlock(index: number): void {
    Atomics.compareExchange(this.heap.memory.i32, this.#lock >>> 2, index + 1, 0);
  }

  errors(index: number): number {
    return Atomics.load(this.control, C_WORDS * (index + 1) + C_ERRORS);
  }

  async stop(): Promise<void> {
    Atomics.store(this.control, C_STOP, 1);
    await Promise.all(this.workers.map((w) => w.ended));
  }

  /**
   * What is wrong with a snapshot: tokens that are in no slot or in two, slots without one, tokens that lead elsewhere or
   * are damaged. Null: nothing.
   */
  wrong(bytes: Uint8Array): string | null {
    const snapshot = new Snapshot(bytesSource(bytes));
    try {
      verifySnapshot(snapshot);
    } catch (error) {
      return String(error);
    }
    const pages = new Map<number, Int32Array>();
    snapshot.eachPages((page, npages, words) => {
      for (let p = 0; p < npages; p++) pages.set(page + p, words.subarray(p * 2048, (p + 1) * 2048));
    });
    const word = (addr: number): number => pages.get(addr >>> 13)?.[(addr & 8191) >>> 2] ?? 0;
    const g = loadGraph(bytesSource(bytes));
    const seen = new Map<number, number>();
    for (const holder of this.#holders) {
      for (let i = 0; i < SLOTS; i++) {
        const slot = holder + 4 * i;
        const token = word(slot) >>> 0;
        if (token === 0) return `slot 0x${slot.toString(16)} is empty`;
        const id = word(token + 4);
        const what = `token 0x${token.toString(16)} in slot 0x${slot.toString(16)}`;
        if (snapshot.spans.find(token) === 0) return `${what} is no object`;
        if (word(token + 8) !== checkOf(id)) return `${what} is damaged: number ${id}`;
        if (word(token) >>> 0 !== token) return `${what} leads to 0x${(word(token) >>> 0).toString(16)}`;
        const other = seen.get(id);
        if (other !== undefined) return `${what}: its number ${id} is in slot 0x${other.toString(16)} too`;
        seen.set(id, slot);
      }
    }
    if (seen.size !== this.#next - 1) return `${seen.size} tokens of ${this.#next - 1}`;
    const holders = new Set(this.#holders);
    let edges = 0;
    for (let node = 1; node < g.nodes; node++) {
      if (holders.has(g.address[node]!)) edges += g.firstEdge[node + 1]! - g.firstEdge[node]!;
    }
    return edges === this.#next - 1 ? null : `${edges} pointers of holders`;
  }
}
