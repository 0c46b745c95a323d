/** Views of heaps for users: of what another thread shares. */
import { HeapView } from '../observe/view.ts';
import { readerOf } from '../spans/heap-reader.ts';
import { checkShared, readClasses, type SharedHeap } from './init.ts';

/**
 * A view of a heap that another thread made, without being attached to it: for observers. `shared` is what `heap.share()`
 * returned. Throws AttachError for anything else, and for a heap of another layout version.
 */
export function viewHeap(shared: SharedHeap): HeapView {
  const mem = checkShared(shared, 'viewHeap');
  return new HeapView(readerOf(mem, readClasses(mem)));
}
