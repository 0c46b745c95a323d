/**
 * Memory for metadata that is never given back (Go: `persistentalloc`): a bump pointer through the persistent region.
 * Zeroed, as all memory that was never used. Lock: mheap.
 */
import { roundUp } from '../base/bits.ts';
import { NIL, type Ref } from '../base/brand.ts';
import { OutOfMemoryError } from '../base/errors.ts';
import { H_HEAP_LOCK, H_PERSISTENT_NEXT } from '../layout/header.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';

/** What to throw when `words` words were not to be had: the figures are of memory for metadata. */
export function outOfMetadata({ m, plan }: Mem, words: number): OutOfMemoryError {
  return new OutOfMemoryError(
    words * 4,
    (m[H_PERSISTENT_NEXT] - plan.persistent) * 4,
    (plan.end - plan.persistent) * 4,
  );
}

/** `words` words aligned to `align` words, or nil when the region is used up. */
export function persistentAlloc(t: Proc, words: number, align = 2): Ref {
  t.assertHeld(H_HEAP_LOCK);
  const { m, plan } = t.mem;
  const at = roundUp(m[H_PERSISTENT_NEXT], align);
  if (at + words > plan.end) return NIL as Ref;
  m[H_PERSISTENT_NEXT] = at + words;
  return at as Ref;
}
