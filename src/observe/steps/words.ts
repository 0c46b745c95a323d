/**
 * What a word of allocator memory is: which structure it belongs to, and which field of it. Step mode shows one card for
 * each structure, and in it the words that a step read or wrote.
 */
import type { Words } from '../../base/brand.ts';
import { CENTRAL_SETS, CENTRAL_WORDS, SET_WORDS } from '../../layout/central.ts';
import { registry } from '../../layout/define.ts';
import { FIX_WORDS } from '../../layout/fixalloc.ts';
import { GC_T_CREATED, GC_WORDS } from '../../layout/gc.ts';
import { H_GC, H_GROWN_PAGES } from '../../layout/header.ts';
import { CHUNK_SCAV, CHUNK_WORDS, SUM_WORDS } from '../../layout/pages.ts';
import {
  MC_DIRECT,
  MC_FULL_COUNT,
  MC_FULL_FIRST,
  MC_FULL_LAST,
  MC_LEFT,
  MC_NEEDZERO,
  MC_PARTIAL_COUNT,
  MC_PARTIAL_FIRST,
  MC_PARTIAL_LAST,
  MC_SIZE,
  MC_SPAN,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WIN_TYPES,
  MC_WIN_WORD,
  MC_WORDS,
  MT_SHIFT,
  PAGE_CACHE_WORDS,
  PROC_AREAS,
  PROC_CLASSES,
  PROC_METERS,
  PROC_PAGE_CACHE,
  PROC_ROOM_NEXT,
  PROC_SPAN_CACHE,
  PROC_SPAN_CLASSES,
  PROC_STACKS,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_WB,
  PROC_WORDS,
  SPAN_CACHE_MAX,
  STACK_SHIFT,
  STACK_WORDS,
  TM_SEQ,
} from '../../layout/proc.ts';
import { isLargeClass, isNoscan } from '../../layout/span-class.ts';
import '../../layout/registry.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_GCMARK_BITS,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_PART,
  SPAN_PART_WORDS,
  SPAN_PARTS,
  SPAN_STATE,
  SPAN_STATE_DEAD,
  SPAN_TINY_COUNTED,
  SPAN_TYPES,
} from '../../layout/span.ts';
import { stackEnd, stackStart } from '../../spans/reuse-stack.ts';
import type { Mem } from '../../sys/mem.ts';

/** Kinds of structures. */
export const CARD_KINDS = [
  'tiny',
  'class',
  'span',
  'central',
  'pageCache',
  'summary',
  'chunk',
  'header',
  'gc',
  'spans',
  'records',
  'proc',
] as const;
export type CardKind = (typeof CARD_KINDS)[number];

export interface WordName {
  readonly kind: CardKind;
  /** Which one of its kind: span class, word of the span record, chunk; 0 where there is one. */
  readonly id: number;
  /** Go's name of the field where it has one. */
  readonly field: string;
  /** The word is half of a double, which begins at an even word. */
  readonly double?: boolean;
}

/** Fields of a class record (Go: `mcache.alloc[spanClass]`). */
const CLASS_FIELDS: Readonly<Record<number, string>> = {
  [MC_TOP]: 'reuse.top',
  [MC_WIN]: 'allocCache',
  [MC_WIN_ADDR]: 'windowAddr',
  [MC_WIN_WORD]: 'windowWord',
  [MC_WIN_TYPES]: 'windowTypes',
  [MC_LEFT]: 'nextSample',
  [MC_DIRECT]: 'direct',
  [MC_SIZE]: 'elemsize',
  [MC_SPAN]: 'alloc',
  [MC_NEEDZERO]: 'needzero',
  [MC_PARTIAL_FIRST]: 'partial.first',
  [MC_PARTIAL_LAST]: 'partial.last',
  [MC_FULL_FIRST]: 'full.first',
  [MC_FULL_LAST]: 'full.last',
  [MC_PARTIAL_COUNT]: 'partial.count',
  [MC_FULL_COUNT]: 'full.count',
};
/** What two words of a span's record are if it holds one large object. */
const LARGE_FIELDS: Readonly<Record<number, string>> = {
  [SPAN_LARGE_TYPE]: 'largeType',
  [SPAN_LARGE_SIZE]: 'largeSize',
};
/** Of a class's meters (see METERS in layout/proc.ts), a double each. */
const METER_FIELDS = ['taken', 'returned', 'cutAllocs', 'cutFrees'];
const SET_FIELDS = ['first', 'last', 'count'];
const SUMMARY_FIELDS = ['start', 'max', 'end'];
const PAGE_CACHE_FIELDS = ['base', 'free[0]', 'free[1]', 'scav[0]', 'scav[1]', 'lastScav'];

