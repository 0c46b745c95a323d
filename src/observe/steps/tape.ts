/**
 * What a heap's allocator memory was like at each point of a call: the words at the beginning, and for each point the
 * words that changed since the one before. Step mode goes forward and back along it.
 *
 * The heap is one that belongs to this thread alone (`shared: false`): between two points nobody else writes. Words that
 * are watched are those of the structures in use; memory that the heap has not come to yet is zero and stays so. Locks
 * are left out: they are free before a call and after it. So are the gates of the fast paths.
 */
import type { Words } from '../../base/brand.ts';
import { CENTRAL_LOCK, CENTRAL_WORDS } from '../../layout/central.ts';
import {
  H_BITS_REGION_NEXT,
  H_GROWN_PAGES,
  H_HEAP_LOCK,
  H_MAX_PROCS,
  H_PERSISTENT_NEXT,
  H_TYPES,
  H_WORLD_LOCK,
} from '../../layout/header.ts';
import { PROC_WORDS } from '../../layout/proc.ts';
import { roomEnd } from '../../spans/reuse-stack.ts';
import type { Mem } from '../../sys/mem.ts';

/** Word index, and its value before and after. */
export interface WordChange {
  readonly word: number;
  readonly before: number;
  readonly after: number;
}

/** Ranges of allocator memory that are in use: [first word, word after the last]. */
function wordsInUse(mem: Mem): [from: number, to: number][] {
  const { m, plan } = mem;
  const grown = m[H_GROWN_PAGES];
  return [
    [0, plan.procs + m[H_MAX_PROCS] * PROC_WORDS],
    [plan.gcBits, m[H_BITS_REGION_NEXT]],
    [plan.spans, plan.spans + grown],
    [plan.pageInUse, plan.types + m[H_TYPES] + 1],
    [plan.reuseRoom, roomEnd(mem)],
    [plan.persistent, m[H_PERSISTENT_NEXT]],
  ];
}

function isLock(mem: Mem, word: number): boolean {
  if (word === H_HEAP_LOCK || word === H_WORLD_LOCK) return true;
  const central = word - mem.plan.centrals;
  return central >= 0 && word < mem.plan.fixallocs && central % CENTRAL_WORDS === CENTRAL_LOCK;
}

/** Notes what changes in a heap's allocator memory. */
export class Tape {
  /** The words when the tape began; not written afterwards. */
  readonly start: Words;
  readonly #mem: Mem;
  /** The words at the last point. */
  readonly #last: Words;

  constructor(mem: Mem) {
    this.#mem = mem;
    this.start = new Int32Array(mem.m.length);
    this.#last = new Int32Array(mem.m.length);
    for (const [from, to] of wordsInUse(mem)) {
      const words = mem.m.subarray(from, to);
      this.start.set(words, from);
      this.#last.set(words, from);
    }
  }

  /** The words as they were at the last point. */
  get last(): Words {
    return this.#last;
  }

  /** What has changed since the last point, by word. */
  changes(): WordChange[] {
    const { m } = this.#mem;
    const last = this.#last;
    const found: WordChange[] = [];
    for (const [from, to] of wordsInUse(this.#mem)) {
      for (let word = from; word < to; word++) {
        if (m[word] === last[word] || isLock(this.#mem, word)) continue;
        found.push({ word, before: last[word], after: m[word] });
        last[word] = m[word];
      }
    }
    return found;
  }
}

/** A tape that can be looked at: `words` is allocator memory as it was after the step that was sought last. */
export class Film {
  readonly words: Words;
  readonly #steps: readonly { readonly changes: readonly WordChange[] }[];
  #at = 0;

  constructor(start: Words, steps: readonly { readonly changes: readonly WordChange[] }[]) {
    this.words = start.slice();
    this.#steps = steps;
  }

  /** Makes `words` what they were after `count` steps. */
  seek(count: number): void {
    const { words } = this;
    while (this.#at < count) for (const c of this.#steps[this.#at++]!.changes) words[c.word] = c.after;
    while (this.#at > count) for (const c of this.#steps[--this.#at]!.changes) words[c.word] = c.before;
  }
}
