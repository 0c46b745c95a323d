/**
 * Where layers above attach to the page-level events. All run on slow paths, outside of locks. Declared beside their
 * caller, wired by `runtime`.
 */
import type { SpanRef } from '../base/brand.ts';

export interface SpanHooks {
  /** A span went into use. */
  onSpanAlloc?: ((s: SpanRef) => void) | undefined;
  /** A span is about to go back to mheap; its record is still valid. */
  onSpanFree?: ((s: SpanRef) => void) | undefined;
  /** The heap grew: `pages` pages from `page` on became known to the page allocator. */
  onGrow?: ((page: number, pages: number) => void) | undefined;
}
