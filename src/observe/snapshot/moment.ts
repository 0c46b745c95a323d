/**
 * What is copied of a heap while it stands still for a snapshot: all that goes on changing while a cycle is held open, and
 * nothing else (threads/hold.ts). Large arrays are made, and touched, before the stop, so that it is only copying.
 *
 *   - where spans of objects begin. The spans stay, and their records. Allocation bits are copied by who changes them
 *     (spans/held-bits.ts), but for those of the threads' windows;
 *   - the frees that threads have noted for each other;
 *   - roots: shadow stacks and handle tables as they are, the words of procs, addresses of named roots;
 *   - special records; large objects that are being cleared, whose type is still to come.
 *
 * Blocks of tiny objects that threads are filling are closed: from here on no block that holds an object changes.
 */
import { ctz32 } from '../../base/bits.ts';
import { NIL, type Ref, type SpanRef, type Words } from '../../base/brand.ts';
import { eachHandleSegment, eachStackRange } from '../../gc/roots.ts';
import { GC_RESERVED } from '../../layout/gc.ts';
import { H_GROWN_PAGES, H_ROOTS } from '../../layout/header.ts';
import {
  PROC_ALLOCATING,
  PROC_EPOCH,
  PROC_ID,
  PROC_KEEP,
  PROC_REMOTE_HEAD,
  PROC_TINY,
  PROC_TINY_MASK,
  SEGMENT_SLOTS,
  SEGMENT_WORDS,
} from '../../layout/proc.ts';
import { ROOT_ADDR, ROOT_NEXT, ROOT_TYPE } from '../../layout/root.ts';
import { NO_EPOCH, SNAP_EPOCH } from '../../layout/snapshot.ts';
import {
  SPAN_BITS_EPOCH,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_NELEMS,
  SPAN_REMOTE_NEXT,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../../layout/span.ts';
import {
  KIND_INTERNED,
  KIND_PROFILE,
  KIND_WEAK,
  SPECIAL_ADDR,
  SPECIAL_KIND,
  SPECIAL_NEXT,
  SPECIAL_PROC,
} from '../../layout/special.ts';
import { keepWindows } from '../../spans/held-bits.ts';
import type { MHeap } from '../../spans/mheap.ts';
import type { Mem } from '../../sys/mem.ts';
import { attachedProcs, usedProcs } from '../../threads/stop-the-world.ts';
import { ROOT_ALLOCATING, ROOT_HANDLE, ROOT_KEEP, ROOT_STACK, ROOT_TINY } from './format.ts';

/** Words beyond what was counted before the stop. */
const SLACK = 1 << 16;
/** Words of a special record here. */
const SPECIAL_WORDS = 3;

/** Words that are appended to, with room made in advance. */
class WordList {
  #words: Int32Array;
  length = 0;

  constructor(room: number) {
    this.#words = touched(room);
  }

  get words(): Int32Array {
    return this.#words.subarray(0, this.length);
  }

  push(word: number): void {
    this.#reserve(1);
    this.#words[this.length++] = word;
  }

  copy(from: Words): void {
    this.#reserve(from.length);
    this.#words.set(from, this.length);
    this.length += from.length;
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#words.length) return;
    const larger = new Int32Array((this.length + more) * 2);
    larger.set(this.words);
    this.#words = larger;
  }
}

/** Memory that the system has given already. */
function touched(words: number): Int32Array {
  return new Int32Array(words).fill(1);
}

/** Roots of one thread that lie in a row: words `from` to `end` of `rootWords`, addresses or 0. */
export interface RootRun {
  readonly kind: number;
  readonly thread: number;
  readonly from: number;
  readonly end: number;
}

export interface NamedRoot {
  readonly record: Ref;
  readonly addr: number;
  readonly type: number;
}

export class Moment {
  readonly #heap: MHeap;
  readonly #mem: Mem;
  time = 0;
  grownPages = 0;
  /** A bit a page that spans of objects begin at. */
  #inUse: Int32Array;
  /** Frees that are noted and not taken: bits of the slots, then of a span of tiny blocks a word a slot. */
  readonly noted = new Map<SpanRef, Int32Array>();
  readonly rootWords: WordList;
  readonly rootRuns: RootRun[] = [];
  readonly named: NamedRoot[] = [];
  /** Kind, address, and thread of the callback (else 0) of each special record. */
  readonly specials: WordList;
  /** Addresses of large objects that are being cleared. */
  readonly clearing = new Set<number>();
  /** Identifies which threads were attached, and how many of the program's besides this one. */
  attached = '';
  others = 0;

  /** Makes room for what is there now. Shortly before the stop, in a region. */
  constructor(heap: MHeap) {
    const { mem } = heap.t;
    const { m } = mem;
    this.#heap = heap;
    this.#mem = mem;
    this.#inUse = touched((m[H_GROWN_PAGES] >>> 5) + 128);
    let segments = 0;
    for (const p of attachedProcs(mem)) eachHandleSegment(mem, p, () => segments++);
    this.rootWords = new WordList(segments * SEGMENT_WORDS + SLACK);
    this.specials = new WordList(this.#pagesWithSpecials(m[H_GROWN_PAGES]).length * SPECIAL_WORDS + SLACK);
  }

  /** World stopped, the cycle has begun. */
  copy(): void {
    const { m, plan } = this.#mem;
    this.time = Date.now();
    this.grownPages = m[H_GROWN_PAGES];
    this.#inUse = into(this.#inUse, m.subarray(plan.pageInUse, plan.pageInUse + ((this.grownPages + 31) >>> 5)));
    if (m[SNAP_EPOCH] === NO_EPOCH) this.#dropHalfFreed();
    this.#copyThreads();
    for (let r = m[H_ROOTS] as Ref; r !== NIL; r = m[r + ROOT_NEXT] as Ref) {
      if (m[r + ROOT_ADDR] !== 0) this.named.push({ record: r, addr: m[r + ROOT_ADDR] >>> 0, type: m[r + ROOT_TYPE] });
    }
    this.#copySpecials();
  }

  /**
   * The spans that were in use, in the order of addresses; to be asked for after the stop. A thread may have been about to
   * give an empty one back then, so its page may have another span by now, which is young, or none.
   */
  spansOfObjects(): SpanRef[] {
    const { m } = this.#mem;
    const spans: SpanRef[] = [];
    this.#eachInUse((s) => {
      const isYoung = m[s + SPAN_BITS_EPOCH] === m[SNAP_EPOCH];
      if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE && !isYoung) spans.push(s);
    });
    return spans;
  }

  #eachInUse(visit: (s: SpanRef, page: number) => void): void {
    const { m, plan } = this.#mem;
    for (const [w, pages] of this.#inUse.entries()) {
      for (let bits = pages; bits !== 0; bits &= bits - 1) {
        const page = (w << 5) + ctz32(bits);
        if (page < this.grownPages) visit(m[plan.spans + page] as SpanRef, page);
      }
    }
  }

  /** Where young spans cannot be told by their bits, those that are being given back are looked for in the stop. */
  #dropHalfFreed(): void {
    const { m } = this.#mem;
    this.#eachInUse((s, page) => {
      if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) this.#inUse[page >>> 5]! &= ~(1 << page);
    });
  }

  #copyThreads(): void {
    const mem = this.#mem;
    const { m, i32 } = mem;
    const procs = attachedProcs(mem);
    this.attached = attachments(mem);
    this.others = procs.filter((p) => p !== this.#heap.t.ref && m[p + PROC_ID] !== m[GC_RESERVED]).length;
    for (const p of procs) {
      const thread = m[p + PROC_ID];
      keepWindows(mem, p, this.#heap.spanClasses);
      const run = (kind: number, words: Words): void => {
        const from = this.rootWords.length;
        this.rootWords.copy(words);
        this.rootRuns.push({ kind, thread, from, end: this.rootWords.length });
      };
      eachStackRange(mem, p, (from, end) => run(ROOT_STACK, i32.subarray(from, end)));
      eachHandleSegment(mem, p, (start) =>
        run(ROOT_HANDLE, i32.subarray(start + SEGMENT_SLOTS, start + SEGMENT_WORDS)),
      );
      run(ROOT_ALLOCATING, m.subarray(p + PROC_ALLOCATING, p + PROC_ALLOCATING + 1));
      run(ROOT_KEEP, m.subarray(p + PROC_KEEP, p + PROC_KEEP + 1));
      run(ROOT_TINY, m.subarray(p + PROC_TINY, p + PROC_TINY + 1));
      if (m[p + PROC_ALLOCATING] !== 0) this.clearing.add(m[p + PROC_ALLOCATING] >>> 0);
      m.fill(0, p + PROC_TINY, p + PROC_TINY_MASK + 1);
      for (let s = m[p + PROC_REMOTE_HEAD] as SpanRef; s !== NIL; s = m[s + SPAN_REMOTE_NEXT] as SpanRef) {
        this.#copyNotes(s);
      }
    }
  }

  #copyNotes(s: SpanRef): void {
    const { m } = this.#mem;
    const defer = m[s + SPAN_DEFER];
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || defer === NIL) return;
    const nelems = m[s + SPAN_NELEMS];
    const words = ((nelems + 31) >>> 5) + (m[s + SPAN_CLASS] === this.#heap.tinySpanClass ? nelems : 0);
    this.noted.set(s, m.slice(defer, defer + words) as Int32Array);
  }

  #copySpecials(): void {
    const { m, plan } = this.#mem;
    for (const page of this.#pagesWithSpecials(this.grownPages)) {
      for (let r = m[m[plan.spans + page] + SPAN_SPECIALS]; r !== NIL; r = m[r + SPECIAL_NEXT]) {
        const kind = m[r + SPECIAL_KIND];
        // That an object was sampled says nothing of the heap.
        if (kind === KIND_PROFILE) continue;
        this.specials.push(kind);
        this.specials.push(m[r + SPECIAL_ADDR]);
        this.specials.push(kind === KIND_WEAK || kind === KIND_INTERNED ? 0 : m[r + SPECIAL_PROC]);
      }
    }
  }

  /** The first call, before the stop, is also what compiles it. */
  #pagesWithSpecials(grownPages: number): number[] {
    const { m, plan } = this.#mem;
    const pages: number[] = [];
    for (let w = 0; w << 5 < grownPages; w++) {
      for (let bits = m[plan.pageSpecials + w]; bits !== 0; bits &= bits - 1) pages.push((w << 5) + ctz32(bits));
    }
    return pages;
  }
}

/** A copy of words, in an array that was made for it if it is large enough. */
function into(room: Int32Array, from: Words): Int32Array {
  if (from.length > room.length) return from.slice() as Int32Array;
  const to = room.subarray(0, from.length);
  to.set(from);
  return to;
}

/** All that were ever attached but the collector's worker, each with how often it came and went. */
export function attachments(mem: Mem): string {
  const { m } = mem;
  return usedProcs(mem)
    .filter((p) => m[p + PROC_ID] !== m[GC_RESERVED])
    .map((p) => `${m[p + PROC_ID]}:${m[p + PROC_EPOCH]}`)
    .join();
}
