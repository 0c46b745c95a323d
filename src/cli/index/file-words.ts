/**
 * The words of one file, gathered before any of them is put into the shared index: how often each occurs, and on which
 * lines. One object is used for file after file.
 *
 * Distinct words get numbers in the order they come. An open-addressed table of numbers finds them; each has a record of
 * eight integers, which is half a cache line, and its bytes stand behind those of the word before. Each (word, line) is
 * noted once, in the order of the text; `finish` sorts that by word, by counting, so that the lines of a word stand
 * together and ascend.
 */
import { tokenize, type WordSink } from './tokenizer.ts';

const FIRST_SLOTS = 1 << 12;
const FIRST_NOTES = 1 << 14;

// The record of a word.
const HASH = 0;
const TEXT_START = 1;
const TEXT_END = 2;
const HITS = 3;
const LAST_LINE = 4;
/** How many lines it is on; after `finish` the place of the first in `lines`. */
const LINES = 5;
const SLOT = 6;
const RECORD_SHIFT = 3;

export class FileWords implements WordSink {
  line = 1;
  /** Distinct words. */
  count = 0;
  /** Occurrences of all words. */
  hits = 0;
  /** Words that were passed over for their length. */
  longWords = 0;
  /** The lines of all words, word by word. */
  lines = new Int32Array(FIRST_NOTES);

  private slots = new Int32Array(FIRST_SLOTS);
  private records = new Int32Array(FIRST_SLOTS << (RECORD_SHIFT - 1));
  private text = Buffer.allocUnsafeSlow(1 << 16);
  private textEnd = 0;
  private noted = 0;
  private notedWord = new Int32Array(FIRST_NOTES);
  private notedLine = new Int32Array(FIRST_NOTES);

  /** Forgets the file before. */
  clear(): void {
    // Word by word: the table may have grown with a large file, and the files after it are small.
    for (let i = 0; i < this.count; i++) this.slots[this.records[(i << RECORD_SHIFT) + SLOT]] = 0;
    this.line = 1;
    this.count = 0;
    this.hits = 0;
    this.longWords = 0;
    this.noted = 0;
    this.textEnd = 0;
  }

  /** Adds the next piece of the file, which ends with a line or the file, and changes it to lower case. */
  add(bytes: Uint8Array, end: number): void {
    tokenize(bytes, end, this);
  }

  word(bytes: Uint8Array, start: number, end: number, hash: number): void {
    const word = this.find(bytes, start, end, hash);
    const { records, line } = this;
    const at = word << RECORD_SHIFT;
    this.hits++;
    records[at + HITS]++;
    if (records[at + LAST_LINE] === line) return;
    records[at + LAST_LINE] = line;
    records[at + LINES]++;
    if (this.noted === this.notedWord.length) this.growNotes();
    this.notedWord[this.noted] = word;
    this.notedLine[this.noted++] = line;
  }

  tooLong(): void {
    this.longWords++;
  }

  /** Puts the lines in order, once the whole file was added. */
  finish(): void {
    if (this.lines.length < this.noted) this.lines = new Int32Array(this.notedWord.length);
    const { count, noted, notedWord, notedLine, records, lines } = this;
    let end = 0;
    for (let i = 0; i < count; i++) {
      const at = i << RECORD_SHIFT;
      end += records[at + LINES];
      records[at + LINES] = end;
    }
    // Backwards, so that each word's lines are filled from the last to the first, and LINES ends on the first.
    for (let k = noted - 1; k >= 0; k--) lines[--records[(notedWord[k] << RECORD_SHIFT) + LINES]] = notedLine[k];
  }

  /** Pairs of a word and a line that it is on. */
  get postings(): number {
    return this.noted;
  }

  textOf(word: number): string {
    const at = word << RECORD_SHIFT;
    return this.text.toString('utf8', this.records[at + TEXT_START], this.records[at + TEXT_END]);
  }

  hitsOf(word: number): number {
    return this.records[(word << RECORD_SHIFT) + HITS];
  }

  /** Where the lines that a word is on begin in `lines`; they ascend. After `finish`. */
  linesStart(word: number): number {
    return this.records[(word << RECORD_SHIFT) + LINES];
  }

  linesEnd(word: number): number {
    return word + 1 === this.count ? this.noted : this.linesStart(word + 1);
  }

  /** The number of a word, which may be new. */
  private find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const { slots, records } = this;
    const mask = slots.length - 1;
    let slot = firstSlot(hash, mask);
    for (let found = slots[slot]; found !== 0; found = slots[slot]) {
      if (records[((found - 1) << RECORD_SHIFT) + HASH] === hash && this.isWord(found - 1, bytes, start, end)) {
        return found - 1;
      }
      slot = (slot + 1) & mask;
    }
    return this.insert(bytes, start, end, hash, slot);
  }

  private isWord(word: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { text, records } = this;
    let at = records[(word << RECORD_SHIFT) + TEXT_START];
    if (records[(word << RECORD_SHIFT) + TEXT_END] - at !== end - start) return false;
    for (let k = start; k < end; k++) if (text[at++] !== bytes[k]) return false;
    return true;
  }

  private insert(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    if (this.count * 2 === this.slots.length) {
      this.rehash();
      return this.find(bytes, start, end, hash);
    }
    const word = this.count++;
    const { records } = this;
    const at = word << RECORD_SHIFT;
    records[at + HASH] = hash;
    records[at + TEXT_START] = this.textEnd;
    this.append(bytes, start, end);
    records[at + TEXT_END] = this.textEnd;
    records[at + HITS] = 0;
    records[at + LAST_LINE] = 0;
    records[at + LINES] = 0;
    records[at + SLOT] = slot;
    this.slots[slot] = word + 1;
    return word;
  }

  private append(bytes: Uint8Array, start: number, end: number): void {
    if (this.textEnd + end - start > this.text.length) {
      const larger = Buffer.allocUnsafeSlow(this.text.length * 2);
      this.text.copy(larger);
      this.text = larger;
    }
    for (let k = start; k < end; k++) this.text[this.textEnd++] = bytes[k];
  }

  /** Twice the slots, and room for half as many words. */
  private rehash(): void {
    const { count } = this;
    const records = (this.records = twice(this.records));
    const slots = (this.slots = new Int32Array(this.slots.length * 2));
    const mask = slots.length - 1;
    for (let i = 0; i < count; i++) {
      const at = i << RECORD_SHIFT;
      let slot = firstSlot(records[at + HASH], mask);
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
      records[at + SLOT] = slot;
    }
  }

  private growNotes(): void {
    this.notedWord = twice(this.notedWord);
    this.notedLine = twice(this.notedLine);
  }
}

function firstSlot(hash: number, mask: number): number {
  return (hash ^ (hash >>> 15)) & mask;
}

function twice(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
