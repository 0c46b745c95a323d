/** What went wrong in a worker, in a form that crosses to the main thread, and the error that a person is shown. */
import { SpanheapError } from '../../index.ts';
import { CliError, printable } from '../errors.ts';

export interface Failure {
  /** The heap's or Node's error code; '' for anything else, which is a mistake of the program. */
  readonly code: string;
  readonly message: string;
  readonly stack: string;
}

export function asFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: '', message: String(error), stack: '' };
  const code = error instanceof SpanheapError ? error.code : ((error as NodeJS.ErrnoException).code ?? '');
  return { code, message: error.message, stack: error.stack ?? '' };
}

/** A worker that ended without a word. */
export function earlyEnd(exitCode: number): Failure {
  return { code: 'EARLY_END', message: `a worker ended early, with exit code ${exitCode}`, stack: '' };
}

/** The error to show, in one line unless it is a mistake of ours. */
export function explain({ code, message, stack }: Failure): Error {
  if (code === 'ERR_OUT_OF_MEMORY') return new CliError(`${message}; more memory: --max-bytes`);
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return new CliError(`a worker is out of V8's memory: ${message}`);
  if (code === '') return new Error(`${message}\n${stack}`);
  return new CliError(printable(message));
}

/** Runs `fn`, which uses the heap on the main thread, and explains the heap's errors. */
export function explaining<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw error instanceof SpanheapError ? explain(asFailure(error)) : error;
  }
}
