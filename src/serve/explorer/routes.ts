/** What an explorer's server answers besides the explorer, of a heap that it sees through its shared memory. */
import type { HeapView } from '../../observe/view.ts';
import { attachHeap } from '../../runtime/heap.ts';
import type { SharedHeap } from '../../runtime/init.ts';
import { observerRoutes, type Routes } from '../routes.ts';

export function routesOf(view: HeapView, shared: SharedHeap): Routes {
  return observerRoutes({
    metered: view,
    attach: () => {
      const heap = attachHeap(shared);
      return { heap, release: () => heap.detach() };
    },
  });
}
