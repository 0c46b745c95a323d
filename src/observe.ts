/** spanheap/observe: what looks at heaps from outside, for Node. */
export {
  type ExplorableHeap,
  type ExploreOptions,
  type Explorer,
  explore,
} from './serve/explorer/explore.ts';
export {
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
