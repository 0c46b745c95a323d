// What the case of maps on several threads and its workers agree on.
import type { SharedHeap } from '../src/index.ts';
import type { MapWork } from './maps/workload.ts';

export interface MapThreadTask {
  readonly work: MapWork;
  readonly seed: number;
  readonly warmMs: number;
  readonly ms: number;
  /** The heap with the map, or none: a JS Map of the thread's own. */
  readonly heap: SharedHeap | undefined;
  /** One word, 0 until every thread is warm. */
  readonly go: Int32Array<SharedArrayBuffer>;
}