/** Names of the fields of a declared structure, by word. */
function fieldNames(name: string): string[] {
  const names: string[] = [];
  for (const [field, { offset, words }] of Object.entries(registry().get(name)!.fields)) {
    for (let i = 0; i < words; i++) names[offset + i] = words > 2 ? `${field}[${i}]` : field;
  }
  return names;
}

interface SpanWords {
  readonly ref: number;
  readonly from: number;
  readonly to: number;
  readonly field: string;
}

/**
 * Names of the words of a heap. Spans are those that its span table and the threads' spare records name, in any of the
 * states of allocator memory that are given; the words of their bitmaps and side tables are known as theirs.
 */
export class WordNames {
  readonly #mem: Mem;
  readonly #header = fieldNames('header');
  readonly #proc = fieldNames('proc');
  readonly #span = fieldNames('mspan');
  readonly #spanWords: SpanWords[] = [];

  constructor(mem: Mem, tinySpanClass: number, ...states: readonly Words[]) {
    this.#mem = mem;
    const { plan } = mem;
    for (const m of states) {
      const refs = new Set<number>();
      for (let page = 0; page < m[H_GROWN_PAGES]; page++) refs.add(m[plan.spans + page]);
      for (let p = plan.procs; p < plan.procs + plan.maxProcs * PROC_WORDS; p += PROC_WORDS) {
        for (let i = 0; i < SPAN_CACHE_MAX; i++) refs.add(m[p + PROC_SPAN_CACHE + i]);
      }
      for (const ref of refs) if (ref !== 0) this.#add(m, ref, tinySpanClass);
    }
  }

