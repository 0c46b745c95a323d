/** The worker of the tests of references and roots. Its role says what it does; it is mostly terminated while doing it. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type Heap, i32, ref, type SharedHeap, slice, struct } from '../../src/index.ts';

export const Cell = struct('Cell', {
  key: i32,
  get next() {
    return ref(Cell);
  },
});

/** Words that the test and its worker share. */
export const R_ID = 0;
export const R_PARKED = 1;
export const R_WORDS = 2;

export interface ReferencesInput {
  readonly shared: SharedHeap;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly role: 'hold' | 'poll' | 'churn' | 'fill' | 'answer' | 'names' | 'capture';
  /** References to make in nested scopes, and outside of all. */
  readonly local?: number;
  readonly handles?: number;
  /** Stop for good at this delay place, the nth time it is reached; else inside the innermost scope. */
  readonly parkAt?: { readonly place: string; readonly visits: number };
}

function park(control: Int32Array<SharedArrayBuffer>): never {
  Atomics.store(control, R_PARKED, 1);
  for (;;) Atomics.wait(control, R_PARKED, 1);
}

function parkThere(heap: Heap, control: ReferencesInput['control'], at: NonNullable<ReferencesInput['parkAt']>): void {
  let visits = 0;
  const onDelay = (place: string): void => {
    if (place === at.place && ++visits === at.visits) park(control);
  };
  heap.setHooks({ onDelay });
}

const roles = {
  /** Makes references, and stays inside the innermost scope until it is terminated. */
  hold({ shared, control, local = 0, handles = 0, parkAt }: ReferencesInput): void {
    const heap = attachHeap(shared);
    Atomics.store(control, R_ID, heap.threadId);
    if (parkAt !== undefined) parkThere(heap, control, parkAt);
    const kept = Array.from({ length: handles }, (_, key) => heap.new(Cell, { key }));
    heap.scope(() => {
      for (let key = 0; key < local >> 1; key++) heap.new(Cell, { key });
      heap.scope(() => {
        for (let key = 0; key < local >> 1; key++) heap.new(Cell, { key });
        // Gives segments back, and takes them again.
        heap.scope(() => {
          for (let key = 0; key < local; key++) heap.new(Cell, { key });
        });
        if (kept.every((cell, key) => cell.key === key)) park(control);
      });
    });
  },

  /** Stays inside a scope, and lets others stop the world. */
  poll({ shared, control }: ReferencesInput): void {
    const heap = attachHeap(shared);
    Atomics.store(control, R_ID, heap.threadId);
    heap.scope(() => {
      Atomics.store(control, R_PARKED, 1);
      for (;;) heap.poll();
    });
  },

  /** Allocates small and large objects, in scopes. */
  churn({ shared, control }: ReferencesInput): void {
    const heap = attachHeap(shared);
    Atomics.store(control, R_ID, heap.threadId);
    for (;;) {
      heap.scope(() => {
        for (let key = 0; key < 5000; key++) heap.new(Cell, { key });
        heap.make(slice(i32), 9000);
      });
      Atomics.store(control, R_PARKED, 1);
    }
  },

  /** Allocates until no memory is left. */
  fill({ shared, control, parkAt }: ReferencesInput): void {
    const heap = attachHeap(shared);
    Atomics.store(control, R_ID, heap.threadId);
    if (parkAt !== undefined) parkThere(heap, control, parkAt);
    for (;;) heap.raw.mallocgc(4096, null, false);
  },

  /** Sets and deletes roots of ever new names. */
  names({ shared, control, parkAt }: ReferencesInput): void {
    const heap = attachHeap(shared);
    Atomics.store(control, R_ID, heap.threadId);
    if (parkAt !== undefined) parkThere(heap, control, parkAt);
    const cell = heap.new(Cell);
    for (let i = 0; ; i++) {
      heap.roots.set(`name ${i}`, cell);
      heap.roots.delete(`name ${i}`);
    }
  },

  /** Begins a snapshot, and stays in the middle of it. */
  capture({ shared, control }: ReferencesInput): void {
    const heap = attachHeap(shared);
    Atomics.store(control, R_ID, heap.threadId);
    const pieces = heap.snapshot();
    void pieces.next().then(async () => {
      await pieces.next();
      park(control);
    });
  },

  /** Looks at the root `question` until it is there, and sets `answer` to the sum of the list. */
  answer({ shared }: ReferencesInput): void {
    const heap = attachHeap(shared);
    for (let found = false; !found; ) {
      heap.scope(() => {
        const question = heap.roots.get('question', Cell);
        if (question === undefined) return;
        let sum = 0;
        for (let cell: typeof question | null = question; cell !== null; cell = cell.next) sum += cell.key;
        heap.roots.set('answer', heap.new(Cell, { key: sum, next: question }));
        found = heap.roots.delete('question');
      });
    }
    heap.detach();
  },
};

if (parentPort !== null && workerData !== null) {
  const input = workerData as ReferencesInput;
  roles[input.role](input);
}
