/** spanheap/observe: what looks at heaps from outside, for Node. */
export {
  type ExplorableHeap,
  type ExploreOptions,
  type Explorer,
  explore,
} from './serve/explorer/explore.ts';
export {
  type RecordOptions,
  recordTrace,
  type TraceFormat,
  type TraceRecording,
  type TraceSummary,
} from './serve/trace-files.ts';
