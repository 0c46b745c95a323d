/** The index in the heap: built, asked, checked; and differences that were planted in it. */
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type CheckResult, checkIndex } from '../../../../src/cli/index/check.ts';
import { dropMentions } from '../../../../src/cli/index/drop-documents.ts';
import { indexDocuments } from '../../../../src/cli/index/index-documents.ts';
import { ask, type QueryAnswer } from '../../../../src/cli/index/query.ts';
import { SharedIndex, Stopped } from '../../../../src/cli/index/shared-index.ts';
import { wordsOf } from '../../../../src/cli/index/tokenizer.ts';
import { Index, Mention, Word } from '../../../../src/cli/index/types.ts';
import { findFiles } from '../../../../src/cli/index/walker.ts';
import { createHeap, type Heap, OutOfMemoryError } from '../../../../src/index.ts';
import { newSeed, random } from '../../../support/random.ts';
import { folderOf, randomText } from './files.ts';

function indexOf(folder: string, maxBytes = 1 << 28): { heap: Heap; index: SharedIndex } {
  const heap = createHeap({ maxBytes });
  const index = SharedIndex.create(heap, findFiles([folder]).files, 1);
  indexDocuments(index, 0);
  return { heap, index };
}

function checked(index: SharedIndex): CheckResult {
  return checkIndex(index, () => {});
}

const SMALL = {
  'a.txt': 'one two three\nTwo two\n\nfour one',
  'b/c.txt': 'two\nthree Ünï\n',
  'b/d.txt': 'three four; ÜNÏ one\none',
};

describe('questions', () => {
  const folder = folderOf(SMALL);
  const { index } = indexOf(folder);

  test.each([
    ['one', 4, 2, ['a.txt:1', 'a.txt:4', 'b/d.txt:1', 'b/d.txt:2']],
    ['TWO', 4, 2, ['a.txt:1', 'a.txt:2', 'b/c.txt:1']],
    ['ünï', 2, 2, ['b/c.txt:2', 'b/d.txt:1']],
    ['nothing', 0, 0, []],
    ['three one', 6, 2, ['a.txt:1', 'a.txt:4', 'b/d.txt:1', 'b/d.txt:2']],
    ['two; three; two', 6, 2, ['a.txt:1', 'a.txt:2', 'b/c.txt:1', 'b/c.txt:2']],
    ['two ünï', 2, 1, ['b/c.txt:1', 'b/c.txt:2']],
    ['one two ünï', 0, 0, []],
    ['one nothing', 0, 0, []],
  ])('%s', (question, hits, files, places) => {
    const answer = ask(index, question);
    const { matches } = answer;
    expect(matches.map(({ path, line }) => `${path.slice(folder.length + 1)}:${line}`)).toEqual(places);
    expect(answer).toMatchObject({ word: question, hits, files });
    expect(answer.microseconds).toBeGreaterThan(0);
  });

  test.each([
    ['', 'has no word in it'],
    ['!?', 'has no word in it'],
    ['x'.repeat(129), 'has a word of over 128 bytes; such are not indexed'],
  ])('%j is no question', (question, why) => {
    expect(() => ask(index, question)).toThrow(why);
  });

  test('many files: counts, and the first matches by path, as a search through the texts finds them', () => {
    const r = random(newSeed('many files'));
    const texts: Record<string, string> = {};
    for (let i = 0; i < 300; i++) texts[`d${r.below(9)}/f${i}`] = randomText(r, r.below(60));
    const many = folderOf(texts);
    const { index: large } = indexOf(many);
    for (const question of ['the', 'über', 'слово 漢字', 'x of w3', 'w1', 'the heap of x']) {
      expect(ask(large, question)).toMatchObject(searched(many, question));
    }
    expect(checked(large).difference).toBeNull();
  });
});

