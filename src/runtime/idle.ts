/** Running something when the thread has nothing else to do. */

interface Scheduler {
  setImmediate?: (fn: () => void) => { unref?: () => void };
  requestIdleCallback?: (fn: () => void) => unknown;
  setTimeout: (fn: () => void, ms: number) => { unref?: () => void } | number;
}

/** Calls `fn` soon from the event loop; does not keep the process alive. */
export function whenIdle(fn: () => void): void {
  const scheduler = globalThis as unknown as Scheduler;
  if (scheduler.setImmediate !== undefined) scheduler.setImmediate(fn).unref?.();
  else if (scheduler.requestIdleCallback !== undefined) scheduler.requestIdleCallback(fn);
  else scheduler.setTimeout(fn, 0);
}
