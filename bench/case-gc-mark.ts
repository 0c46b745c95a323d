// One full collection after the other of a graph that stays alive.
import { checksum, edges } from './gc/graph.ts';
import { buildObjects, buildRaw, buildTyped, type MarkTask } from './gc/mark.ts';
import { answer, medianOf, taskOf } from './measure.ts';

const task = taskOf<MarkTask>();
const graph = edges(task.nodes, task.shape);
const build = { raw: buildRaw, typed: buildTyped, objects: buildObjects }[task.form];
const { collect, count } = build(task, graph);

const timed = (): number => {
  const start = performance.now();
  collect();
  return performance.now() - start;
};
const firstMs = timed();
for (let i = 1; i < task.warm; i++) timed();
const cpu = process.cpuUsage();
const times = Array.from({ length: task.cycles }, timed);
const { user, system } = process.cpuUsage(cpu);
const live = count();
if (live < task.nodes) throw new Error(`of ${task.nodes} nodes ${live} are left`);
answer({
  ms: medianOf(times),
  best: Math.min(...times),
  firstMs,
  cpuMs: (user + system) / 1000 / task.cycles,
  checksum: checksum(graph),
});
