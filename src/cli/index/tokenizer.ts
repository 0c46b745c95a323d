/**
 * Words of UTF-8 text. A word is as long a run as there is of Unicode letters, numbers (general categories L and N) and
 * underscores; combining marks (M) belong to the word they follow. Words are compared in lower case
 * (`String.prototype.toLowerCase`). Bytes that are not UTF-8 end a word. Words that are longer than 128 bytes in lower
 * case are passed over and counted: they are encoded data, which nobody searches for by typing it.
 *
 * Works on the bytes, and lower-cases ASCII where it stands: a JS string per word would cost more than all the rest.
 */

export const MAX_WORD_BYTES = 128;

/** What becomes of the words. */
export interface WordSink {
  /** The line that the next word is on, from 1; the tokenizer counts it up at each line feed. */
  line: number;
  /** A word: bytes `start` … `end` − 1 in lower case, valid during the call only, and their `hashOf`. */
  word(bytes: Uint8Array, start: number, end: number, hash: number): void;
  /** A word that is too long. */
  tooLong(): void;
}

const SEPARATOR = 0;
const LINE_FEED = 1;
/** First byte of a character outside ASCII, or a byte that is not UTF-8. */
const WIDE = 2;
/** Anything else is a byte of a word, in lower case. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return WIDE;
  if (byte === 10) return LINE_FEED;
  const c = String.fromCharCode(byte);
  return /\w/.test(c) ? c.toLowerCase().charCodeAt(0) : SEPARATOR;
});

// FNV-1a.
const HASH_SEED = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;

export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_SEED;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], HASH_PRIME);
  return hash;
}

/** Finds the words of bytes `0` … `end` − 1, which end at the end of a word, and changes them to lower case. */
export function tokenize(bytes: Uint8Array, end: number, sink: WordSink): void {
  let i = 0;
  while (i < end) {
    let byte = FOLDED[bytes[i]];
    if (byte <= WIDE) {
      if (byte === LINE_FEED) sink.line++;
      if (byte === WIDE) i = wideStart(bytes, i, end, sink);
      else i++;
      continue;
    }
    const start = i;
    let hash = HASH_SEED;
    do {
      bytes[i] = byte;
      hash = Math.imul(hash ^ byte, HASH_PRIME);
      i++;
      byte = i < end ? FOLDED[bytes[i]] : SEPARATOR;
    } while (byte > WIDE);
    if (byte === WIDE && classAt(bytes, i, end) !== NO_WORD) i = wideWord(bytes, start, end, sink);
    else if (i - start > MAX_WORD_BYTES) sink.tooLong();
    else sink.word(bytes, start, i, hash);
  }
}

/** At a character outside ASCII that no word goes on with: a word, or nothing. Returns where to go on. */
function wideStart(bytes: Uint8Array, at: number, end: number, sink: WordSink): number {
  if (classAt(bytes, at, end) === STARTS_WORD) return wideWord(bytes, at, end, sink);
  return at + Math.max(1, lengthAt(bytes, at, end));
}

/** A word with characters outside ASCII in it. Returns its end. */
function wideWord(bytes: Uint8Array, start: number, end: number, sink: WordSink): number {
  let i = start;
  while (i < end) {
    const byte = FOLDED[bytes[i]];
    if (byte > WIDE) i++;
    else if (byte === WIDE && classAt(bytes, i, end) !== NO_WORD) i += lengthAt(bytes, i, end);
    else break;
  }
  // Lower case can be shorter, the Kelvin sign's 3 bytes become 1, or longer, by half at most.
  if (i - start > 3 * MAX_WORD_BYTES) {
    sink.tooLong();
    return i;
  }
  const folded = decoder.decode(bytes.subarray(start, i)).toLowerCase();
  const { written } = encoder.encodeInto(folded, scratch);
  if (written > MAX_WORD_BYTES) sink.tooLong();
  else sink.word(scratch, 0, written, hashOf(scratch, 0, written));
  return i;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const scratch = new Uint8Array(6 * MAX_WORD_BYTES);

/** Bytes of the character at `at`; 0 when there is no valid one. Shortest forms only, no surrogates, as UTF-8 demands. */
function lengthAt(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  for (let i = 1; i < length; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1];
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return length;
}

const NO_WORD = 1;
const IN_WORD = 2;
const STARTS_WORD = 3;
/** By code point / 256, then by the rest; a page is made when a character of it is first met, 0 is not looked at yet. */
const classPages: (Uint8Array | undefined)[] = [];

/** Whether a word may begin with the character outside ASCII at `at`, or only go on with it, or neither. */
function classAt(bytes: Uint8Array, at: number, end: number): number {
  const length = lengthAt(bytes, at, end);
  if (length === 0) return NO_WORD;
  let code = bytes[at] & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) code = (code << 6) | (bytes[at + i] & 0x3f);
  const page = (classPages[code >>> 8] ??= new Uint8Array(256));
  return page[code & 255] || (page[code & 255] = classOf(String.fromCodePoint(code)));
}

function classOf(character: string): number {
  if (/[\p{L}\p{N}]/u.test(character)) return STARTS_WORD;
  return /\p{M}/u.test(character) ? IN_WORD : NO_WORD;
}

/** The words of a text as the index has them, and how many were too long. For questions, not for files. */
export function wordsOf(text: string): { words: string[]; longWords: number } {
  const found = { words: [] as string[], longWords: 0, line: 1 };
  const bytes = encoder.encode(text);
  tokenize(bytes, bytes.length, {
    line: 1,
    word: (at, start, end) => found.words.push(decoder.decode(at.subarray(start, end))),
    tooLong: () => found.longWords++,
  });
  return found;
}
