/** What a replay uses of a heap. */
import type { Heap } from '../../index.ts';

export type ReplayHeap = Pick<Heap, 'scope' | 'poll' | 'raw' | 'memory' | 'stats' | 'verify'>;
export type HeapStats = ReturnType<Heap['stats']>;
