/**
 * Ctrl-C, and SIGTERM. Whoever has begun something that must be ended well says how; one that begins later goes first, since
 * it is a part of what began before. Each is told once, of one signal: the next one goes to the one before it, and when none
 * is left it ends the program as if nobody had listened.
 */
import { CliError } from './errors.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

type Handler = (exitCode: number) => void;

const handlers: Handler[] = [];
const listeners = Object.entries(EXIT_CODES).map(([name, exitCode]) => ({ name, listener: () => tell(exitCode) }));

/** `onSignal` gets the exit code that the program is to end with. What is returned ends that. */
export function catchSignals(onSignal: Handler): () => void {
  const handler: Handler = (exitCode) => onSignal(exitCode);
  if (handlers.length === 0) for (const { name, listener } of listeners) process.on(name, listener);
  handlers.push(handler);
  return () => remove(handler);
}

/**
 * Runs `work`, which a signal ends: `onSignal` stops it from outside, or it calls `check` now and then, which throws. Whatever
 * comes of it then, the program says `interrupted`.
 */
export async function interruptible<T>(work: (check: () => void) => Promise<T>, onSignal = (): void => {}): Promise<T> {
  let exitCode = 0;
  const check = (): void => {
    if (exitCode !== 0) throw new CliError('interrupted', exitCode);
  };
  const stopListening = catchSignals((code) => {
    exitCode = code;
    onSignal();
  });
  try {
    return await work(check);
  } finally {
    stopListening();
    check();
  }
}

function tell(exitCode: number): void {
  const handler = handlers.at(-1)!;
  remove(handler);
  handler(exitCode);
}

function remove(handler: Handler): void {
  const place = handlers.indexOf(handler);
  if (place < 0) return;
  handlers.splice(place, 1);
  if (handlers.length === 0) for (const { name, listener } of listeners) process.off(name, listener);
}
