/** The worker of the thread tests. Its role says what it does; the words it shares with the test are in control.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, OutOfMemoryError, type RType, type SharedHeap } from '../../src/index.ts';
import {
  C_GO,
  C_POST,
  C_STOP,
  POST_BUSY,
  POST_EMPTY,
  POST_FULL,
  POST_SLOTS,
  POST_WORDS,
  TABLE_SLOTS,
  W_ERRORS,
  W_HEAP_ID,
  W_OUT_OF_MEMORY,
  W_PARKED,
  W_PROGRESS,
  W_TABLE,
  workerWord,
} from './control.ts';
import { checkPattern, fillPattern } from './pattern.ts';
import { type Random, random } from './random.ts';

export interface WorkerInput {
  readonly shared: SharedHeap;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly index: number;
  readonly role: Role;
  readonly seed: number;
  /** Largest object; most are small. */
  readonly maxSize?: number;
  /** Sleep up to 3 ms once in so many delay places. */
  readonly sleepOneIn?: number;
  /** Park for good at this delay place, the nth time it is reached. */
  readonly parkAt?: { readonly place: string; readonly visits: number };
  /** Objects to allocate, for the roles that count. */
  readonly count?: number;
}

export type Role = keyof typeof roles;

const input = workerData as WorkerInput;
const { control } = input;
const at = workerWord(input.index);
const heap = attachHeap(input.shared);
const { raw, memory } = heap;
const rnd: Random = random(input.seed);

function nap(ms: number): void {
  Atomics.wait(control, at + W_PARKED, 0, ms);
}

/** Reaches a place for the nth time: sleeps a while there, or for good. */
function delays(): (place: string) => void {
  let visits = 0;
  return (place) => {
    if (input.parkAt !== undefined && place === input.parkAt.place && ++visits === input.parkAt.visits) {
      Atomics.store(control, at + W_PARKED, 1);
      for (;;) Atomics.wait(control, at + W_PARKED, 1);
    }
    if (input.sleepOneIn !== undefined && rnd.oneIn(input.sleepOneIn)) nap(1 + rnd.below(3));
  };
}

class Churn {
  readonly #size: (r: Random) => number;
  readonly #type: RType;

  constructor(maxSize: number) {
    this.#size = (r) => {
      const kind = r.below(16);
      if (kind < 5) return 1 + r.below(15);
      if (kind < 12) return 16 + r.below(512);
      if (kind < 15) return 16 + r.below(Math.min(maxSize, 32768));
      return 1 + r.below(maxSize);
    };
    this.#type = raw.type({ name: 'node', size: 16, pointers: [0, 8] });
  }

  alloc(): [addr: number, size: number] | null {
    const size = this.#size(rnd);
    try {
      const scan = size >= 16 && rnd.oneIn(4);
      const addr = raw.mallocgc(size, scan ? this.#type : null, scan || rnd.oneIn(2));
      fillPattern(memory, addr, size);
      return [addr, size];
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      Atomics.add(control, at + W_OUT_OF_MEMORY, 1);
      return null;
    }
  }

  free(addr: number, size: number): void {
    if (checkPattern(memory, addr, size) >= 0) Atomics.add(control, at + W_ERRORS, 1);
    raw.free(addr);
  }

  /** One step on a random slot of the table: fill it, empty it, or swap its object with the post's. */
  step(): void {
    const slot = at + W_TABLE + rnd.below(TABLE_SLOTS) * 2;
    const addr = control[slot]! >>> 0;
    const size = control[slot + 1]!;
    if (addr === 0) {
      const made = this.alloc();
      if (made === null) {
        this.freeSome();
        return;
      }
      control[slot + 1] = made[1];
      Atomics.store(control, slot, made[0]);
      return;
    }
    Atomics.store(control, slot, 0);
    if (rnd.below(3) !== 0) this.free(addr, size);
    else if (rnd.oneIn(4)) this.resize(slot, addr, size);
    else this.post(addr, size);
  }

  resize(slot: number, addr: number, size: number): void {
    const to = this.#size(rnd);
    let next: number;
    try {
      next = raw.realloc(addr, to);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      Atomics.store(control, slot, addr);
      return;
    }
    // The kept part still has the bytes of the old address.
    const kept = Math.min(size, to);
    const byte = memory.u8[next]!;
    for (let i = 0; i < kept; i += 61) if (memory.u8[next + i] !== byte) Atomics.add(control, at + W_ERRORS, 1);
    fillPattern(memory, next, to);
    control[slot + 1] = to;
    Atomics.store(control, slot, next);
  }

  /** Puts an object in the post, for anybody to free, and frees what it finds there. */
  post(addr: number, size: number): void {
    const slot = C_POST + rnd.below(POST_SLOTS) * POST_WORDS;
    const state = Atomics.load(control, slot);
    if (state === POST_BUSY || Atomics.compareExchange(control, slot, state, POST_BUSY) !== state) {
      this.free(addr, size);
      return;
    }
    const otherAddr = control[slot + 1]! >>> 0;
    const otherSize = control[slot + 2]!;
    control[slot + 1] = addr;
    control[slot + 2] = size;
    Atomics.store(control, slot, POST_FULL);
    if (state === POST_FULL) this.free(otherAddr, otherSize);
  }

  freeSome(): void {
    for (let i = 0; i < TABLE_SLOTS; i += 3) {
      const slot = at + W_TABLE + i * 2;
      const addr = control[slot]! >>> 0;
      if (addr === 0) continue;
      Atomics.store(control, slot, 0);
      this.free(addr, control[slot + 1]!);
    }
  }

  freeAll(): void {
    for (let i = 0; i < TABLE_SLOTS; i++) {
      const slot = at + W_TABLE + i * 2;
      const addr = control[slot]! >>> 0;
      if (addr !== 0) this.free(addr, control[slot + 1]!);
      control[slot] = 0;
    }
  }
}

