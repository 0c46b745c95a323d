/**
 * Answers questions on the main thread, from the index where it is: nothing of it is copied. Several words in one question
 * must all be in a file.
 */
import { quoted, UsageError } from '../errors.ts';
import type { SharedIndex, WordRef } from './shared-index.ts';
import { MAX_WORD_BYTES, wordsOf } from './tokenizer.ts';

export interface Match {
  readonly path: string;
  readonly line: number;
}

export interface QueryAnswer {
  /** As it was asked. */
  readonly word: string;
  /** Occurrences of its words in the files that have them all. */
  readonly hits: number;
  readonly files: number;
  /** Time of one answer, from the question's words to the first matches: the median of several. */
  readonly microseconds: number;
  /** The first few, by path and line. */
  readonly matches: readonly Match[];
}

interface Answer {
  hits: number;
  files: number;
  matches: { document: number; line: number }[];
}

const SHOWN = 5;
/** The first answers are slow because V8 has not compiled the code yet; more of them tell nothing new. */
const MOST_RUNS = 51;
const MOST_MS = 50;

/** The distinct words of a question. Throws UsageError for one that no file can answer. */
export function parseQuery(text: string, option: string): string[] {
  const { words, longWords } = wordsOf(text);
  if (longWords > 0) {
    throw new UsageError(`${option}: ${quoted(text)} has a word of over ${MAX_WORD_BYTES} bytes; such are not indexed`);
  }
  if (words.length === 0) throw new UsageError(`${option}: ${quoted(text)} has no word in it`);
  return [...new Set(words)];
}

export function ask(index: SharedIndex, question: string): QueryAnswer {
  const words = parseQuery(question, '--query');
  const times: number[] = [];
  let found: Answer;
  const until = performance.now() + MOST_MS;
  do {
    const start = performance.now();
    found = index.inScope(() => answer(index, words));
    times.push(performance.now() - start);
  } while (times.length < MOST_RUNS && performance.now() < until);
  const microseconds = times.sort((a, b) => a - b)[times.length >>> 1] * 1000;
  const { hits, files } = found;
  const matches = found.matches.map(({ document, line }) => ({ path: index.documentFacts(document).path, line }));
  return { word: question, hits, files, microseconds, matches };
}

function answer(index: SharedIndex, texts: readonly string[]): Answer {
  const words: WordRef[] = [];
  for (const text of texts) {
    const word = index.word(text);
    if (word === undefined) return { hits: 0, files: 0, matches: [] };
    words.push(word);
  }
  const found = words.length === 1 ? filesOfWord(index, words[0]) : filesOfAll(index, words);
  return { hits: found.hits, files: found.files, matches: firstLines(index, words, found.first) };
}

interface Files {
  readonly hits: number;
  readonly files: number;
  /** The lowest numbers of documents. */
  readonly first: readonly number[];
}

function filesOfWord(index: SharedIndex, word: WordRef): Files {
  const first: number[] = [];
  index.eachMention(word, ({ document }) => keepLowest(first, document));
  return { hits: word.hits, files: word.files, first };
}

/** Counts, for the files of the rarest word, how many of the words are there. */
function filesOfAll(index: SharedIndex, words: readonly WordRef[]): Files {
  const rarestFirst = [...words].sort((a, b) => a.files - b.files);
  const files = new Map<number, { words: number; hits: number }>();
  rarestFirst.forEach((word, before) => {
    index.eachMention(word, ({ document, hits }) => {
      const file = files.get(document);
      if (file !== undefined && file.words === before) {
        file.words++;
        file.hits += hits;
      } else if (before === 0) {
        files.set(document, { words: 1, hits });
      }
    });
  });
  const first: number[] = [];
  let count = 0;
  let hits = 0;
  for (const [document, file] of files) {
    if (file.words < words.length) continue;
    count++;
    hits += file.hits;
    keepLowest(first, document);
  }
  return { hits, files: count, first };
}

/** Keeps the `SHOWN` lowest in ascending order. */
function keepLowest(lowest: number[], number: number): void {
  if (lowest.length === SHOWN) {
    if (number > lowest[SHOWN - 1]) return;
    lowest.pop();
  }
  let i = lowest.length;
  while (i > 0 && lowest[i - 1] > number) i--;
  lowest.splice(i, 0, number);
}

/** The first lines in these documents that have one of the words. Each document has a line, so few documents will do. */
function firstLines(index: SharedIndex, words: readonly WordRef[], documents: readonly number[]): Answer['matches'] {
  const linesOf = new Map<number, Set<number>>(documents.map((document) => [document, new Set()]));
  for (const word of words) {
    index.eachMention(word, (mention) => {
      const lines = linesOf.get(mention.document);
      if (lines === undefined) return;
      const from = mention.lines;
      for (let i = 0; i < Math.min(SHOWN, from.length); i++) lines.add(from.at(i));
    });
  }
  const matches: Answer['matches'] = [];
  for (const document of documents) {
    const lines = [...(linesOf.get(document) as Set<number>)].sort((a, b) => a - b);
    for (const line of lines) if (matches.length < SHOWN) matches.push({ document, line });
  }
  return matches;
}
