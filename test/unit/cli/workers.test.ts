/** Workers that fail: the replay ends, with one error, and the heap has seen them off. */
import { expect, test } from 'vitest';
import { ContentChecks } from '../../../src/cli/replay/checks.ts';
import { createControl } from '../../../src/cli/replay/control.ts';
import { Findings } from '../../../src/cli/replay/findings.ts';
import { laneInput } from '../../../src/cli/replay/lane.ts';
import { planReplay } from '../../../src/cli/replay/plan.ts';
import { SampleLog } from '../../../src/cli/replay/samples.ts';
import { replayOnWorkers } from '../../../src/cli/replay/workers.ts';
import { createHeap } from '../../../src/index.ts';
import { readText, trace } from './recordings.ts';

async function replayWith(program: string): Promise<void> {
  const recording = await readText(trace('a 1 100 0', 'f 1 0'));
  const plan = planReplay(recording, 2, 1 << 30);
  const heap = createHeap({ gc: 'off', maxBytes: 1 << 24, maxThreads: 3 });
  const findings = new Findings(new SampleLog(), new ContentChecks(heap.memory));
  const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  try {
    await replayOnWorkers(heap, laneInput(recording, plan, createControl(2), true), findings, {
      workerUrl,
      onProgress: () => {},
    });
  } finally {
    heap.verify();
  }
}

test('a worker that ends without a word', async () => {
  await expect(replayWith('process.exit(3)')).rejects.toThrow('a worker ended early, with exit code 3');
});

test('a worker that throws', async () => {
  await expect(replayWith('throw new Error("no luck")')).rejects.toThrow('no luck');
});