/** The answer by looking through all files. */
function searched(folder: string, question: string): Pick<QueryAnswer, 'hits' | 'files' | 'matches'> {
  const asked = new Set(wordsOf(question).words);
  const all = { hits: 0, files: 0, matches: [] as { path: string; line: number }[] };
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  for (const path of paths.filter((name) => /\/f\d+$/.test(name)).sort()) {
    const text = readFileSync(path, 'utf8');
    const found = wordsOf(text).words.filter((word) => asked.has(word));
    if (new Set(found).size < asked.size) continue;
    all.files++;
    all.hits += found.length;
    for (const [i, line] of text.split('\n').entries()) {
      if (wordsOf(line).words.some((word) => asked.has(word))) all.matches.push({ path, line: i + 1 });
    }
  }
  all.matches.splice(5);
  return all;
}

describe('files that are not indexed', () => {
  test('binary files and files that vanished are noted, the others are there', () => {
    const folder = folderOf({ ...SMALL, binary: 'a\0b', gone: 'one' });
    const heap = createHeap({ maxBytes: 1 << 26 });
    const { files } = findFiles([folder]);
    const index = SharedIndex.create(heap, files, 1);
    rmSync(join(folder, 'gone'));
    indexDocuments(index, 0);
    const problems = files.map((_, i) => index.documentFacts(i).problem);
    expect(problems).toEqual(['', '', '', 'binary (NUL byte)', 'vanished while indexing']);
    expect(ask(index, 'one').files).toBe(2);
    expect(checked(index)).toMatchObject({ difference: null, postings: 14 });
  });

  test('names that are no UTF-8: read by their bytes, shown without', () => {
    const folder = folderOf(SMALL);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/x`), Buffer.from([0xff])]), 'strange');
    const { index } = indexOf(folder);
    expect(ask(index, 'strange').matches).toEqual([{ path: join(folder, 'x\ufffd'), line: 1 }]);
    expect(checked(index)).toMatchObject({ difference: null, unchecked: [] });
  });

  test('asked to stop: at once, and nothing of a file is added before all of it was read', () => {
    const folder = folderOf(SMALL);
    const heap = createHeap({ maxBytes: 1 << 26 });
    const index = SharedIndex.create(heap, findFiles([folder]).files, 1);
    index.stop();
    expect(() => indexDocuments(index, 0)).toThrow(Stopped);
    expect(index.wordCount).toBe(0);
  });
});

describe('check', () => {
  test('an index that is right: postings, time and memory of the plain one', () => {
    const { index } = indexOf(folderOf(SMALL));
    const result = checked(index);
    expect(result).toMatchObject({ difference: null, postings: 14 });
    expect(result.seconds).toBeGreaterThan(0);
  });

  /** Each changes one thing in the heap; `check` must name it. */
  test.each<[string, (heap: Heap) => void, RegExp]>([
    [
      'a line',
      (heap) => firstMention(heap, 'four').lines.set(0, 7),
      /^word "four": .*: posting 1 on line 7 in .*, [14] /,
    ],
    [
      'a line too few',
      (heap) => shorten(heap, 'one'),
      /^word "one": .*: lines 1 in the shared index, 2 in the plain one$/,
    ],
    ['hits of a file', (heap) => firstMention(heap, 'one').hits++, /^word "one": .*: hits 3 in the shared index, 2 in/],
    [
      'hits of a word',
      (heap) => wordIn(heap, 'two').hits--,
      /^word "two": hits 3 in the shared index, 4 in the plain one$/,
    ],
    ['files of a word', (heap) => wordIn(heap, 'two').files++, /^word "two": files 3 in the shared index, 2 in/],
    [
      'postings of a word',
      (heap) => wordIn(heap, 'two').postings++,
      /^word "two": postings 4 in the shared index, 3 in/,
    ],
    [
      'a document',
      (heap) => (firstMention(heap, 'ünï').document = 0),
      /^word "ünï": .*a\.txt: in the shared index twice, or/,
    ],
    [
      'an unknown document',
      (heap) => (firstMention(heap, 'ünï').document = 9),
      /^word "ünï": .*: not in the shared index$/,
    ],
    [
      'a lost mention',
      (heap) => (wordIn(heap, 'four').mentions = null),
      /^word "four": .*a\.txt: not in the shared index$/,
    ],
    ['a lost word', (heap) => words(heap).delete('three'), /^word "three": not in the shared index$/],
    [
      'another word',
      (heap) => words(heap).set('five', heap.new(Word)),
      /^word "five": in the shared index, not in the plain one$/,
    ],
    [
      'a mention twice',
      (heap) => mentionTwice(heap, 'two'),
      /^word "two": .*: in the shared index twice, or not in the plain/,
    ],
  ])('%s', (_, plant, message) => {
    const { heap, index } = indexOf(folderOf(SMALL));
    heap.scope(() => {
      plant(heap);
    });
    expect(checked(index).difference).toMatch(message);
  });

  describe('files that have changed since are left out, words that only they have among them', () => {
    const files = { ...SMALL, own: 'own words, two' };
    test.each<[string, (path: string) => void, string]>([
      ['longer', (path) => appendFileSync(path, 'more'), 'changed while indexing'],
      ['other words, as many bytes', (path) => writeFileSync(path, 'two own words,'), 'changed while indexing'],
      ['gone', (path) => rmSync(path), 'vanished while indexing'],
      ['binary', (path) => writeFileSync(path, '\0'), 'binary (NUL byte)'],
    ])('%s', async (_, change, reason) => {
      const folder = folderOf(files);
      const { heap, index } = indexOf(folder);
      const all = checked(index).postings;
      // The clock of files moves on only now and then.
      await sleep(20);
      change(join(folder, 'own'));
      const unchecked = [{ path: join(folder, 'own'), reason }];
      expect(checked(index)).toMatchObject({ difference: null, postings: all - 3, unchecked });

      heap.scope(() => wordIn(heap, 'two').hits++);
      expect(checked(index).difference).toBe('word "two": hits 6 in the shared index, 5 in the plain one');
      heap.scope(() => wordIn(heap, 'two').hits--);
      heap.scope(() => wordIn(heap, 'own').files++);
      expect(checked(index).difference).toBe('word "own": in the shared index, not in the plain one');
      heap.scope(() => wordIn(heap, 'own').files--);
      heap.scope(() => firstMention(heap, 'four').hits++);
      expect(checked(index).difference).toMatch(/^word "four": .*: hits 2 in the shared index, 1 in/);
    });

    test('all of them', () => {
      const folder = folderOf(files);
      const { heap, index } = indexOf(folder);
      for (const name of Object.keys(files)) rmSync(join(folder, name));
      expect(checked(index)).toMatchObject({ difference: null, postings: 0, unchecked: { length: 4 } });
      heap.scope(() => words(heap).set('five', heap.new(Word)));
      expect(checked(index).difference).toBe('word "five": in the shared index, not in the plain one');
    });
  });

  const words = (heap: Heap) => heap.roots.get('index', Index)!.words;
  const wordIn = (heap: Heap, text: string) => words(heap).get(text)!;
  const firstMention = (heap: Heap, text: string) => wordIn(heap, text).mentions!;

  function shorten(heap: Heap, text: string): void {
    const mention = firstMention(heap, text);
    mention.lines = mention.lines.slice(0, 1);
  }

  function mentionTwice(heap: Heap, text: string): void {
    const { document, hits, lines, next } = firstMention(heap, text);
    wordIn(heap, text).mentions!.next = heap.new(Mention, { document, hits, lines, next });
  }
});

describe('dropping documents', () => {
  test('what is left is the index of the other files; indexed again, it is what it was', () => {
    const r = random(newSeed('dropping'));
    const texts = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`${i}`, randomText(r, 1 + r.below(300))]));
    const { files } = findFiles([folderOf(texts)]);
    const debug = { checkmark: true, zombies: true, clobberFree: true };
    const heap = createHeap({ maxBytes: 1 << 26, background: false, gcPercent: 5, debug });
    const index = SharedIndex.create(heap, files, 1);
    indexDocuments(index, 0);
    heap.gc();
    const whole = { words: index.wordCount, live: heap.stats().liveObjects };
    const postingsOfAll = checked(index).postings;
    for (let round = 0; round < 6; round++) {
      const numbers = [...files.keys()].filter(() => r.below(6) < round);
      index.drop(numbers);
      const removed = dropMentions(index, 0, 1);
      const left = checked(index);
      expect(left).toMatchObject({ difference: null, postings: postingsOfAll - removed.postings });
      expect(index.wordCount).toBe(whole.words - removed.words);
      heap.gc();
      expect(checked(index).difference).toBeNull();
      if (round === 5) expect(heap.stats().liveObjects).toBeLessThan(whole.live / 2);
      index.plan(files, numbers);
      indexDocuments(index, 0);
      expect(checked(index)).toMatchObject({ difference: null, postings: postingsOfAll });
      expect(index.wordCount).toBe(whole.words);
    }
    heap.gc();
    heap.verify();
    // The map keeps tables, and words lie in other slots of the string's size classes: the same but for a few.
    expect(Math.abs(heap.stats().liveObjects - whole.live)).toBeLessThan(whole.live / 20);
  });

  test('several workers share the words: what each removes is all of it', () => {
    const r = random(3);
    const texts = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}`, randomText(r, 200)]));
    const { index } = indexOf(folderOf(texts));
    index.drop([...Array(30).keys()]);
    const { words, postings } = [0, 1, 2]
      .map((worker) => dropMentions(index, worker, 3))
      .reduce((a, b) => ({
        words: a.words + b.words,
        postings: a.postings + b.postings,
      }));
    expect(words).toBeGreaterThan(100);
    expect(postings).toBeGreaterThan(words);
    expect(index.wordCount).toBe(0);
    expect(checked(index)).toMatchObject({ difference: null, postings: 0 });
  });

  test('a mention of a dropped document that was left in its place is found', () => {
    const { index } = indexOf(folderOf(SMALL));
    index.drop([0]);
    expect(checked(index).difference).toMatch(
      /^word ".*": document 0: in the shared index twice, or not in the plain one$/,
    );
  });

  test('asked to stop', () => {
    const { index } = indexOf(folderOf(SMALL));
    index.drop([0]);
    index.stop();
    expect(() => dropMentions(index, 0, 1)).toThrow(Stopped);
  });
});

