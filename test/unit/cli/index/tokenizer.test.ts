/** Words and their lines, against what JavaScript's own Unicode tables say. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FileWords } from '../../../../src/cli/index/file-words.ts';
import { hashOf, MAX_WORD_BYTES, tokenize, wordsOf } from '../../../../src/cli/index/tokenizer.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

interface Found {
  readonly words: [word: string, line: number][];
  readonly longWords: number;
}

/** As the tokenizer has it. */
function found(input: Uint8Array): Found {
  const words: [string, number][] = [];
  let longWords = 0;
  const sink = {
    line: 1,
    word(bytes: Uint8Array, start: number, end: number, hash: number): void {
      // Not by `expect`, which takes longer than all the rest.
      if (hash !== hashOf(bytes, start, end)) throw new Error('wrong hash');
      words.push([decoder.decode(bytes.subarray(start, end)), sink.line]);
    },
    tooLong: () => {
      longWords++;
    },
  };
  tokenize(Uint8Array.from(input), input.length, sink);
  return { words, longWords };
}

/** The same in three lines of JavaScript. */
function expected(input: Uint8Array): Found {
  const words: [string, number][] = [];
  let longWords = 0;
  const lines = decoder.decode(input).split('\n');
  for (const [i, line] of lines.entries()) {
    for (const [text] of line.matchAll(/[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*/gu)) {
      const word = text.toLowerCase();
      if (encoder.encode(word).length > MAX_WORD_BYTES) longWords++;
      else words.push([word, i + 1]);
    }
  }
  return { words, longWords };
}

/** Pieces that meet at all the borders there are: ASCII, marks, other scripts, broken UTF-8. */
const piece = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii' }),
  fc.constantFrom('a', 'Z', '_', '0', ' ', '\n', '\r\n', '-', 'é', 'e\u0301', '\u0301', 'ß', 'İ', 'ΟΔΟΣ', 'Σ', '漢'),
  fc.constantFrom('\ufeff', '\u{1d400}', '\u{1f600}', '\u212a', '½', '\u0660', '\u200d', '\ufffd', '\u0345'),
);
const bytes = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: piece.map((text) => encoder.encode(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }) },
      { weight: 1, arbitrary: fc.constantFrom([0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xf4, 0x90]) },
    ),
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

describe('tokenize', () => {
  test('any bytes: the words that a regular expression finds, on the same lines', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(found(input)).toEqual(expected(input));
      }),
      { numRuns: 5000 },
    );
  });

  test('every code point by itself, before and after a letter', () => {
    for (let code = 0; code <= 0x10ffff; code += 1) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      // One text for 256 characters, or this takes a minute.
      let text = '';
      for (const end = code | 0xff; code < end; code++)
        text += `${String.fromCodePoint(code)} a${String.fromCodePoint(code)} `;
      const input = encoder.encode(text);
      const is = found(input);
      const should = expected(input);
      if (JSON.stringify(is) !== JSON.stringify(should)) expect(is).toEqual(should);
    }
  });

  test.each([
    ['longest in ASCII', 'x'.repeat(128), 1, 0],
    ['one more', 'x'.repeat(129), 0, 1],
    ['longest outside ASCII', 'é'.repeat(64), 1, 0],
    ['one more outside ASCII', `${'É'.repeat(64)}x`, 0, 1],
    ['becomes shorter in lower case: Kelvin signs', '\u212a'.repeat(128), 1, 0],
    ['becomes longer in lower case', 'İ'.repeat(43), 0, 1],
    ['much too long', '漢'.repeat(1000), 0, 1],
  ])('%s', (_, text, words, longWords) => {
    const is = found(encoder.encode(`${text}\n`));
    expect([is.words.length, is.longWords]).toEqual([words, longWords]);
    expect(is).toEqual(expected(encoder.encode(`${text}\n`)));
  });

  test('a word in lower case is a word, so every word can be asked for', () => {
    fc.assert(
      fc.property(piece, (text) => {
        for (const word of wordsOf(text).words) expect(wordsOf(word)).toMatchObject({ words: [word], longWords: 0 });
      }),
      { numRuns: 5000 },
    );
  });
});

describe('the words of a file', () => {
  interface Entry {
    readonly hits: number;
    readonly lines: number[];
  }

  function gathered(file: FileWords): Map<string, Entry> {
    file.finish();
    const words = new Map<string, Entry>();
    for (let i = 0; i < file.count; i++) {
      const lines = [...file.lines.subarray(file.linesStart(i), file.linesEnd(i))];
      words.set(file.textOf(i), { hits: file.hitsOf(i), lines });
    }
    expect(words.size).toBe(file.count);
    return words;
  }

  function simply({ words }: Found): Map<string, Entry> {
    const entries = new Map<string, { hits: number; lines: number[] }>();
    for (const [word, line] of words) {
      const entry = entries.get(word) ?? { hits: 0, lines: [] };
      entries.set(word, entry);
      entry.hits++;
      if (entry.lines.at(-1) !== line) entry.lines.push(line);
    }
    return entries;
  }

  test('occurrences and lines of each, file after file in one object, in one piece or several', () => {
    const file = new FileWords();
    fc.assert(
      fc.property(bytes, fc.nat(), (input, cut) => {
        file.clear();
        const end = input.indexOf(10, input.length === 0 ? 0 : cut % input.length) + 1;
        file.add(Uint8Array.from(input.subarray(0, end)), end);
        file.add(Uint8Array.from(input.subarray(end)), input.length - end);
        const should = expected(input);
        expect(gathered(file)).toEqual(simply(should));
        expect([file.hits, file.longWords]).toEqual([should.words.length, should.longWords]);
      }),
      { numRuns: 1000 },
    );
  });

  test('more words, longer text and more lines than there is room for at first, and then a small file', () => {
    const file = new FileWords();
    const lines = Array.from({ length: 30_000 }, (_, i) => `same number${i} number${i} ${'y'.repeat(i % 40)}`);
    const large = encoder.encode(lines.join('\n'));
    const should = simply(found(large));
    file.add(Uint8Array.from(large), large.length);
    const is = gathered(file);
    expect(is.size).toBe(30_000 + 1 + 39);
    expect(is).toEqual(should);
    file.clear();
    file.add(encoder.encode('one two\none'), 11);
    expect(gathered(file)).toEqual(
      new Map([
        ['one', { hits: 2, lines: [1, 2] }],
        ['two', { hits: 1, lines: [1] }],
      ]),
    );
  });

  test('words of one hash are told apart', () => {
    // FNV-1a in 32 bits: a known pair.
    const [a, b] = ['costarring', 'liquid'].map((word) => encoder.encode(word));
    expect(hashOf(a, 0, a.length)).toBe(hashOf(b, 0, b.length));
    const file = new FileWords();
    const text = encoder.encode('costarring liquid liquid');
    file.add(text, text.length);
    expect([...gathered(file).keys()]).toEqual(['costarring', 'liquid']);
  });
});
