/** spanheap/observe: what looks at heaps from outside, for Node. */
export {
  type ExplorableHeap,
  type ExploreOptions,
  type Explorer,
  explore,
} from './serve/explorer/explore.ts';
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
export {
  type RecordOptions,
  recordTrace,
  type TraceFormat,
  type TraceRecording,
  type TraceSummary,
} from './serve/trace-files.ts';
