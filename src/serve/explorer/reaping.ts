/**
 * The explorer's thread attaches itself to a heap while it takes a snapshot or runs a cycle. If it ends in there, what it
 * held is taken back by the threads that have those heaps. They are held weakly: a heap that nobody uses needs nothing.
 */
import type { ExplorableHeap } from './explore.ts';

export class ExploredHeaps {
  #heaps: WeakRef<ExplorableHeap>[] = [];

  add(heap: ExplorableHeap): void {
    this.#heaps = this.#heaps.filter((ref) => ref.deref() !== undefined);
    this.#heaps.push(new WeakRef(heap));
  }

  /** The ones that are still there. */
  all(): ExplorableHeap[] {
    return this.#heaps.flatMap((ref) => ref.deref() ?? []);
  }

  /** The worker with this thread id has ended. */
  reap(threadId: number): void {
    for (const heap of this.all()) {
      if (heap.attached) for (const id of heap.threadsOf(threadId)) heap.reap(id);
    }
  }
}
