/**
 * A replay that could not be finished: where it stood and why, in a form that crosses from a worker to the main thread,
 * and the message a person gets.
 */
import { SpanheapError } from '../../index.ts';
import { CliError, printable } from '../errors.ts';
import { formatCount } from '../sizes.ts';
import type { ReplayHeap } from './heap.ts';
import { OP_ALLOC, OP_CALLOC, OP_FREE, OP_RESIZE, objectName, type Recording } from './recording.ts';

export interface LaneFailure {
  /** Event that was being replayed, or -1 when it was none's fault. */
  readonly event: number;
  /** The heap's error code, or '' for anything that is not an error of the heap. */
  readonly code: string;
  readonly message: string;
  readonly stack: string;
}

export class LaneError extends Error {
  readonly failure: LaneFailure;
  constructor(failure: LaneFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function asFailure(error: unknown, event: number): LaneFailure {
  if (!(error instanceof Error)) return { event, code: '', message: String(error), stack: '' };
  const code = error instanceof SpanheapError ? error.code : '';
  return { event, code, message: error.message, stack: error.stack ?? '' };
}

const DOING = {
  [OP_ALLOC]: 'allocating',
  [OP_CALLOC]: 'allocating zeroed',
  [OP_FREE]: 'freeing',
  [OP_RESIZE]: 'resizing',
};

/** The error to show. After an out-of-memory error the heap must be intact, so that is looked at and said. */
export function explainFailure(failure: LaneFailure, recording: Recording, heap: ReplayHeap): Error {
  const { event, code, message } = failure;
  const file = printable(recording.file);
  if (code === '') return new Error(`${file}: ${message}\n${failure.stack}`);
  if (event < 0) return new CliError(`${file}: ${message}`);
  const doing = DOING[recording.ops[event] as keyof typeof DOING];
  const name = objectName(recording, recording.subjects[event]);
  const told = `${file}: event ${formatCount(event + 1)} of ${formatCount(recording.events)}, ${doing} object ${name}: ${message}`;
  if (code !== 'ERR_OUT_OF_MEMORY') return new CliError(told);
  const broken = verifyHeap(heap);
  return new CliError(
    broken === null
      ? `${told}\nspanheap: the heap is intact (verify found nothing); more memory: --max-bytes`
      : `${told}\nspanheap: the heap is damaged: ${broken}`,
  );
}

/** The first broken invariant, or null. */
export function verifyHeap(heap: Pick<ReplayHeap, 'verify'>): string | null {
  try {
    heap.verify();
    return null;
  } catch (error) {
    if (error instanceof SpanheapError) return error.message;
    throw error;
  }
}
