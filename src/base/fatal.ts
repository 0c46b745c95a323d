/** What becomes of a heap that is found broken. */
import { SpanheapError } from './errors.ts';

/** A broken invariant inside the allocator. The heap must not be used any more. */
export function fatal(message: string): never {
  throw new SpanheapError('ERR_FATAL', `fatal error: ${message}`);
}