function stopped(): boolean {
  return Atomics.load(control, C_STOP) !== 0;
}

function progress(): void {
  Atomics.add(control, at + W_PROGRESS, 1);
}

/** Allocates `count` objects and notes them in the table. */
function fillTable(sizeOf: (i: number) => number): void {
  for (let i = 0; i < (input.count ?? TABLE_SLOTS); i++) {
    const size = sizeOf(i);
    const addr = raw.mallocgc(size, null, false);
    fillPattern(memory, addr, size);
    control[at + W_TABLE + i * 2 + 1] = size;
    control[at + W_TABLE + i * 2] = addr;
  }
}

const roles = {
  /** Allocates, resizes, frees, and swaps objects with the others until told to stop. Then it detaches. */
  churn(): void {
    const churn = new Churn(input.maxSize ?? 100_000);
    while (!stopped()) {
      heap.scope(() => {
        for (let i = 0; i < 50; i++) churn.step();
      });
      if (rnd.oneIn(8)) churn.step();
      progress();
    }
    churn.freeAll();
    heap.detach();
  },

  /** As churn, but stays: its objects and its caches are left to whoever reaps it. */
  leave(): void {
    const churn = new Churn(input.maxSize ?? 100_000);
    while (!stopped()) {
      churn.step();
      progress();
    }
  },

  /** Fills its table with objects of all kinds, and then sits in its event loop. 'detach' makes it detach. */
  hold(): void {
    const sizes = [1, 8, 12, 16, 48, 112, 1024, 30_000, 40_000];
    fillTable((i) => sizes[i % sizes.length]!);
    parentPort!.on('message', (message) => {
      if (message === 'detach') heap.detach();
      if (message === 'free') new Churn(1024).freeAll();
      progress();
      if (message !== 'free') parentPort!.close();
    });
    progress();
  },

  /** Fills the whole heap with 64-byte objects, frees every second one, and waits in its event loop. */
  hoard(): void {
    const addrs: number[] = [];
    try {
      for (;;) addrs.push(raw.mallocgc(64, null, false));
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    for (let i = 0; i < addrs.length; i += 2) raw.free(addrs[i]!);
    parentPort!.on('message', () => parentPort!.close());
    progress();
  },

  /** Sleeps outside of any region until the test says go. */
  blocked(): void {
    raw.free(raw.mallocgc(100, null, false));
    progress();
    Atomics.wait(control, C_GO, 0);
    raw.free(raw.mallocgc(100, null, false));
    progress();
  },

  /** A long region without safepoints: only when the test says go, it polls. */
  long(): void {
    heap.scope(() => {
      progress();
      while (Atomics.load(control, C_GO) === 0);
      progress();
      heap.poll();
      while (Atomics.load(control, C_GO) !== 2);
    });
  },

  /** Takes objects through the fast path alone: one size, always freed at once. Counts how far it is. */
  fast(): void {
    heap.scope(() => {
      const keep = raw.mallocgc(64, null, true);
      raw.free(raw.mallocgc(64, null, true));
      while (!stopped()) {
        const addr = raw.mallocgc(64, null, false);
        fillPattern(memory, addr, 64);
        raw.free(addr);
        progress();
      }
      raw.free(keep);
    });
  },

  /** Stops the world over and over. */
  verify(): void {
    for (let i = 0; i < (input.count ?? 1); i++) {
      heap.verify();
      progress();
    }
    heap.detach();
  },

  /** Puts `count` objects in the post, one slot after the other; frees none. */
  produce(): void {
    const sizes = [1, 3, 8, 15, 16, 100, 2048, 40_000];
    const type = raw.type({ name: 'cell', size: 100, pointers: [0, 96] });
    for (let i = 0; i < (input.count ?? 1); i++) {
      const slot = C_POST + (i % POST_SLOTS) * POST_WORDS;
      const size = sizes[rnd.below(sizes.length)]!;
      const addr = raw.mallocgc(size, size === 100 ? type : null, size === 100);
      fillPattern(memory, addr, size);
      while (Atomics.load(control, slot) !== POST_EMPTY) Atomics.wait(control, slot, POST_FULL, 1);
      control[slot + 1] = addr;
      control[slot + 2] = size;
      Atomics.store(control, slot, POST_FULL);
      Atomics.notify(control, slot);
      progress();
    }
    heap.detach();
  },

  /** Takes `count` objects out of the post and frees them. */
  consume(): void {
    for (let i = 0; i < (input.count ?? 1); i++) {
      const slot = C_POST + (i % POST_SLOTS) * POST_WORDS;
      while (Atomics.load(control, slot) !== POST_FULL) Atomics.wait(control, slot, POST_EMPTY, 1);
      const addr = control[slot + 1]! >>> 0;
      const size = control[slot + 2]!;
      Atomics.store(control, slot, POST_EMPTY);
      Atomics.notify(control, slot);
      if (checkPattern(memory, addr, size) >= 0) Atomics.add(control, at + W_ERRORS, 1);
      raw.free(addr);
      progress();
    }
    heap.detach();
  },
} satisfies Record<string, () => void>;

if (input.parkAt !== undefined || input.sleepOneIn !== undefined) heap.setHooks({ onDelay: delays() });
Atomics.store(control, at + W_HEAP_ID, heap.threadId);
roles[input.role]();
