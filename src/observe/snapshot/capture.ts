/**
 * Taking a snapshot: `heap.snapshot()`. As a generator of the pieces of the file, so that the same code serves loops that
 * wait between pieces and loops that do not.
 *
 *   1. The collector runs, so that there is little garbage. Not where it is off.
 *   2. The world stops: a cycle begins that stays open (threads/hold.ts), and what will not wait is copied (moment.ts).
 *   3. Spans, and then the pages of objects, are copied while the program goes on. The thread is outside of its region
 *      then, if it can be, so that it delays no stop. A piece is good if the cycle is still open after it was copied.
 *   4. The world stops shortly: the log of stores is closed (gc/snapshot-log.ts). It becomes the patches.
 *   5. The cycle ends as any other.
 *
 * So the objects of a snapshot, their types, and all pointers are those of the moment of 2. Numbers are as they were when
 * their page was copied: between 2 and 4. That is the same where this thread is the only one and nothing that it calls
 * changes them. It is found out: `#sumUp` looks at all pages right after 2, before anybody else can.
 */
import type { SpanRef } from '../../base/brand.ts';
import type { Collector } from '../../gc/collector.ts';
import { markObjects } from '../../gc/keep-all.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../../layout/constants.ts';
import { GC_ENABLED, GC_RESERVED } from '../../layout/gc.ts';
import { H_IDENTITY } from '../../layout/header.ts';
import { PROC_ID, PROC_THREAD } from '../../layout/proc.ts';
import { ROOT_NAME, ROOT_NAME_BYTES } from '../../layout/root.ts';
import { KEEP_DONE, SNAP_KEEP } from '../../layout/snapshot.ts';
import { SPAN_BASE, SPAN_NELEMS, SPAN_NPAGES } from '../../layout/span.ts';
import type { TypeTable } from '../../malloc/rtype.ts';
import { heldBits } from '../../spans/held-bits.ts';
import { readText } from '../../spans/meta-text.ts';
import { spanBytes } from '../../spans/mspan.ts';
import {
  abortedError,
  beginDrain,
  claimSnapshot,
  drainLog,
  endSnapshot,
  snapshotGoesOn,
  stillHeld,
} from '../../threads/hold.ts';
import { attachedProcs } from '../../threads/stop-the-world.ts';
import { readStats } from '../stats.ts';
import { checksum } from './checksum.ts';
import {
  END_,
  MAX_BINARY,
  META,
  PAGE,
  PTCH,
  ROOT,
  ROOT_NAMED,
  SNAP_ROOT_WORDS,
  SNAP_SPEC_WORDS,
  type SnapshotMeta,
  type SnapshotType,
  SPAN,
  SPEC,
  TOTAL_EXACT,
  TOTAL_OBJECTS,
  TOTAL_PAGES,
  TOTAL_PATCHES,
  TOTAL_ROOTS,
  TOTAL_SPANS,
  TOTAL_SPECIALS,
  TOTAL_WORDS,
  TYPE,
} from './format.ts';
import { attachments, Moment } from './moment.ts';
import { SpanEncoder, spanWords } from './spans.ts';
import { SectionWriter } from './writer.ts';

/** Options of `heap.snapshot` and `heap.snapshotSync`. */
export interface SnapshotOptions {
  /**
   * Whether the collector runs before, so that garbage is not in the snapshot. Default: true, unless the heap was made
   * with `gc: 'off'`; there it would free what only the program knows the addresses of, and true is refused.
   */
  readonly collect?: boolean | undefined;
  /** Called after each piece with the bytes so far, and about how many there will be. It must not use the heap. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** Words of a section of small records. */
const BATCH = MAX_BINARY / 4;
/** Characters of names and definitions after which a section has types enough. */
const TYPE_TEXT = 1 << 20;
const PAGE_WORDS = PAGE_SIZE / 4;
/** Spans between two safepoints. */
const SLICE = 1024;

export class Capture {
  readonly #c: Collector;
  readonly #table: TypeTable;
  readonly #options: SnapshotOptions;
  readonly #writer = new SectionWriter();
  readonly #totals = new Int32Array(TOTAL_WORDS);
  readonly #isQuiet: boolean;
  #moment!: Moment;
  #spans: SpanRef[] = [];
  #serial = 0;
  #isBegun = false;
  #total = 0;
  /** Checksums of the sections of pages as they were at the moment, if they are known. */
  readonly #sums: number[] = [];
  #isExact = false;

  /** `quiet`: the program does nothing else on this thread until it is done. */
  constructor(c: Collector, table: TypeTable, options: SnapshotOptions, quiet: boolean) {
    this.#c = c;
    this.#table = table;
    this.#options = options;
    this.#isQuiet = quiet;
  }

