/**
 * The worker of the collector's stress tests: changes one graph together with others, and checks all that it reads. Each
 * item carries a number that follows from its id, and a text; dead ones are overwritten by the collector.
 */
import { workerData } from 'node:worker_threads';
import {
  attachHeap,
  type Heap,
  i32,
  map,
  type Ref,
  ref,
  type SharedHeap,
  type Slice,
  slice,
  string,
  struct,
  u32,
} from '../../src/index.ts';
import { type Random, random } from './random.ts';

export const Item = struct('Item', {
  id: i32,
  check: i32,
  text: string,
  get next() {
    return ref(Item);
  },
  get other() {
    return ref(Item);
  },
  get list() {
    return slice(ref(Item));
  },
});
export type ItemRef = Ref<typeof Item>;
/** What all threads change: the slots, and two maps. */
export const Arena = struct('Arena', {
  slots: slice(ref(Item)),
  names: map(string, ref(Item)),
  numbers: map(u32, ref(Item)),
});

/** Words shared with the test: for all, then for each worker. */
export const G_STOP = 0;
const G_WORKERS = 4;
export const GW_HEAP_ID = 0;
export const GW_PROGRESS = 1;
export const GW_PARKED = 2;
const GW_WORDS = 8;
export const graphWord = (i: number): number => G_WORKERS + i * GW_WORDS;
export const newGraphControl = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(4 * (G_WORKERS + 64 * GW_WORDS)));

export const SLOTS = 64;

export interface GraphInput {
  readonly shared: SharedHeap;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly index: number;
  readonly seed: number;
  /** Sleep up to 2 ms once in so many delay places. */
  readonly sleepOneIn?: number;
  /** Asks for a cycle once in so many rounds. */
  readonly collectOneIn?: number;
  /** Park for good at this delay place, the nth time it is reached. */
  readonly parkAt?: { readonly place: string; readonly visits: number };
}

const checkOf = (id: number): number => Math.imul(id, 0x9e3779b1) ^ 0x5bd1e995;

export function newItem(
  heap: Heap,
  id: number,
  rest: { next?: ItemRef | null; list?: (ItemRef | null)[] } = {},
): ItemRef {
  return heap.new(Item, { id, check: checkOf(id), text: `item ${id}`.repeat(1 + (id & 3)), ...rest });
}

/** Throws if an item is not what it was made as. */
export function checkItem(item: ItemRef): void {
  const { id } = item;
  if (item.check === checkOf(id) && item.text === `item ${id}`.repeat(1 + (id & 3))) return;
  throw new Error(`item ${id} is damaged: ${item.check} for ${checkOf(id)}, ${JSON.stringify(item.text)}`);
}

class Mutator {
  readonly #heap: Heap;
  readonly #rnd: Random;
  readonly #arena: Ref<typeof Arena>;
  readonly #held: ItemRef[] = [];
  #id: number;

  constructor(heap: Heap, index: number, rnd: Random) {
    this.#heap = heap;
    this.#rnd = rnd;
    this.#arena = heap.roots.get('arena', Arena)!;
    this.#id = index << 24;
  }

