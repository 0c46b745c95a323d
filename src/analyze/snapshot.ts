/**
 * A snapshot file that is open: what it says of the heap, its spans in memory, its pages on request. Opening it reads
 * everything but the pages, and finds each section of the file.
 */
import { PAGE_SIZE } from '../layout/constants.ts';
import {
  PAGE,
  PTCH,
  ROOT,
  ROOT_NAMED,
  SNAP_ROOT_ADDR,
  SNAP_ROOT_KIND,
  SNAP_ROOT_NAME,
  SNAP_ROOT_THREAD,
  SNAP_ROOT_TYPE,
  SNAP_ROOT_WORDS,
  SNAP_SPEC_ADDR,
  SNAP_SPEC_KIND,
  SNAP_SPEC_THREAD,
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
} from '../observe/snapshot/format.ts';
import { corrupt } from './errors.ts';
import { Patches } from './patches.ts';
import {
  type FileHeader,
  listSections,
  readHeader,
  readJson,
  readPayload,
  readRecords,
  type Section,
  wordsOf,
} from './sections.ts';
import type { Source } from './source.ts';
import { SpanTable } from './span-table.ts';

/** A root as it is in the file. */
export interface SnapshotRoot {
  /** One of the ROOT_ values of the format. */
  readonly kind: number;
  readonly thread: number;
  readonly address: number;
  /** Name of a named root, or ''. */
  readonly name: string;
  readonly type: number;
}

/** A special record: kinds are those of layout/special.ts. */
export interface SnapshotSpecial {
  readonly kind: number;
  readonly address: number;
  readonly thread: number;
}

/** A snapshot file that is open: its parts, checked as they are read. `close` it. */
export class Snapshot {
  readonly header: FileHeader;
  readonly meta: SnapshotMeta;
  /** Type number − 1 → type. */
  readonly types: readonly SnapshotType[];
  readonly roots: readonly SnapshotRoot[];
  readonly specials: readonly SnapshotSpecial[];
  readonly spans: SpanTable;
  readonly patches: Patches;
  /** Numbers in objects are of the same moment as the pointers: nobody changed the heap meanwhile. */
  readonly exact: boolean;
  readonly #source: Source;
  readonly #sections: readonly Section[];
  readonly #pages: readonly Section[];

  /** Throws SnapshotError for what is no whole snapshot, and what `source` throws. */
  constructor(source: Source) {
    this.#source = source;
    this.header = readHeader(source);
    this.#sections = listSections(source);
    this.meta = checkMeta(readJson(source, this.#sections[0]!), this.#sections[0]!);
    this.types = this.#of(TYPE).flatMap((section) => checkTypes(readJson(source, section), section));
    this.types.forEach((type, i) => {
      if (type.number !== i + 1) corrupt(`type number ${type.number} is out of order`, this.#of(TYPE)[0]!.offset);
    });
    this.roots = this.#of(ROOT).flatMap((section) => this.#readRoots(section));
    this.specials = this.#of(SPEC).flatMap((section) => this.#readSpecials(section));
    this.spans = new SpanTable(this.header.grownPages, this.meta.tinySpanClass);
    for (const section of this.#of(SPAN)) {
      this.spans.add(wordsOf(readPayload(source, section)).slice(), section.offset + 16);
    }
    this.spans.number();
    this.patches = new Patches(
      this.header.grownPages,
      this.#of(PTCH).map((section) => ({
        pairs: readRecords(source, section, 2).slice(),
        offset: section.offset + 16,
      })),
    );
    this.#pages = this.#checkPages();
    this.exact = this.#checkTotals();
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#source.size;
  }

