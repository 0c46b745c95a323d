/** Workers that fail, and Ctrl-C: everyone stops, there is one error, and the heap has seen them off. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CliError } from '../../../../src/cli/errors.ts';
import type { SharedIndex } from '../../../../src/cli/index/shared-index.ts';
import { runWorkers } from '../../../../src/cli/index/team.ts';
import { createHeap } from '../../../../src/index.ts';

// Two words of page 0, which no object is ever in.
const STOP = 1;
const STARTED = 2;

/** Ends when it is told to stop, as a worker does that looks at the index. */
const STOPPABLE = `
  const timer = setInterval(() => {
    if (Atomics.load(words, ${STOP}) === 0) return;
    clearInterval(timer);
    parentPort.postMessage({ kind: 'stopped' });
  }, 5);`;

interface Run {
  readonly outcome: Promise<unknown>;
  /** Resolves when all workers run. */
  readonly started: () => Promise<void>;
}

/** Runs one worker for each program. */
function run(...programs: string[]): Run {
  const heap = createHeap({ maxBytes: 1 << 24, maxThreads: 8 });
  const words = heap.memory.i32;
  const index = { stop: () => Atomics.store(words, STOP, 1) } as unknown as SharedIndex;
  const cases = programs.map((program, i) => `case ${i}: {${program}; break}`).join('\n');
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    const words = new Int32Array(workerData.shared.data);
    Atomics.add(words, ${STARTED}, 1);
    switch (workerData.worker) { ${cases} }`;
  const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const jobs = programs.map((_, worker) => ({ job: 'build' as const, worker }));
  const outcome = runWorkers({ heap, index, workerUrl, onTick: () => {} }, jobs).finally(() => {
    heap.verify();
    expect(heap.stats().threads).toBe(1);
  });
  const started = async (): Promise<void> => {
    while (Atomics.load(words, STARTED) < programs.length) await sleep(1);
  };
  return { outcome, started };
}

test('what each said last', async () => {
  const say = (message: string): string =>
    `parentPort.postMessage({ kind: 'built' }); parentPort.postMessage(${message})`;
  const { outcome } = run(say("{ kind: 'built' }"), say("{ kind: 'checked', result: 1 }"));
  expect(await outcome).toEqual([{ kind: 'built' }, { kind: 'checked', result: 1 }]);
});

test('a worker that ends without a word stops the others', async () => {
  const { outcome } = run(STOPPABLE, 'process.exit(3)');
  await expect(outcome).rejects.toThrow(new CliError('a worker ended early, with exit code 3'));
});

test('a worker that throws', async () => {
  const { outcome } = run('throw new Error("no luck")', STOPPABLE);
  await expect(outcome).rejects.toThrow('no luck');
});

test('a worker that reports a failure', async () => {
  const failure = "{ code: 'ERR_OUT_OF_MEMORY', message: 'out of memory', stack: '' }";
  const { outcome } = run(STOPPABLE, `parentPort.postMessage({ kind: 'failed', failure: ${failure} })`);
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
  await started();
  process.emit(signal);
  const error: unknown = await outcome.catch((e: unknown) => e);
  expect(error).toEqual(new CliError('interrupted', exitCode));
  expect((error as CliError).exitCode).toBe(exitCode);
  expect(process.listenerCount(signal)).toBe(listeners);
});
