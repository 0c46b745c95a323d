/** What the heap knows of the thread it runs in. The one place that asks the platform. */

/** The part of Node's `Worker` that `heap.watch` needs. */
export interface WorkerLike {
  readonly threadId: number;
  once(event: 'exit', listener: () => void): unknown;
}

interface NodeProcess {
  getBuiltinModule?: (name: string) => { threadId?: number } | undefined;
  /** Node marks what a worker may not do, as `disabled`. */
  abort?: { disabled?: boolean };
}

/** Node's id of this thread, 0 for the main thread; −1 where there is none. */
export function currentThreadId(): number {
  const { process } = globalThis as { process?: NodeProcess };
  if (process?.getBuiltinModule === undefined) return -1;
  // Loading the module costs 2 ms of a program that has no workers yet, and the main thread's id is always 0.
  if (process.abort?.disabled !== true) return 0;
  return process.getBuiltinModule('node:worker_threads')?.threadId ?? -1;
}
