/**
 * Takes down the steps of one call: at each named point that the call comes by, what has changed since the last one. What
 * has no points is told from the state before it: the looks of the fast path, the page allocator's walk through its
 * summaries. Each of those is checked against what the call then really did (see the tests).
 */
import { H_HEAP_LOCK } from '../../layout/header.ts';
import { PC_FREE_HI, PC_FREE_LO, PROC_PAGE_CACHE } from '../../layout/proc.ts';
import type { Malloc } from '../../malloc/malloc.ts';
import { explainFind, type FindStep } from './find.ts';
import { type Box, POINTS, type Point } from './points.ts';
import { Tape, type WordChange } from './tape.ts';
import { WordNames } from './words.ts';

export type StepParams = Readonly<Record<string, number | string>>;

export interface Step extends Point {
  /** What the text speaks of. */
  readonly params: StepParams;
  /** The lock that is held: 'mheap', 'mcentral', or none. */
  readonly lock: 'mheap' | 'mcentral' | null;
  /** Words that were read to decide, those that were written. */
  readonly looks: readonly number[];
  readonly changes: readonly WordChange[];
}

export class Recorder {
  readonly steps: Step[] = [];
  readonly tape: Tape;
  /** Pages that the call asks the page allocator for; 0: not known. */
  npages = 0;
  readonly #malloc: Malloc;

  constructor(malloc: Malloc) {
    this.#malloc = malloc;
    this.tape = new Tape(malloc.t.mem);
  }

  /** Runs `fn` and takes down its slow points. */
  run(fn: () => void): void {
    const { t } = this.#malloc;
    t.delay = (place) => this.#at(place);
    this.#malloc.plainWindows = false;
    try {
      fn();
    } finally {
      t.delay = undefined;
      this.#malloc.plainWindows = true;
    }
  }

  /** A step that only looks. */
  look(fn: string, box: Box, text: string, params: StepParams, looks: readonly number[]): void {
    this.steps.push({ fn, box, text, params, lock: this.#lock(), looks, changes: [] });
  }

  /** A step that ends here: what has changed since the last one belongs to it. */
  cut(fn: string, box: Box, text: string, params: StepParams = {}): void {
    this.add({ fn, box, text }, params, this.tape.changes());
  }

  add(point: Point, params: StepParams, changes: readonly WordChange[]): void {
    this.steps.push({ ...point, params, lock: this.#lock(), looks: [], changes });
  }

  #lock(): Step['lock'] {
    const { held } = this.#malloc.t;
    if (held === 0) return null;
    if (held === H_HEAP_LOCK) return 'mheap';
    const { plan } = this.#malloc.t.mem;
    return held >= plan.centrals && held < plan.fixallocs ? 'mcentral' : null;
  }

  #at(place: string): void {
    const point = POINTS[place];
    if (point === undefined) return;
    if (place === 'mheap.grow' || place === 'pageAlloc.alloc') this.#findSteps(this.npages);
    if (place === 'pageCache.fill') this.#findSteps(1);
    const cacheText = this.#cacheText();
    const changes = this.tape.changes();
    const last = this.steps.at(-1);
    if (last !== undefined && last.text === point.text && REPEATS.has(place)) {
      this.steps[this.steps.length - 1] = { ...last, changes: merge(last.changes, changes) };
    } else {
      const params: StepParams = this.npages > 0 ? { npages: this.npages } : {};
      if (place === 'pageCache.alloc') this.add({ ...point, text: cacheText }, params, changes);
      else if (place === 'mcache.window') this.#addWindow(point, params, changes);
      else if (place === 'span.bits' && changes.length === 0)
        this.add({ ...point, text: 'spanBitsKept' }, params, changes);
      else this.add(point, params, changes);
    }
  }

  /** A window of a span that was just taken: what made the span the class's comes first. */
  #addWindow(point: Point, params: StepParams, changes: readonly WordChange[]): void {
    const { mem } = this.#malloc.t;
    const names = new WordNames(mem, this.#malloc.cache.heap.tinySpanClass, mem.m);
    const isWindow = (c: WordChange): boolean => WINDOW_FIELDS.has(names.name(c.word).field);
    if (!changes.some((c) => names.name(c.word).field === 'alloc')) {
      // It moved on inside its span, for which nobody comes to the slow path but who is watched.
      if (this.steps.at(-1)?.text === 'nextFree') this.steps.pop();
      this.add(point, params, changes);
      return;
    }
    this.add(
      LINKED,
      params,
      changes.filter((c) => !isWindow(c)),
    );
    this.add(point, params, changes.filter(isWindow));
  }

  /** Whether the page cache served since the last point, and why not. */
  #cacheText(): string {
    const { t } = this.#malloc;
    const cache = t.ref + PROC_PAGE_CACHE;
    const { m } = t.mem;
    const { last } = this.tape;
    if ((last[cache + PC_FREE_LO] | last[cache + PC_FREE_HI]) === 0) return 'pageCacheEmpty';
    const same =
      last[cache + PC_FREE_LO] === m[cache + PC_FREE_LO] && last[cache + PC_FREE_HI] === m[cache + PC_FREE_HI];
    return same ? 'pageCacheShort' : 'pageCacheAlloc';
  }

  /** The page allocator's looks, from the state that it found. */
  #findSteps(npages: number): void {
    if (npages === 0) return;
    const { plan } = this.#malloc.t.mem;
    for (const found of explainFind(this.tape.last, plan, npages).steps) {
      this.look('pageAlloc.find', 'pages', TEXT_OF_FIND[found.kind], findParams(found, npages), found.looks);
    }
  }
}

const LINKED: Point = { fn: 'mcache.refill', box: 'mcache', text: 'refillLink' };
const WINDOW_FIELDS = new Set([
  'allocCache',
  'windowAddr',
  'windowWord',
  'windowTypes',
  'needzero',
  'freeindex',
  'allocCount',
  'nextSample',
  'meters.taken',
]);

/** Points that are passed many times in a row for one thing. */
const REPEATS = new Set(['span.forget', 'mcache.release', 'mcache.keep']);

const TEXT_OF_FIND = {
  'hint-none': 'findHintNone',
  hint: 'findHint',
  descend: 'findDescend',
  border: 'findBorder',
  none: 'findNone',
  bitmap: 'findBitmap',
} as const;

function findParams(found: FindStep, npages: number): StepParams {
  const { kind, looks, ...rest } = found;
  return { ...rest, npages };
}

/** Two lots of changes as one: the first value before, the last one after. */
function merge(first: readonly WordChange[], second: readonly WordChange[]): WordChange[] {
  const all = new Map(first.map((c) => [c.word, c]));
  for (const c of second) {
    const earlier = all.get(c.word);
    all.set(c.word, earlier === undefined ? c : { ...earlier, after: c.after });
  }
  return [...all.values()].filter((c) => c.before !== c.after);
}