  /** The pieces of the file. Each step is a region of its own, or part of the one that the caller is in. */
  *pieces(): Generator<Uint8Array, void> {
    const { t } = this.#c;
    try {
      this.#inRegion(() => this.#begin());
      yield* this.#records();
      yield* this.#pages();
      yield* this.#patches();
      this.#end();
      yield* this.#ready(true);
    } finally {
      if (this.#isBegun && t.attached) {
        this.#inRegion(() => {
          endSnapshot(this.#c.heap, this.#serial, this.#c.stop);
          this.#c.held.finish();
        });
      }
    }
  }

  #inRegion<T>(fn: () => T): T {
    const { t } = this.#c;
    t.enter();
    try {
      return fn();
    } finally {
      t.leave();
    }
  }

  #begin(): void {
    const c = this.#c;
    const { m } = c.mem;
    const isOn = m[GC_ENABLED] !== 0;
    c.t.poll();
    this.#serial = claimSnapshot(c.heap, c.stop);
    try {
      if (this.#options.collect ?? isOn) c.collect();
      this.#moment = new Moment(c.heap);
      c.held.begin(() => this.#moment.copy());
      this.#isBegun = true;
    } catch (error) {
      endSnapshot(c.heap, this.#serial, c.stop);
      throw error;
    }
    this.#spans = this.#moment.spansOfObjects();
    if (!isOn) this.#keepAll();
    this.#sumUp();
    this.#total = this.#spans.reduce((sum, s) => sum + spanBytes(m, s) + 128, 0);
  }

  /** See gc/keep-all.ts. */
  #keepAll(): void {
    const { heap, mem, t } = this.#c;
    for (const [i, s] of this.#spans.entries()) {
      if (!stillHeld(heap, this.#serial)) return;
      markObjects(mem, s, heldBits);
      if (i % SLICE === 0) t.poll();
    }
    if (stillHeld(heap, this.#serial)) mem.m[SNAP_KEEP] = KEEP_DONE;
  }

  /** Throws when what was read since the last time may be of another moment. */
  #check(): void {
    const { heap, t, mem } = this.#c;
    if (t.depth > 0) t.poll();
    if (!stillHeld(heap, this.#serial)) throw abortedError(mem.m, this.#serial);
    snapshotGoesOn(mem.m);
  }

  *#ready(all = false): Generator<Uint8Array, void> {
    for (const piece of this.#writer.take(all)) {
      this.#options.onProgress?.(this.#writer.bytes, Math.max(this.#total, this.#writer.bytes));
      yield piece;
    }
  }

  *#records(): Generator<Uint8Array, void> {
    const writer = this.#writer;
    this.#inRegion(() => this.#meta());
    for (const types of typeSections(this.#table)) {
      writer.json(TYPE, types);
      yield* this.#ready();
    }
    for (const batch of batches(this.#roots(), SNAP_ROOT_WORDS)) {
      this.#totals[TOTAL_ROOTS]! += batch.length / SNAP_ROOT_WORDS;
      writer.words(ROOT, batch);
      yield* this.#ready();
    }
    for (const batch of batches(this.#specials(), SNAP_SPEC_WORDS)) {
      this.#totals[TOTAL_SPECIALS]! += batch.length / SNAP_SPEC_WORDS;
      writer.words(SPEC, batch);
      yield* this.#ready();
    }
    yield* this.#spanSections();
  }

  #meta(): void {
    const { mem, heap, t } = this.#c;
    const { m, plan } = mem;
    const { time, grownPages, named } = this.#moment;
    this.#writer.header({ pageSize: PAGE_SIZE, pages: plan.pages, grownPages, time });
    const sizeClasses = Array.from(heap.classes.size, (size, i) => ({
      class: i,
      size,
      npages: heap.classes.npages[i]!,
    })).slice(1);
    const meta: SnapshotMeta = {
      format: 'spanheap snapshot',
      time: new Date(time).toISOString(),
      heap: m[H_IDENTITY] >>> 0,
      maxBytes: plan.pages * PAGE_SIZE,
      gc: m[GC_ENABLED] === 0 ? 'off' : 'on',
      sizeClasses,
      tinySpanClass: heap.tinySpanClass,
      threads: attachedProcs(mem).map((p) => ({
        id: m[p + PROC_ID],
        worker: m[p + PROC_THREAD] - 1,
        role: p === t.ref ? 'snapshot' : m[p + PROC_ID] === m[GC_RESERVED] ? 'collector' : 'program',
      })),
      rootNames: named.map((r) => readText(mem, r.record + ROOT_NAME, m[r.record + ROOT_NAME_BYTES])),
      stats: readStats(heap),
    };
    this.#writer.json(META, meta);
  }

  *#roots(): Generator<readonly number[], void> {
    const { named, rootRuns, rootWords } = this.#moment;
    for (const [i, root] of named.entries()) yield [ROOT_NAMED, 0, root.addr, i, root.type, 0];
    const words = rootWords.words;
    for (const { kind, thread, from, end } of rootRuns) {
      for (let w = from; w < end; w++) if (words[w] !== 0) yield [kind, thread, words[w]!, 0, 0, 0];
    }
  }

  *#specials(): Generator<readonly number[], void> {
    const { words } = this.#moment.specials;
    for (let i = 0; i < words.length; i += 3) yield [words[i]!, words[i + 1]!, words[i + 2]!, 0];
  }

  *#spanSections(): Generator<Uint8Array, void> {
    const { heap, mem } = this.#c;
    const encoder = new SpanEncoder(heap, this.#moment);
    const words = new Int32Array(BATCH);
    let used = 0;
    this.#totals[TOTAL_SPANS] = this.#spans.length;
    for (const s of this.#spans) {
      if (used + spanWords(mem.m[s + SPAN_NELEMS]) > BATCH) {
        this.#check();
        this.#writer.words(SPAN, words.subarray(0, used));
        yield* this.#ready();
        used = 0;
      }
      const { objects, end } = encoder.encode(s, words, used);
      this.#totals[TOTAL_OBJECTS]! += objects;
      used = end;
    }
    this.#check();
    if (used > 0) this.#writer.words(SPAN, words.subarray(0, used));
    yield* this.#ready();
  }

  *#pages(): Generator<Uint8Array, void> {
    const { u8 } = this.#c.mem;
    let i = 0;
    for (const { page, npages } of this.#runs()) {
      const from = page * PAGE_SIZE;
      const bytes = npages * PAGE_SIZE;
      const check = this.#writer.section(PAGE, page, bytes, (to) => to.set(u8.subarray(from, from + bytes)));
      if (this.#sums[i++] !== check) this.#isExact = false;
      this.#totals[TOTAL_PAGES]! += npages;
      this.#check();
      yield* this.#ready();
    }
  }

  /** The pages of each section: neighbours together, up to a section's size. */
  *#runs(): Generator<{ readonly page: number; readonly npages: number }, void> {
    const { m } = this.#c.mem;
    const most = MAX_BINARY >>> PAGE_SHIFT;
    for (let i = 0; i < this.#spans.length; ) {
      const first = m[this.#spans[i]! + SPAN_BASE] >>> PAGE_SHIFT;
      // Whole spans, unless one alone is larger.
      let end = first + m[this.#spans[i++]! + SPAN_NPAGES];
      while (i < this.#spans.length && m[this.#spans[i]! + SPAN_BASE] >>> PAGE_SHIFT === end) {
        const npages = m[this.#spans[i]! + SPAN_NPAGES];
        if (end - first + npages > most) break;
        end += npages;
        i++;
      }
      for (let page = first; page < end; page += most) yield { page, npages: Math.min(end, page + most) - page };
    }
  }

  /**
   * Where nobody else is there, the checksums of all pages before anything that is not the heap's own runs: a page with
   * another one when it is copied was changed in between, by whom ever.
   */
  #sumUp(): void {
    const { mem, t } = this.#c;
    if (!this.#isQuiet || this.#moment.others > 0) return;
    for (const { page, npages } of this.#runs()) {
      this.#sums.push(checksum(mem.i32, page * PAGE_WORDS, (page + npages) * PAGE_WORDS, PAGE));
      t.poll();
    }
    // Nobody came and went: all of them are of the moment.
    this.#isExact = attachments(mem) === this.#moment.attached;
  }

  *#patches(): Generator<Uint8Array, void> {
    const { heap, stop, mem } = this.#c;
    if (!this.#inRegion(() => beginDrain(heap, this.#serial, stop))) throw abortedError(mem.m, this.#serial);
    const pairs: number[] = [];
    let more = true;
    while (more) {
      more = this.#inRegion(() => drainLog(heap, this.#serial, (slot, old) => pairs.push(slot, old)));
      if (pairs.length > 0) this.#writer.words(PTCH, Int32Array.from(pairs));
      this.#totals[TOTAL_PATCHES]! += pairs.length / 2;
      pairs.length = 0;
      yield* this.#ready();
    }
    this.#totals[TOTAL_EXACT] = this.#isExact ? 1 : 0;
  }

  #end(): void {
    this.#writer.words(END_, this.#totals);
  }
}

/** All types, those too that come meanwhile; as many together as have a section's worth of text. */
function* typeSections(table: TypeTable): Generator<SnapshotType[], void> {
  for (let from = 0; from < table.all().length; ) {
    const types: SnapshotType[] = [];
    for (let text = 0; text < TYPE_TEXT && from < table.all().length; from++) {
      const type = table.all()[from]!;
      types.push(describeType(type));
      text += type.name.length + type.definition.length + type.pointers.length * 8;
    }
    yield types;
  }
}

function describeType({ name, number, size, align, pointers, definition }: SnapshotType): SnapshotType {
  return { name, number, size, align, pointers, definition };
}

/** Records of `words` words each, as many together as a section takes. */
function* batches(records: Iterable<readonly number[]>, words: number): Generator<Int32Array, void> {
  const batch = new Int32Array(Math.floor(BATCH / words) * words);
  let used = 0;
  for (const record of records) {
    batch.set(record, used);
    used += words;
    if (used < batch.length) continue;
    yield batch;
    used = 0;
  }
  if (used > 0) yield batch.subarray(0, used);
}
