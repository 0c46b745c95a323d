/** spanheap/observe: what looks into a heap from outside, in Node. */
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