  #add(m: Words, ref: number, tinySpanClass: number): void {
    const add = (field: string, from: number, words: number): void => {
      this.#spanWords.push({ ref, from, to: from + words, field });
    };
    for (let part = 0; part < SPAN_PARTS; part++) add('', ref + part * SPAN_PART, SPAN_PART_WORDS);
    if (m[ref + SPAN_STATE] === SPAN_STATE_DEAD || m[ref + SPAN_NELEMS] === 0) return;
    const words = (m[ref + SPAN_NELEMS] + 31) >>> 5;
    add('allocBits', m[ref + SPAN_ALLOC_BITS] >>> 5, words);
    add('gcmarkBits', m[ref + SPAN_GCMARK_BITS] >>> 5, words);
    const types = m[ref + SPAN_TYPES];
    if (types === 0) return;
    if (m[ref + SPAN_CLASS] === tinySpanClass) add('tinyMasks', types, m[ref + SPAN_NELEMS]);
    else add('types', types >>> 1, (m[ref + SPAN_NELEMS] + 1) >>> 1);
  }

  name(word: number): WordName {
    const { plan } = this.#mem;
    if (word < plan.centrals) return this.#headerWord(word);
    if (word < plan.fixallocs) return centralWord(word - plan.centrals);
    if (word < plan.procs) {
      return { kind: 'records', id: 0, field: `fixalloc[${Math.floor((word - plan.fixallocs) / FIX_WORDS)}]` };
    }
    if (word < plan.gcBits) return this.#procWord((word - plan.procs) % PROC_WORDS);
    const own = this.#spanWords.find((s) => word >= s.from && word < s.to);
    if (own !== undefined) {
      const field = own.field === '' ? this.#spanField(own.ref, word - own.ref) : `${own.field}[${word - own.from}]`;
      return { kind: 'span', id: own.ref, field };
    }
    if (word >= plan.spans && word < plan.pageInUse)
      return { kind: 'spans', id: 0, field: `spans[${word - plan.spans}]` };
    if (word >= plan.pageInUse && word < plan.chunks) return { kind: 'spans', id: 0, field: this.#pageMap(word) };
    if (word >= plan.chunks && word < plan.summaries[0]!) return chunkWord(word - plan.chunks);
    if (word >= plan.summaries[0]! && word < plan.scavIndex)
      return { kind: 'summary', id: 0, field: this.#summary(word) };
    if (word >= plan.reuseRoom && word < plan.gates) return this.#roomWord(word);
    return { kind: 'records', id: 0, field: word < plan.spans ? 'gcBitsArenas' : 'persistentalloc' };
  }

  #spanField(ref: number, offset: number): string {
    const spanClass = this.#mem.m[ref + SPAN_CLASS]!;
    if (isLargeClass(spanClass) && LARGE_FIELDS[offset] !== undefined) return LARGE_FIELDS[offset];
    if (isNoscan(spanClass) && offset === SPAN_TINY_COUNTED) return 'tinyCounted';
    return this.#span[offset]!;
  }

  #roomWord(word: number): WordName {
    const { m, plan } = this.#mem;
    for (let p = plan.procs; p < plan.procs + plan.maxProcs * PROC_WORDS; p += PROC_WORDS) {
      for (let spanClass = 0; m[p + PROC_ROOM_NEXT] !== 0 && spanClass < PROC_SPAN_CLASSES; spanClass++) {
        const at = word - stackStart(m, p, spanClass);
        if (at >= 0 && word < stackEnd(m, p, spanClass)) return { kind: 'class', id: spanClass, field: `reuse[${at}]` };
      }
    }
    return { kind: 'records', id: 0, field: 'reuseRoom' };
  }

  #headerWord(word: number): WordName {
    if (word >= H_GC && word < H_GC + GC_WORDS) {
      return { kind: 'gc', id: 0, field: `work[${word - H_GC}]`, double: word >= GC_T_CREATED };
    }
    const field = this.#header[word] ?? `word ${word}`;
    return { kind: field.startsWith('bits') || field.startsWith('persistent') ? 'records' : 'header', id: 0, field };
  }

  #procWord(offset: number): WordName {
    if (offset >= PROC_CLASSES && offset < PROC_STACKS) {
      const at = offset - PROC_CLASSES;
      return { kind: 'class', id: Math.floor(at / MC_WORDS), field: CLASS_FIELDS[at % MC_WORDS]! };
    }
    if (offset >= PROC_STACKS && offset < PROC_WB) {
      const at = offset - PROC_STACKS;
      return { kind: 'class', id: at >>> STACK_SHIFT, field: `reuse[${at % STACK_WORDS}]` };
    }
    if (offset >= PROC_PAGE_CACHE && offset < PROC_PAGE_CACHE + PAGE_CACHE_WORDS) {
      return { kind: 'pageCache', id: 0, field: PAGE_CACHE_FIELDS[offset - PROC_PAGE_CACHE]! };
    }
    if (offset >= PROC_AREAS) return { kind: 'class', id: (offset - PROC_AREAS) >>> 1, field: this.#proc[offset]! };
    if (offset >= PROC_METERS) return meterWord(offset - PROC_METERS);
    const field = this.#proc[offset] ?? `word ${offset}`;
    const double = registry().get('proc')!.fields[field]?.kind === 'f64';
    if (offset >= PROC_TINY && offset <= PROC_TINY_MASK) return { kind: 'tiny', id: 0, field };
    return {
      kind: field.startsWith('spanCache') || field.startsWith('bits') ? 'records' : 'proc',
      id: 0,
      field,
      double,
    };
  }

  #pageMap(word: number): string {
    const { plan } = this.#mem;
    if (word >= plan.zeroedBase) return `zeroedBase[${word - plan.zeroedBase}]`;
    if (word >= plan.pageSpecials) return `pageSpecials[${word - plan.pageSpecials}]`;
    if (word >= plan.pageMarks) return `pageMarks[${word - plan.pageMarks}]`;
    return `pageInUse[${word - plan.pageInUse}]`;
  }

  #summary(word: number): string {
    const { summaries } = this.#mem.plan;
    const level = summaries.findLastIndex((from) => word >= from);
    const at = word - summaries[level]!;
    return `[${level}][${Math.floor(at / SUM_WORDS)}].${SUMMARY_FIELDS[at % SUM_WORDS]}`;
  }
}

/** A meter of a class or of the thread; the last words count the changes of meters. */
function meterWord(at: number): WordName {
  const spanClass = at >>> MT_SHIFT;
  if (spanClass < PROC_SPAN_CLASSES) {
    const field = METER_FIELDS[(at & ((1 << MT_SHIFT) - 1)) >>> 1] ?? 'unused';
    return { kind: 'class', id: spanClass, field: `meters.${field}`, double: true };
  }
  return { kind: 'proc', id: 0, field: `meters[${at}]`, double: at < TM_SEQ };
}

function centralWord(at: number): WordName {
  const offset = (at % CENTRAL_WORDS) - CENTRAL_SETS;
  const set = Math.floor(offset / SET_WORDS);
  const field = offset < 0 ? 'lock' : `${set < 2 ? 'partial' : 'full'}[${set % 2}].${SET_FIELDS[offset % SET_WORDS]}`;
  return { kind: 'central', id: Math.floor(at / CENTRAL_WORDS), field };
}

function chunkWord(at: number): WordName {
  const offset = at % CHUNK_WORDS;
  const field = offset < CHUNK_SCAV ? `pallocBits[${offset}]` : `scavenged[${offset - CHUNK_SCAV}]`;
  return { kind: 'chunk', id: Math.floor(at / CHUNK_WORDS), field };
}
