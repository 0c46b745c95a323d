/** spanheap/observe: what looks at heaps from outside, for Node. */

export { SnapshotError, type SnapshotErrorCode } from './analyze/errors.ts';
export type { GraphRoot, GraphType, HeapGraph } from './analyze/graph.ts';
export { graphOf, type LoadOptions, loadGraph } from './analyze/load-graph.ts';
export { SnapshotObjects } from './analyze/read-object.ts';
export { Snapshot } from './analyze/snapshot.ts';
export { bytesSource, type Source } from './analyze/source.ts';
export { type VerifyRow, verifySnapshot } from './analyze/verify-snapshot.ts';
export {
  type ExplorableHeap,
  type ExploreOptions,
  type Explorer,
  explore,
} from './serve/explorer/explore.ts';
export {
  type PprofOptions,
  type PprofResponse,
  type ProfiledHeap,
  pprofResponse,
  writeHeapProfile,
} from './serve/pprof.ts';
export { type EncodeOptions, encodeHeapProfile, type SampleType } from './serve/pprof-encode.ts';
export {
  type HeapMetric,
  type HeapMetricsOptions,
  type HeapSample,
  type MeteredHeap,
  type MetricRegistry,
  type MetricsRequest,
  type MetricsResponse,
  metricsHandler,
  metricsText,
  registerHeapMetrics,
} from './serve/prometheus.ts';
export { type HandlerOptions, observeHandler } from './serve/routes.ts';
export {
  openSnapshotFile,
  type WriteSnapshotOptions,
  writeSnapshot,
  writeSnapshotSync,
} from './serve/snapshot-file.ts';
export {
  type RecordOptions,
  recordTrace,
  type TraceFormat,
  type TraceRecording,
  type TraceSummary,
} from './serve/trace-files.ts';
