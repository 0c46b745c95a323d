/** What came of indexing: the figures that `--json` writes and the report shows. All sizes in bytes. */
import type { Built } from './builder.ts';
import type { CheckResult } from './check.ts';
import { type GcFigures, gcFigures } from './gc-figures.ts';
import { ask, type QueryAnswer } from './query.ts';
import type { Recycled } from './recycle.ts';
import type { SharedIndex } from './shared-index.ts';
import type { Skipped } from './skipped.ts';
import type { Found } from './walker.ts';

export interface TopWord {
  readonly word: string;
  readonly hits: number;
  readonly files: number;
}

export interface IndexOutcome {
  readonly paths: readonly string[];
  readonly threads: number;
  readonly maxBytes: number;
  /** Text files that are in the index, and what they have together. */
  readonly files: number;
  readonly bytes: number;
  /** Distinct words; their occurrences; words that were passed over because they are too long. */
  readonly words: number;
  readonly hits: number;
  readonly longWords: number;
  /** Lines that have a word, counted for each word. */
  readonly postings: number;
  readonly seconds: number;
  readonly bytesPerSecond: number;
  /** Bytes in spans in use, and the allocator's own records. */
  readonly heapBytes: number;
  readonly metadataBytes: number;
  /** Both, by posting; null without postings. */
  readonly bytesPerPosting: number | null;
  /** Most hits first. */
  readonly topWords: readonly TopWord[];
  readonly queries: readonly QueryAnswer[];
  /** Whether the index was compared with a plain one and found the same, after each step; how that went for the first. */
  readonly checked: boolean;
  readonly check: CheckResult | null;
  /** What came of `--drop`; null without. */
  readonly drop: Recycled | null;
  /** What the collector did from beginning to end. */
  readonly gc: GcFigures;
  /** Files and folders that are not in the index, by path. */
  readonly skipped: readonly Skipped[];
}

export interface Asked {
  readonly paths: readonly string[];
  readonly threads: number;
  readonly maxBytes: number;
  /** Empty: words of four letters or more that are in the most files. */
  readonly queries: readonly string[];
}

const TOP_WORDS = 8;
const DEFAULT_QUERIES = 3;
/** In minified code the most frequent words are single letters, which nobody asks for. */
const WORTH_ASKING = /^\p{L}{4,}$/u;

/** The figures of the index as it is now, and of how it came to be. `drop`: what happened to it since it was built. */
export function outcomeOf(built: Built, drop: Recycled | null, asked: Asked): IndexOutcome {
  const { index, found, stats, check, heap } = built;
  const { seconds, longWords } = built.indexed;
  const documents = countDocuments(index, found);
  const words = countWords(index);
  const { heapInUseBytes: heapBytes, metadataBytes } = stats;
  const queries = asked.queries.length > 0 ? asked.queries : words.worthAsking.map(({ word }) => word);
  return {
    paths: asked.paths,
    threads: asked.threads,
    maxBytes: asked.maxBytes,
    files: documents.files,
    bytes: documents.bytes,
    words: words.words,
    hits: words.hits,
    longWords,
    postings: words.postings,
    seconds,
    bytesPerSecond: seconds === 0 ? 0 : documents.bytes / seconds,
    heapBytes,
    metadataBytes,
    bytesPerPosting: words.postings === 0 ? null : (heapBytes + metadataBytes) / words.postings,
    topWords: words.top,
    queries: queries.map((question) => ask(index, question)),
    checked: check !== null && firstDifference(check, drop) === null,
    check,
    drop,
    gc: gcFigures(heap.stats().gc),
    skipped: documents.skipped,
  };
}

/** What the checks found first, with the step it was found after; null if they found nothing. */
export function firstDifference(check: CheckResult | null, drop: Recycled | null): string | null {
  const after = (step: string, difference: string | null | undefined): string | null =>
    typeof difference === 'string' ? `${step}${difference}` : null;
  return (
    after('', check?.difference) ??
    after('after dropping: ', drop?.check?.difference) ??
    after('after indexing again: ', drop?.againCheck?.difference)
  );
}

/** What any of the checks had to leave out, by path. */
export function uncheckedFiles({ check, drop }: Pick<IndexOutcome, 'check' | 'drop'>): Skipped[] {
  const all = [check, drop?.check, drop?.againCheck].flatMap((result) => result?.unchecked ?? []);
  return [...new Map(all.map((file) => [file.path, file])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function countDocuments(index: SharedIndex, found: Found): { files: number; bytes: number; skipped: Skipped[] } {
  const skipped = [...found.skipped];
  let files = 0;
  let total = 0;
  for (let number = 0; number < index.documentCount; number++) {
    const { path, problem, bytes } = index.documentFacts(number);
    if (problem === '') {
      files++;
      total += bytes;
    } else {
      skipped.push({ path, reason: problem });
    }
  }
  skipped.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, bytes: total, skipped };
}

function countWords(index: SharedIndex): {
  words: number;
  hits: number;
  postings: number;
  top: TopWord[];
  worthAsking: TopWord[];
} {
  const sums = { words: 0, hits: 0, postings: 0, top: [] as TopWord[], worthAsking: [] as TopWord[] };
  index.eachWord((text, { hits, files, postings }) => {
    sums.words++;
    sums.hits += hits;
    sums.postings += postings;
    const word = { word: text, hits, files };
    keepTop(sums.top, TOP_WORDS, word, ({ hits }) => hits);
    // Not those with most hits, which may be the codes of a few source maps.
    if (WORTH_ASKING.test(text)) keepTop(sums.worthAsking, DEFAULT_QUERIES, word, ({ files }) => files);
  });
  return sums;
}

/** Keeps the `count` words with the highest figure, in that order; of equals the alphabetically first. */
function keepTop(top: TopWord[], count: number, word: TopWord, figure: (word: TopWord) => number): void {
  const isBefore = (other: TopWord): boolean =>
    figure(word) > figure(other) || (figure(word) === figure(other) && word.word < other.word);
  if (top.length === count) {
    if (!isBefore(top[count - 1])) return;
    top.pop();
  }
  let i = top.length;
  while (i > 0 && isBefore(top[i - 1])) i--;
  top.splice(i, 0, word);
}
