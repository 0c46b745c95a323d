/**
 * `--check`: builds the index again with plain JS objects, and compares the two, posting by posting. On a worker of its
 * own, so that an index that is too much for V8's heap ends that worker and not the program, and Ctrl-C is heard.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FileWords } from './file-words.ts';
import { PlainIndex, type PlainMention, type PlainWord } from './plain-index.ts';
import type { MentionRef, SharedIndex, WordRef } from './shared-index.ts';
import { CHANGED, type Skipped } from './skipped.ts';
import { TextReader } from './text-file.ts';

export interface CheckResult {
  /** Postings that were compared. */
  readonly postings: number;
  /** What building with plain JS objects took on one thread, without the comparison. */
  readonly seconds: number;
  /** What V8's heap grew by. */
  readonly heapBytes: number;
  /** The first difference in words, or null. */
  readonly difference: string | null;
  /** Files that changed or vanished after they were indexed: nobody knows what was in them, so they were left out. By path. */
  readonly unchecked: readonly Skipped[];
}

/** A word that is in no file. */
const NOWHERE: PlainWord = { hits: 0, postings: 0, mentions: [] };

/** Checks the index in `heap`. `onFile` is told each file that was read, and may throw to end it. */
export function checkIndex(index: SharedIndex, onFile: (bytes: number) => void): CheckResult {
  const heapBefore = usedByV8();
  const start = performance.now();
  const { plain, unchecked } = buildPlain(index, onFile);
  const seconds = (performance.now() - start) / 1000;
  const heapBytes = usedByV8() - heapBefore;
  const difference = findDifference(index, plain, new Set(unchecked.keys()));
  return { postings: plain.postings, seconds, heapBytes, difference, unchecked: [...unchecked.values()] };
}

/** After a full collection: V8 counts its garbage too. */
function usedByV8(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** The plain index of the same files, without those that are not the same any more, by the number of the document. */
function buildPlain(
  index: SharedIndex,
  onFile: (bytes: number) => void,
): { plain: PlainIndex; unchecked: Map<number, Skipped> } {
  const plain = new PlainIndex();
  const unchecked = new Map<number, Skipped>();
  const reader = new TextReader();
  const file = new FileWords();
  for (let number = 0; number < index.documentCount; number++) {
    if (index.isDropped(number)) continue;
    const { path, file: name, problem, bytes, changedMs } = index.documentFacts(number);
    if (problem !== '') continue;
    file.clear();
    const again = reader.read(name, (piece, end) => file.add(piece, end));
    // The second time is that of after reading: what was written in between, or meanwhile, shows.
    const isSame = reader.bytes === bytes && reader.changedMsAtEnd === changedMs;
    if (again !== '' || !isSame) {
      unchecked.set(number, { path, reason: again === '' ? CHANGED : again });
    } else {
      file.finish();
      plain.addDocument(number, file);
    }
    onFile(bytes);
  }
  return { plain, unchecked };
}

/** The first difference between the two, in words; null if there is none. Mentions of `unchecked` documents do not count. */
function findDifference(index: SharedIndex, plain: PlainIndex, unchecked: ReadonlySet<number>): string | null {
  for (const [text, expected] of plain.words) {
    const difference = index.inScope(() => wordDifference(index, index.word(text), expected, unchecked));
    if (difference !== null) return `word "${text}": ${difference}`;
  }
  if (index.wordCount === plain.words.size) return null;
  const extra: string[] = [];
  let words = plain.words.size;
  index.eachWord((text, word) => {
    if (plain.words.has(text)) return;
    const isOfUnchecked = word.files > 0 && wordDifference(index, word, NOWHERE, unchecked) === null;
    if (isOfUnchecked) words++;
    else extra.push(text);
  });
  if (extra.length > 0) return `word "${extra.sort()[0]}": in the shared index, not in the plain one`;
  return index.wordCount === words ? null : `the shared index says it has ${index.wordCount} words, and has ${words}`;
}

function wordDifference(
  index: SharedIndex,
  word: WordRef | undefined,
  expected: PlainWord,
  unchecked: ReadonlySet<number>,
): string | null {
  if (word === undefined) return 'not in the shared index';
  const left = new Map(expected.mentions.map((mention) => [mention.document, mention]));
  // Mentions come in any order: of several that differ, the one with the lowest number is told.
  let lowest = Number.POSITIVE_INFINITY;
  let told = '';
  const tell = (document: number, what: string): void => {
    if (document >= lowest) return;
    lowest = document;
    const isKnown = document < index.documentCount && !index.isDropped(document);
    told = `${isKnown ? index.documentFacts(document).path : `document ${document}`}: ${what}`;
  };
  const sums = { hits: expected.hits, files: expected.mentions.length, postings: expected.postings };
  index.eachMention(word, (mention) => {
    if (unchecked.has(mention.document)) {
      sums.hits += mention.hits;
      sums.files++;
      sums.postings += mention.lines.length;
      return;
    }
    const what = mentionDifference(mention, left.get(mention.document));
    if (what !== null) tell(mention.document, what);
    left.delete(mention.document);
  });
  for (const document of left.keys()) tell(document, 'not in the shared index');
  if (told !== '') return told;
  const { hits, files, postings } = word;
  if (hits !== sums.hits) return differ('hits', hits, sums.hits);
  if (files !== sums.files) return differ('files', files, sums.files);
  return postings === sums.postings ? null : differ('postings', postings, sums.postings);
}

function mentionDifference(mention: MentionRef, expected: PlainMention | undefined): string | null {
  if (expected === undefined) return 'in the shared index twice, or not in the plain one';
  if (mention.hits !== expected.hits) return differ('hits', mention.hits, expected.hits);
  const { lines } = mention;
  if (lines.length !== expected.lines.length) return differ('lines', lines.length, expected.lines.length);
  for (let i = 0; i < lines.length; i++) {
    if (lines.at(i) !== expected.lines[i]) return differ(`posting ${i + 1} on line`, lines.at(i), expected.lines[i]);
  }
  return null;
}

function differ(what: string, shared: number, plain: number): string {
  return `${what} ${shared} in the shared index, ${plain} in the plain one`;
}
