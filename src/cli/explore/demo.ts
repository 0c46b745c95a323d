/** `spanheap explore` without a program: two workers with a site each, in one heap. */
import { Worker } from 'node:worker_threads';
import { createHeap } from '../../index.ts';
import { CliError } from '../errors.ts';
import type { DemoInput } from './demo-worker.ts';

const MAX_BYTES = 512 << 20;
const SITES = [
  { name: 'encyclopedia', pages: 12_000, pauseMs: 20 },
  { name: 'gazette', pages: 5_000, pauseMs: 35 },
] as const;

export interface Demo {
  /** Rejects when a worker fails; else never settles. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Starts the demonstration. `onHeap` gets its heap before anything happens in it. */
export function startDemo(workerUrl: URL): Demo {
  const heap = createHeap({ maxBytes: MAX_BYTES });
  const workers = SITES.map((site) => {
    const workerData: DemoInput = { ...site, shared: heap.share() };
    const worker = new Worker(workerUrl, { workerData, name: `spanheap demo ${site.name}` });
    heap.watch(worker);
    return worker;
  });
  const failed = new Promise<never>((_, reject) => {
    for (const worker of workers) {
      worker.once('error', (error) => reject(new CliError(`the demonstration has failed: ${error.message}`)));
    }
  });
  return {
    failed,
    close: async () => {
      // One by one: to reap one the world is stopped, and a thread that has just been killed as well comes to no safepoint.
      for (const worker of workers) await worker.terminate();
    },
  };
}