  /** A walk from a slot along random pointers; everything on the way is checked. */
  #walk(slots: Slice<ItemRef | null>): ItemRef | null {
    const rnd = this.#rnd;
    let at = slots.at(rnd.below(SLOTS));
    for (let steps = rnd.below(12); at !== null && steps > 0; steps--) {
      checkItem(at);
      const way = rnd.below(3);
      const to =
        way === 0 ? at.next : way === 1 ? at.other : at.list.length > 0 ? at.list.at(rnd.below(at.list.length)) : null;
      at = to ?? at;
    }
    if (at !== null) checkItem(at);
    return at;
  }

  round(): void {
    const rnd = this.#rnd;
    const slots = this.#arena.slots;
    const local: ItemRef[] = [];
    for (let i = 0; i < 20; i++) {
      const item = this.#heap.scope(() => this.#step(slots, local));
      if (item !== null) local.push(item);
    }
    for (const item of local) checkItem(item);
    for (const item of this.#held) checkItem(item);
    if (rnd.oneIn(8)) this.#heap.poll();
  }

  #step(slots: Slice<ItemRef | null>, local: readonly ItemRef[]): ItemRef | null {
    const rnd = this.#rnd;
    const heap = this.#heap;
    const slot = rnd.below(SLOTS);
    const some = (): ItemRef | null => (local.length > 0 && rnd.oneIn(2) ? rnd.pick(local) : this.#walk(slots));
    switch (rnd.below(12)) {
      case 0:
      case 1: {
        const made = newItem(heap, ++this.#id, { next: some(), list: [some(), null, some()] });
        slots.set(slot, made);
        return rnd.oneIn(2) ? made : null;
      }
      case 2: {
        // Takes something out of the graph: this thread alone has it.
        const taken = slots.at(slot);
        slots.set(slot, null);
        return taken;
      }
      case 3: {
        const [to, from] = [some(), some()];
        if (to !== null) to.next = from;
        return from;
      }
      case 4: {
        const to = some();
        if (to === null) return null;
        const moved = to.next;
        to.next = null;
        to.other = moved;
        return moved;
      }
      case 5:
        slots.set(slot, some());
        return null;
      case 6: {
        const held = some();
        if (held !== null && this.#held.length < 20) this.#held.push(held.hold());
        else this.#held.splice(rnd.below(20), 1)[0]?.dispose();
        return null;
      }
      case 7:
        return this.#roots(some());
      case 8:
        return this.#names(some());
      case 9:
        return this.#numbers(some());
      case 10:
        this.#raw();
        return null;
      default:
        for (let i = 0; i < 40; i++) heap.raw.mallocgc(1 + rnd.below(400), null, rnd.oneIn(2));
        if (rnd.oneIn(20)) heap.raw.mallocgc(33_000 + rnd.below(100_000), null, true);
        return null;
    }
  }

  #roots(item: ItemRef | null): ItemRef | null {
    const { roots } = this.#heap;
    const name = `r${this.#rnd.below(4)}`;
    const old = roots.get(name, Item) ?? null;
    if (item === null) roots.delete(name);
    else roots.set(name, item);
    return old;
  }

  #names(item: ItemRef | null): ItemRef | null {
    const { names } = this.#arena;
    const key = `key ${this.#rnd.below(50)}`;
    const old = names.get(key) ?? null;
    if (this.#rnd.oneIn(3)) names.delete(key);
    else if (this.#rnd.oneIn(2)) names.update(key, (now) => (now === undefined ? item : (now ?? undefined)));
    else names.set(key, item);
    return old;
  }

  #numbers(item: ItemRef | null): ItemRef | null {
    const { numbers } = this.#arena;
    const key = this.#rnd.below(200);
    const old = numbers.get(key) ?? null;
    if (this.#rnd.oneIn(3)) numbers.delete(key);
    else numbers.set(key, item);
    return old;
  }

  /** Memory that is freed by hand. */
  #raw(): void {
    const { raw } = this.#heap;
    const rnd = this.#rnd;
    const pin = raw.pin(raw.mallocgc(1 + rnd.below(3000), null, true));
    for (let i = rnd.below(100); i > 0; i--) raw.mallocgc(64, null, false);
    pin.unpin();
    raw.free(pin.addr);
  }
}

function run({ shared, control, index, seed, sleepOneIn, collectOneIn = 200, parkAt }: GraphInput): void {
  const heap = attachHeap(shared);
  const rnd = random(seed);
  const at = graphWord(index);
  let visits = 0;
  const onDelay = (place: string): void => {
    if (parkAt !== undefined && place === parkAt.place && ++visits === parkAt.visits) {
      Atomics.store(control, at + GW_PARKED, 1);
      for (;;) Atomics.wait(control, at + GW_PARKED, 1);
    }
    if (sleepOneIn !== undefined && rnd.oneIn(sleepOneIn)) Atomics.wait(control, at + GW_PARKED, 0, 1 + rnd.below(2));
  };
  heap.setHooks({ onDelay });
  Atomics.store(control, at + GW_HEAP_ID, heap.threadId);
  const mutator = new Mutator(heap, index, rnd);
  while (Atomics.load(control, G_STOP) === 0) {
    heap.scope(() => mutator.round());
    if (rnd.oneIn(collectOneIn)) heap.gc();
    if (rnd.oneIn(10)) heap.gcStep(0.1);
    Atomics.add(control, at + GW_PROGRESS, 1);
  }
  heap.detach();
}

const input = workerData as GraphInput | null;
if (input !== null && 'control' in input && 'seed' in input) run(input);
