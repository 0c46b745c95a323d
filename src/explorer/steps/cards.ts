/**
 * What step mode shows of the allocator's structures: cards with fields and rows of bits, out of the words of allocator
 * memory at one step. What the step wrote is 'changed', what it read 'looked'.
 */
import type { Words } from '../../base/brand.ts';
import { centralSet } from '../../central/mcentral.ts';
import { CENTRAL_FULL, CENTRAL_PARTIAL, SET_COUNT } from '../../layout/central.ts';
import { CHUNK_PAGES, PAGE_SHIFT } from '../../layout/constants.ts';
import { GC_HEAP_LIVE, GC_MARKED, GC_STARTED } from '../../layout/gc.ts';
import {
  H_GROWN_PAGES,
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_RELEASED_PAGES,
  H_SEARCH_PAGE,
  H_SWEEPGEN,
  H_WRITE_BARRIER,
} from '../../layout/header.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, CHUNK_WORDS, SUM_END, SUM_MAX, SUM_START, SUM_WORDS } from '../../layout/pages.ts';
import {
  MC_FULL_COUNT,
  MC_PARTIAL_COUNT,
  MC_SPAN,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WORDS,
  PC_BASE,
  PC_FREE_LO,
  PC_SCAV_LO,
  PROC_CLASSES,
  PROC_PAGE_CACHE,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_TINY_OFFSET,
} from '../../layout/proc.ts';
import {
  LIST_NAMES,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_LIST,
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_STATE,
  SPAN_STATE_DEAD,
  SPAN_SWEEPGEN,
} from '../../layout/span.ts';
import { CARD_KINDS, type CardKind, type Step, type Walk, type WordNames } from '../../observe/steps.ts';
import { stackEnd, stackStart } from '../../spans/reuse-stack.ts';
import type { Mem } from '../../sys/mem.ts';
import type { Bit } from '../parts/bits.tsx';

export type Lit = 'changed' | 'looked' | null;

export interface FieldRow {
  readonly name: string;
  readonly value: string;
  /** What it was before this step, if the step changed it. */
  readonly before: string | null;
  readonly lit: Lit;
}

export interface BitRow {
  readonly name: string;
  readonly bits: readonly Bit[];
  readonly lit: readonly Lit[];
  /** A line after so many bits. */
  readonly wrap: number;
}

export interface Card {
  readonly key: string;
  readonly kind: CardKind;
  readonly id: number;
  /** Of spans: the first page, −1 if it has none. */
  readonly page: number;
  readonly active: boolean;
  readonly fields: readonly FieldRow[];
  readonly bits: readonly BitRow[];
  /** Words written that are not shown otherwise. */
  readonly others: readonly FieldRow[];
}

/** Which structures a walk touches: kind and number, in the order of the cards. */
export interface Touched {
  readonly kind: CardKind;
  readonly id: number;
}

/** The structures that any step of the walk reads or writes. Of classes only those that it really goes by. */
export function touched(walk: Walk, names: WordNames): Touched[] {
  const found = new Map<string, Touched>();
  for (const step of walk.steps) {
    for (const word of [...step.changes.map((c) => c.word), ...step.looks]) {
      const { kind, id, field } = names.name(word);
      // A cycle that begins sets all reuse stacks and meters; that is no reason to show every class.
      if (kind === 'class' && /^(?:reuse|meters)/.test(field) && step.text.startsWith('gc')) continue;
      found.set(`${kind} ${id}`, { kind, id });
    }
  }
  const order = (t: Touched): number => CARD_KINDS.indexOf(t.kind) * 2 ** 24 + t.id;
  return [...found.values()].sort((a, b) => order(a) - order(b));
}

const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;

/** Makes the cards of one step. `m`: the words after it. */
export class CardMaker {
  readonly #mem: Mem;
  readonly #names: WordNames;
  readonly #m: Words;
  readonly #proc: number;
  readonly #changes = new Map<number, number>();
  readonly #looks: ReadonlySet<number>;
  readonly #shown = new Set<number>();