describe('memory', () => {
  test('a heap that is too small: an error with the figures, and the heap is whole', () => {
    const r = random(11);
    const folder = folderOf(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}`, randomText(r, 4000)])));
    const heap = createHeap({ maxBytes: 1 << 20 });
    const index = SharedIndex.create(heap, findFiles([folder]).files, 1);
    let error: unknown;
    try {
      indexDocuments(index, 0);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ limitBytes: 1 << 20 });
    heap.verify();
    // Nobody holds a word's lock any more: it can be read and changed.
    index.eachWord((_, word) => word.hits++);
  });

  test('a mention takes what its header and its lines take, nothing is left behind', () => {
    const r = random(5);
    const folder = folderOf(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${i}`, randomText(r, 300)])));
    const { heap, index } = indexOf(folder);
    const before = heap.stats().liveBytes;
    let mentions = 0;
    let lineBytes = 0;
    index.eachWord((_, word) =>
      index.eachMention(word, ({ lines }) => {
        mentions++;
        lineBytes += lines.length * 4;
      }),
    );
    expect(heap.stats().liveBytes - before).toBeLessThan(64 << 10);
    // 24 bytes, and lines in the size class above; the words and the map are the rest.
    expect(before).toBeLessThan(mentions * 24 + lineBytes * 1.3 + index.wordCount * 120 + (1 << 17));
  });
});
