/** Heaps as they are made: `createHeap` calls the function that is left here; see runtime/worker-threads.ts. */

const CREATED = Symbol.for('spanheap.created');

/** Calls `onHeap` for each heap that this thread makes from now on; what is returned ends that. */
export function listenForHeaps(onHeap: (heap: unknown) => void): () => void {
  const place = globalThis as { [CREATED]?: (heap: unknown) => void };
  const before = place[CREATED];
  place[CREATED] = (heap) => {
    before?.(heap);
    onHeap(heap);
  };
  return () => {
    if (before === undefined) delete place[CREATED];
    else place[CREATED] = before;
  };
}
