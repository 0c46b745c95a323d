// binary-trees: the first run of the process, and one more.
import { binaryTrees, objectForest, rawForest, type TreeForm, typedForest } from './gc/trees.ts';
import { answer, taskOf } from './measure.ts';

export interface TreesTask {
  readonly form: TreeForm;
  readonly depth: number;
}

const { form, depth } = taskOf<TreesTask>();
const forest = { raw: rawForest, typed: typedForest, objects: objectForest }[form]();
const timed = (): { ms: number; checked: number } => {
  const start = performance.now();
  const checked = binaryTrees(forest, depth);
  return { ms: performance.now() - start, checked };
};
const { ms, checked } = timed();
const again = timed();
const nodes = nodesMade(depth);
if (checked !== nodes || again.checked !== nodes) throw new Error(`${checked} nodes counted of ${nodes}`);
const stats = forest.heap?.stats();
answer({
  ms,
  againMs: again.ms,
  checked,
  ...(stats && { collections: stats.gc.cycles, peakMB: stats.peakHeapBytes / 1e6 }),
});

/** What the program must count. */
function nodesMade(max: number): number {
  const size = (d: number): number => 2 ** (d + 1) - 1;
  let sum = size(max + 1) + size(max);
  for (let d = 4; d <= max; d += 2) sum += 2 ** (max - d + 4) * size(d);
  return sum;
}
