/**
 * Span classes (Go: `spanClass`): what shares a span. A size class, and whether the objects are without pointers: those
 * never share a span with the others, so that the collector need not look into them.
 *
 * For all but the fast paths and the marker's loop, which have these written out: what V8 inlines into one function is
 * limited.
 */
import type { SpanClass } from '../base/brand.ts';

export function makeSpanClass(sizeClass: number, noscan: boolean): SpanClass {
  return ((sizeClass << 1) | (noscan ? 1 : 0)) as SpanClass;
}

export function sizeClassOf(spanClass: number): number {
  return spanClass >>> 1;
}

/** Objects without pointers. */
export function isNoscan(spanClass: number): boolean {
  return (spanClass & 1) !== 0;
}

/** A span of its own for one object that is larger than all size classes: size class 0. */
export function isLargeClass(spanClass: number): boolean {
  return spanClass < 2;
}
