/**
 * What it takes to read a heap: its memory, and its size classes. The MHeap of a thread is such a thing; so is one that
 * belongs to no thread, for looking at a heap without being attached to it (observe/view.ts).
 */
import { H_TINY } from '../layout/header.ts';
import { makeSpanClass } from '../layout/span-class.ts';
import type { Mem } from '../sys/mem.ts';
import type { SizeClassTable } from './size-classes.ts';

export interface HeapReader {
  readonly t: { readonly mem: Mem };
  readonly classes: SizeClassTable;
  /** Span class of tiny blocks, which no size maps to; −1 when they are off. */
  readonly tinySpanClass: number;
  /** Span classes are below this. */
  readonly spanClasses: number;
}

/** Reads memories without a thread: takes no lock, waits for nobody, and nobody waits for it. */
export function readerOf(mem: Mem, classes: SizeClassTable): HeapReader {
  return {
    t: { mem },
    classes,
    tinySpanClass: mem.m[H_TINY] === 0 ? -1 : makeSpanClass(classes.tinyClass, true),
    spanClasses: classes.tinyClass * 2 + 2,
  };
}
