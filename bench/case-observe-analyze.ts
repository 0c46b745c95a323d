// Dominators and retained sizes of a graph of objects, as `spanheap inspect` works them out.
import { retainedByTypes } from '../src/analyze/by-type.ts';
import { dominatorsOf } from '../src/analyze/dominators.ts';
import { answer, taskOf } from './measure.ts';
import { type AnalyzeTask, heapGraph } from './observe/heap-graph.ts';

const graph = heapGraph(taskOf<AnalyzeTask>());
const cpu = process.cpuUsage();
const start = performance.now();
const dominators = dominatorsOf(graph);
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
const cpuSeconds = (user + system) / 1e6;
if (dominators.reached !== graph.nodes - 1) throw new Error(`${dominators.reached} of ${graph.nodes - 1} were reached`);
const peakMB = (process.resourceUsage().maxRSS * 1024) / 1e6;
const startTypes = performance.now();
const lists = graph.types.map((_, type) => [type]);
const byType = retainedByTypes(graph, dominators, lists);
const typesSeconds = (performance.now() - startTypes) / 1000;
answer({ seconds, cpuSeconds, typesSeconds, peakMB, edges: graph.edgeTo.length, sink: byType[0]! });
