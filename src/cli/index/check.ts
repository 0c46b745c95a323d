/**
 * `--check`: builds the index again with plain JS objects, and compares the two, posting by posting. On a worker of its
 * own, so that an index that is too much for V8's heap ends that worker and not the program, and Ctrl-C is heard.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FileWords } from './file-words.ts';
import { PlainIndex, type PlainMention, type PlainWord } from './plain-index.ts';
import type { MentionRef, SharedIndex, WordRef } from './shared-index.ts';
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
}

/** Checks the index in `heap`. `onFile` is told each file that was read, and may throw to end it. */
export function checkIndex(index: SharedIndex, onFile: (bytes: number) => void): CheckResult {
  const heapBefore = usedByV8();
  const start = performance.now();
  const plain = buildPlain(index, onFile);
  const seconds = (performance.now() - start) / 1000;
  const heapBytes = usedByV8() - heapBefore;
  if (typeof plain === 'string') return { postings: 0, seconds, heapBytes, difference: plain };
  return { postings: plain.postings, seconds, heapBytes, difference: findDifference(index, plain) };
}

/** After a full collection: V8 counts its garbage too. */
function usedByV8(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** The plain index of the same files, or why it cannot be made. */
function buildPlain(index: SharedIndex, onFile: (bytes: number) => void): PlainIndex | string {
  const plain = new PlainIndex();
  const reader = new TextReader();
  const file = new FileWords();
  for (let number = 0; number < index.documentCount; number++) {
    if (index.isDropped(number)) continue;
    const { path, problem, bytes } = index.documentFacts(number);
    if (problem !== '') continue;
    file.clear();
    const again = reader.read(path, (piece, end) => file.add(piece, end));
    if (again !== '') return `${path}: was read before, now: ${again}`;
    if (reader.bytes !== bytes) return `${path}: changed since it was indexed, from ${bytes} to ${reader.bytes} bytes`;
    file.finish();
    plain.addDocument(number, file);
    onFile(bytes);
  }
  return plain;
}

/** The first difference between the two, in words; null if there is none. */
export function findDifference(index: SharedIndex, plain: PlainIndex): string | null {
  for (const [text, expected] of plain.words) {
    const difference = index.inScope(() => wordDifference(index, index.word(text), expected));
    if (difference !== null) return `word "${text}": ${difference}`;
  }
  if (index.wordCount === plain.words.size) return null;
  const extra: string[] = [];
  index.eachWord((text) => {
    if (!plain.words.has(text)) extra.push(text);
  });
  if (extra.length > 0) return `word "${extra.sort()[0]}": in the shared index, not in the plain one`;
  return `the shared index says it has ${index.wordCount} words, and has ${plain.words.size}`;
}

function wordDifference(index: SharedIndex, word: WordRef | undefined, expected: PlainWord): string | null {
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
  index.eachMention(word, (mention) => {
    const what = mentionDifference(mention, left.get(mention.document));
    if (what !== null) tell(mention.document, what);
    left.delete(mention.document);
  });
  for (const document of left.keys()) tell(document, 'not in the shared index');
  if (told !== '') return told;
  const { hits, files, postings } = word;
  if (hits !== expected.hits) return differ('hits', hits, expected.hits);
  if (files !== expected.mentions.length) return differ('files', files, expected.mentions.length);
  return postings === expected.postings ? null : differ('postings', postings, expected.postings);
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