  #of(type: number): Section[] {
    return this.#sections.filter((section) => section.type === type);
  }

  #readRoots(section: Section): SnapshotRoot[] {
    const words = readRecords(this.#source, section, SNAP_ROOT_WORDS);
    return Array.from({ length: words.length / SNAP_ROOT_WORDS }, (_, i) => {
      const at = i * SNAP_ROOT_WORDS;
      const kind = words[at + SNAP_ROOT_KIND]!;
      const name = kind === ROOT_NAMED ? this.meta.rootNames[words[at + SNAP_ROOT_NAME]!] : '';
      if (name === undefined) corrupt('a root has a name that is not there', section.offset);
      return {
        kind,
        thread: words[at + SNAP_ROOT_THREAD]!,
        address: words[at + SNAP_ROOT_ADDR]! >>> 0,
        name,
        type: words[at + SNAP_ROOT_TYPE]!,
      };
    });
  }

  #readSpecials(section: Section): SnapshotSpecial[] {
    const words = readRecords(this.#source, section, SNAP_SPEC_WORDS);
    return Array.from({ length: words.length / SNAP_SPEC_WORDS }, (_, i) => ({
      kind: words[i * SNAP_SPEC_WORDS + SNAP_SPEC_KIND]!,
      address: words[i * SNAP_SPEC_WORDS + SNAP_SPEC_ADDR]! >>> 0,
      thread: words[i * SNAP_SPEC_WORDS + SNAP_SPEC_THREAD]!,
    }));
  }

  /** Each page of each span comes once, in order. */
  #checkPages(): Section[] {
    const sections = this.#of(PAGE);
    let next = 0;
    let pages = 0;
    for (const { arg, bytes, offset } of sections) {
      const npages = bytes / PAGE_SIZE;
      const fits = Number.isInteger(npages) && npages > 0 && arg >= next && arg + npages <= this.header.grownPages;
      if (!fits || this.spans.byPage.subarray(arg, arg + npages).includes(0)) {
        corrupt(`${bytes} bytes of pages from page ${arg} on`, offset);
      }
      next = arg + npages;
      pages += npages;
    }
    if (pages !== this.spans.pages) corrupt(`${pages} pages, the spans have ${this.spans.pages}`, this.bytes);
    return sections;
  }

  #checkTotals(): boolean {
    const end = this.#sections.at(-1)!;
    const totals = readRecords(this.#source, end, TOTAL_WORDS);
    const counted: readonly [number, number, string][] = [
      [TOTAL_SPANS, this.spans.count, 'spans'],
      [TOTAL_OBJECTS, this.spans.slots, 'slots in use'],
      [TOTAL_PAGES, this.spans.pages, 'pages'],
      [TOTAL_ROOTS, this.roots.length, 'roots'],
      [TOTAL_SPECIALS, this.specials.length, 'special records'],
      [TOTAL_PATCHES, this.patches.count, 'patches'],
    ];
    for (const [word, count, what] of counted) {
      if (totals[word]! >>> 0 !== count) corrupt(`${count} ${what}, the end says ${totals[word]! >>> 0}`, end.offset);
    }
    return totals[TOTAL_EXACT] === 1;
  }

  /**
   * Calls `visit` with all pages of the file, in order, as they were when the snapshot began: page number, number of pages,
   * their words, which are its own until it returns.
   */
  eachPages(
    visit: (page: number, npages: number, words: Int32Array) => void,
    onProgress?: (doneBytes: number, totalBytes: number) => void,
  ): void {
    for (const section of this.#pages) {
      const npages = section.bytes / PAGE_SIZE;
      visit(section.arg, npages, this.#readPages(section));
      onProgress?.(section.offset + section.bytes, this.bytes);
    }
  }

  #readPages(section: Section): Int32Array {
    // Patched below: a source of bytes in memory gives its own.
    const words = wordsOf(readPayload(this.#source, section)).slice();
    this.patches.apply(words, section.arg, section.bytes / PAGE_SIZE);
    return words;
  }

  /** The section that holds a page: first page, words; undefined: it is in none. Reads from the source each time. */
  pagesAround(page: number): { readonly page: number; readonly words: Int32Array } | undefined {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pages[middle]!.arg + this.#pages[middle]!.bytes / PAGE_SIZE > page) high = middle;
      else low = middle + 1;
    }
    const section = this.#pages[low];
    return section === undefined || section.arg > page
      ? undefined
      : { page: section.arg, words: this.#readPages(section) };
  }

  close(): void {
    this.#source.close?.();
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Only what is relied on. */
function checkMeta(value: unknown, { offset }: Section): SnapshotMeta {
  const isNumbers = (list: unknown, keys: readonly string[]): boolean =>
    Array.isArray(list) && list.every((x) => isRecord(x) && keys.every((key) => typeof x[key] === 'number'));
  const good =
    isRecord(value) &&
    value['format'] === 'spanheap snapshot' &&
    Number.isInteger(value['heap']) &&
    Number.isInteger(value['tinySpanClass']) &&
    isNumbers(value['sizeClasses'], ['class', 'size', 'npages']) &&
    isNumbers(value['threads'], ['id', 'worker']) &&
    Array.isArray(value['rootNames']) &&
    value['rootNames'].every((name) => typeof name === 'string');
  return good ? (value as unknown as SnapshotMeta) : corrupt('what it says of the heap does not make sense', offset);
}

function checkTypes(value: unknown, { offset }: Section): SnapshotType[] {
  const isCount = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= 2 ** 31;
  const good = (type: unknown): boolean => {
    if (!isRecord(type) || typeof type['name'] !== 'string' || typeof type['definition'] !== 'string') return false;
    const { number, size, align, pointers } = type;
    if (![number, size, align].every(isCount) || !Array.isArray(pointers)) return false;
    return pointers.every(
      (p, i) => isCount(p) && p % 4 === 0 && p + 4 <= (size as number) && (i === 0 || p > pointers[i - 1]),
    );
  };
  if (!Array.isArray(value) || !value.every(good)) corrupt('what it says of types does not make sense', offset);
  return value as SnapshotType[];
}
