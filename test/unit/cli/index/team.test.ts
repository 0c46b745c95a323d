/** Workers that fail, and Ctrl-C: everyone stops, there is one error, and the heap has seen them off. */
import { BroadcastChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { CliError } from '../../../../src/cli/errors.ts';
import type { SharedIndex } from '../../../../src/cli/index/shared-index.ts';
import { runWorkers } from '../../../../src/cli/index/team.ts';
import { createHeap } from '../../../../src/index.ts';

/** Ends when it is told to stop, as a worker does that looks at the index. */
const STOPPABLE = `
  const channel = new BroadcastChannel('stop');
  channel.onmessage = () => {
    parentPort.postMessage({ kind: 'stopped' });
    channel.close();
  };
  parentPort.postMessage({ kind: 'built' });`;

interface Run {
  readonly outcome: Promise<unknown>;
  /** Workers that have said something. */
  readonly started: Promise<void>;
}

/** Runs one worker for each program. */
function run(...programs: string[]): Run {
  const heap = createHeap({ maxBytes: 1 << 24, maxThreads: 8 });
  const channel = new BroadcastChannel('stop');
  const index = { stop: () => channel.postMessage('stop') } as unknown as SharedIndex;
  const cases = programs.map((program, i) => `case ${i}: {${program}; break}`).join('\n');
  const source = `
    import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
    new BroadcastChannel('started').postMessage(workerData.worker);
    switch (workerData.worker) { ${cases} }
    process.getActiveResourcesInfo;`;
  const ready = new BroadcastChannel('started');
  const started = new Promise<void>((resolve) => {
    let count = 0;
    ready.onmessage = () => {
      if (++count < programs.length) return;
      ready.close();
      resolve();
    };
  });
  const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const jobs = programs.map((_, worker) => ({ job: 'build' as const, worker }));
  const outcome = runWorkers({ heap, index, workerUrl, onTick: () => {} }, jobs).finally(() => {
    channel.close();
    ready.close();
    heap.verify();
    expect(heap.stats().threads).toBe(1);
  });
  return { outcome, started };
}

test('what each said last', async () => {
  const say = (message: string): string =>
    `parentPort.postMessage({ kind: 'built' }); parentPort.postMessage(${message})`;
  const { outcome } = run(say("{ kind: 'built' }"), say("{ kind: 'checked', result: 1 }"));
  expect(await outcome).toEqual([{ kind: 'built' }, { kind: 'checked', result: 1 }]);
});

test('a worker that ends without a word stops the others', async () => {
  const { outcome } = run(STOPPABLE, 'setTimeout(() => process.exit(3), 200)');
  await expect(outcome).rejects.toThrow(new CliError('a worker ended early, with exit code 3'));
});

test('a worker that throws', async () => {
  const { outcome } = run('throw new Error("no luck")', STOPPABLE);
  await expect(outcome).rejects.toThrow('no luck');
});

test('a worker that reports a failure', async () => {
  const failure = "{ code: 'ERR_OUT_OF_MEMORY', message: 'out of memory', stack: '' }";
  const { outcome } = run(
    STOPPABLE,
    `setTimeout(() => parentPort.postMessage({ kind: 'failed', failure: ${failure} }), 200)`,
  );
  await expect(outcome).rejects.toThrow(new CliError('out of memory; more memory: --max-bytes'));
});

test("a worker that is out of V8's memory", async () => {
  // A limit of the worker's own would need an option nobody else has use for: this is what Node throws then.
  const { outcome } = run("throw Object.assign(new Error('limit reached'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })");
  await expect(outcome).rejects.toThrow("a worker is out of V8's memory: limit reached");
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s stops all, exit code %d; nobody listens afterwards', async (signal, exitCode) => {
  const listeners = process.listenerCount(signal);
  const { outcome, started } = run(STOPPABLE, STOPPABLE);
  await started;
  process.emit(signal);
  const error: unknown = await outcome.catch((e: unknown) => e);
  expect(error).toEqual(new CliError('interrupted', exitCode));
  expect((error as CliError).exitCode).toBe(exitCode);
  expect(process.listenerCount(signal)).toBe(listeners);
});