  constructor(mem: Mem, names: WordNames, m: Words, proc: number, step: Step) {
    this.#mem = mem;
    this.#names = names;
    this.#m = m;
    this.#proc = proc;
    for (const { word, before } of step.changes) this.#changes.set(word, before);
    this.#looks = new Set(step.looks);
  }

  card({ kind, id }: Touched): Card {
    this.#shown.clear();
    const { fields, bits } = this.#content(kind, id);
    const others = this.#others(kind, id);
    const active =
      others.length > 0 ||
      fields.some((f) => f.lit !== null) ||
      bits.some((row) => row.lit.some((lit) => lit !== null));
    const page = kind === 'span' && this.#m[id + SPAN_STATE] !== SPAN_STATE_DEAD ? this.#page(id) : -1;
    return { key: `${kind} ${id}`, kind, id, page, active, fields, bits, others };
  }

  #page(span: number): number {
    return this.#m[span + SPAN_BASE] >>> PAGE_SHIFT;
  }

  #content(kind: CardKind, id: number): { fields: FieldRow[]; bits: BitRow[] } {
    if (kind === 'tiny') return this.#tiny();
    if (kind === 'class') return this.#class(id);
    if (kind === 'span') return this.#span(id);
    if (kind === 'central') return this.#central(id);
    if (kind === 'pageCache') return this.#pageCache();
    if (kind === 'summary') return { fields: this.#summaries(), bits: [] };
    if (kind === 'chunk') return { fields: [], bits: [this.#chunk(id)] };
    if (kind === 'header') return { fields: this.#header(), bits: [] };
    if (kind === 'gc') return { fields: this.#gc(), bits: [] };
    return { fields: [], bits: [] };
  }

  #lit(word: number): Lit {
    this.#shown.add(word);
    if (this.#changes.has(word)) return 'changed';
    return this.#looks.has(word) ? 'looked' : null;
  }

  #field(name: string, word: number, show: (n: number) => string = String): FieldRow {
    const lit = this.#lit(word);
    const before = this.#changes.get(word);
    return { name, value: show(this.#m[word]), before: before === undefined ? null : show(before), lit };
  }

  /** `count` bits from bit `first` of the words from `word` on. A bit is lit if it changed itself. */
  #bits(
    name: string,
    word: number,
    first: number,
    count: number,
    wrap: number,
    of: (bit: number, i: number) => Bit,
  ): BitRow {
    const bits: Bit[] = [];
    const lit: Lit[] = [];
    for (let i = 0; i < count; i++) {
      const at = word + ((first + i) >>> 5);
      const bit = 1 << (first + i);
      const whole = this.#lit(at);
      const flipped = ((this.#changes.get(at) ?? this.#m[at]) ^ this.#m[at]) & bit;
      bits.push(of((this.#m[at] & bit) === 0 ? 0 : 1, i));
      lit.push(whole === 'changed' ? (flipped !== 0 ? 'changed' : null) : whole);
    }
    return { name, bits, lit, wrap };
  }

  #tiny(): { fields: FieldRow[]; bits: BitRow[] } {
    const offset = this.#proc + PROC_TINY_OFFSET;
    const used = this.#m[offset];
    const before = this.#changes.get(offset) ?? used;
    const bytes = Array.from({ length: 16 }, (_, i): Bit => (i < used ? 'on' : 'off'));
    const lit = bytes.map((_, i): Lit => (i >= before && i < used ? 'changed' : null));
    const fields = [
      this.#field('tiny', this.#proc + PROC_TINY, hex),
      this.#field('tinyoffset', offset),
      this.#field('mask @', this.#proc + PROC_TINY_MASK),
    ];
    return { fields, bits: [{ name: 'bytes', bits: bytes, lit, wrap: 16 }] };
  }

  #class(spanClass: number): { fields: FieldRow[]; bits: BitRow[] } {
    const c = this.#proc + PROC_CLASSES + spanClass * MC_WORDS;
    const stack = stackStart(this.#m, this.#proc, spanClass);
    const limit = stackEnd(this.#m, this.#proc, spanClass) - stack;
    const slots = (top: number): string => `${(top - stack) / 2} / ${limit / 2}`;
    const fields = [
      this.#field('windowAddr', c + MC_WIN_ADDR, hex),
      this.#field('reuse', c + MC_TOP, slots),
      this.#field('alloc', c + MC_SPAN, (s) => this.#spanText(s)),
      this.#field('partial', c + MC_PARTIAL_COUNT),
      this.#field('full', c + MC_FULL_COUNT),
    ];
    // The slots on the stack, the one on top last.
    const top = this.#m[c + MC_TOP];
    for (let at = Math.max(stack, top - 6); at < top; at += 2) {
      fields.push(this.#field(`reuse[${(at - stack) / 2}]`, at, hex));
      this.#lit(at + 1);
    }
    return { fields, bits: [this.#bits('allocCache', c + MC_WIN, 0, 32, 32, (bit) => (bit ? 'on' : 'off'))] };
  }

  #spanText(ref: number): string {
    if (ref === 0 || this.#m[ref + SPAN_NPAGES] === 0) return '–';
    return `p. ${this.#page(ref)}`;
  }

  #span(s: number): { fields: FieldRow[]; bits: BitRow[] } {
    const m = this.#m;
    const fields = [
      this.#field('base', s + SPAN_BASE, hex),
      this.#field('npages', s + SPAN_NPAGES),
      this.#field('state', s + SPAN_STATE, (n) => ['dead', 'in use', 'manual', 'freeing'][n] ?? String(n)),
      this.#field('spanclass', s + SPAN_CLASS),
      this.#field('nelems', s + SPAN_NELEMS),
      this.#field('freeindex', s + SPAN_FREEINDEX),
      this.#field('allocCount', s + SPAN_ALLOC_COUNT),
      this.#field('sweepgen', s + SPAN_SWEEPGEN),
      this.#field('owner', s + SPAN_OWNER),
      this.#field('list', s + SPAN_LIST, (n) => LIST_NAMES[n] ?? String(n)),
      this.#field('allocBits @', s + SPAN_ALLOC_BITS, (n) => String(n >>> 5)),
      this.#field('gcmarkBits @', s + SPAN_GCMARK_BITS, (n) => String(n >>> 5)),
    ];
    const nelems = Math.min(256, m[s + SPAN_NELEMS]);
    if (m[s + SPAN_STATE] === SPAN_STATE_DEAD || nelems === 0) return { fields, bits: [] };
    const row = (name: string, at: number): BitRow => this.#spanBits(name, s + at, nelems);
    return { fields, bits: [row('allocBits', SPAN_ALLOC_BITS), row('gcmarkBits', SPAN_GCMARK_BITS)] };
  }

  /** The bitmap that a field of a span leads to. A sweep lets the field lead to another: bits that differ are lit. */
  #spanBits(name: string, field: number, nelems: number): BitRow {
    const now = this.#m[field] >>> 5;
    const before = (this.#changes.get(field) ?? this.#m[field]) >>> 5;
    const row = this.#bits(name, now, 0, nelems, 32, (bit) => (bit ? 'on' : 'off'));
    if (before === now) return row;
    const lit = row.bits.map((bit, i): Lit => {
      const word = before + (i >>> 5);
      const was = ((this.#changes.get(word) ?? this.#m[word]) >>> i) & 1;
      return was === (bit === 'on' ? 1 : 0) ? null : 'changed';
    });
    return { ...row, lit };
  }

  #central(spanClass: number): { fields: FieldRow[]; bits: BitRow[] } {
    const gen = this.#m[H_SWEEPGEN];
    const set = (name: string, kind: number, swept: boolean): FieldRow =>
      this.#field(name, centralSet(this.#mem, spanClass, kind, swept, gen) + SET_COUNT);
    const fields = [
      set('partial, swept', CENTRAL_PARTIAL, true),
      set('partial, unswept', CENTRAL_PARTIAL, false),
      set('full, swept', CENTRAL_FULL, true),
      set('full, unswept', CENTRAL_FULL, false),
    ];
    return { fields, bits: [] };
  }

  #pageCache(): { fields: FieldRow[]; bits: BitRow[] } {
    const at = this.#proc + PROC_PAGE_CACHE;
    const m = this.#m;
    const bits = this.#bits('pages', at + PC_FREE_LO, 0, 64, 64, (bit, i) => {
      if (bit === 0) return 'off';
      return (m[at + PC_SCAV_LO + (i >>> 5)] >>> i) & 1 ? 'half' : 'on';
    });
    for (let i = 0; i < 2; i++) this.#lit(at + PC_SCAV_LO + i);
    return { fields: [this.#field('base', at + PC_BASE, (page) => `p. ${page}`)], bits: [bits] };
  }

  /** Levels of the tree, as far as memory is known. */
  #summaries(): FieldRow[] {
    const { plan } = this.#mem;
    const known = Math.max(1, Math.ceil(this.#m[H_GROWN_PAGES] / CHUNK_PAGES));
    const rows: FieldRow[] = [];
    for (let level = 0; level < 4; level++) {
      const entries = Math.ceil(known / 8 ** (3 - level));
      for (let entry = 0; entry < entries; entry++) {
        const at = plan.summaries[level]! + entry * SUM_WORDS;
        const words = [at + SUM_START, at + SUM_MAX, at + SUM_END];
        const lits = words.map((word) => this.#lit(word));
        const lit = lits.find((l) => l === 'changed') ?? lits.find((l) => l === 'looked') ?? null;
        const old = words.map((word) => this.#changes.get(word) ?? this.#m[word]);
        rows.push({
          name: `[${level}][${entry}]`,
          value: words.map((word) => this.#m[word]).join(' · '),
          before: lit === 'changed' ? old.join(' · ') : null,
          lit,
        });
      }
    }
    return rows;
  }

  #chunk(chunk: number): BitRow {
    const at = this.#mem.plan.chunks + chunk * CHUNK_WORDS;
    const m = this.#m;
    for (let i = 0; i < CHUNK_WORDS; i++) this.#shown.add(at + i);
    return this.#bits('pallocBits', at + CHUNK_ALLOC, 0, CHUNK_PAGES, 64, (bit, i) => {
      if (bit !== 0) return 'on';
      return (m[at + CHUNK_SCAV + (i >>> 5)] >>> i) & 1 ? 'half' : 'off';
    });
  }

  #header(): FieldRow[] {
    return [
      this.#field('pagesInUse', H_PAGES_IN_USE),
      this.#field('peakPages', H_PEAK_PAGES),
      this.#field('grownPages', H_GROWN_PAGES),
      this.#field('releasedPages', H_RELEASED_PAGES),
      this.#field('searchPage', H_SEARCH_PAGE),
      this.#field('sweepgen', H_SWEEPGEN),
      this.#field('writeBarrier', H_WRITE_BARRIER),
    ];
  }

  #gc(): FieldRow[] {
    return [
      this.#field('heapLive', GC_HEAP_LIVE, (n) => String(n * 8)),
      this.#field('cycles begun', GC_STARTED),
      this.#field('cycles marked', GC_MARKED),
    ];
  }

  /** A double that was written, by its number among the doubles. */
  #double(name: string, at: number): FieldRow {
    const now = this.#m.slice(2 * at, 2 * at + 2);
    const old = now.map((word, i) => this.#changes.get(2 * at + i) ?? word);
    const show = (words: Words): string => String(Math.round(new Float64Array(words.slice().buffer)[0]! * 1000) / 1000);
    return { name, value: show(now), before: show(old), lit: 'changed' };
  }

  /** Words of this structure that were written and are not among its fields. */
  #others(kind: CardKind, id: number): FieldRow[] {
    const rows: FieldRow[] = [];
    for (const [word, before] of this.#changes) {
      if (this.#shown.has(word)) continue;
      const name = this.#names.name(word);
      if (name.kind !== kind || name.id !== id) continue;
      if (name.double === true) {
        // Both halves together, once.
        if ((word & 1) === 0 || !this.#changes.has(word - 1)) rows.push(this.#double(name.field, word >>> 1));
        continue;
      }
      rows.push({ name: name.field, value: String(this.#m[word]), before: String(before), lit: 'changed' });
    }
    return rows;
  }
}
