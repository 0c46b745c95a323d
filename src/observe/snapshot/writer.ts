/** Puts sections of a snapshot one behind the other, in pieces of about 1 MiB that are handed out when they are full. */
import { isLittleEndian } from '../../base/byte-order.ts';
import { ArgumentError } from '../../base/errors.ts';
import { checksum } from './checksum.ts';
import {
  BYTE_ORDER_MARK,
  FILE_BYTE_ORDER,
  FILE_CHECKSUM,
  FILE_GROWN_PAGES,
  FILE_HEADER_BYTES,
  FILE_HEADER_WORDS,
  FILE_PAGE_SIZE,
  FILE_PAGES,
  FILE_TIME,
  FILE_VERSION,
  FORMAT_VERSION,
  MAGIC_BYTES,
  MAX_BINARY,
  MAX_JSON,
  SECTION_ARG,
  SECTION_BYTES,
  SECTION_CHECK,
  SECTION_TYPE,
  SECTION_WORDS,
  TRAILER_CHECK,
  TRAILER_NUMBER,
  TRAILER_WORDS,
} from './format.ts';

/** Bytes around a payload. */
const AROUND = (SECTION_WORDS + TRAILER_WORDS) * 4;
const PIECE = MAX_BINARY + 4096;

export interface FileFacts {
  readonly pageSize: number;
  readonly pages: number;
  readonly grownPages: number;
  readonly time: number;
}

export class SectionWriter {
  /** Pieces that are full. */
  readonly #ready: Uint8Array[] = [];
  #piece = new Uint8Array(PIECE);
  #words = new Int32Array(this.#piece.buffer);
  #used = 0;
  #sections = 0;
  #written = 0;

  /** Bytes so far. */
  get bytes(): number {
    return this.#written + this.#used;
  }

  header({ pageSize, pages, grownPages, time }: FileFacts): void {
    const bytes = this.#room(FILE_HEADER_WORDS * 4);
    bytes.set(MAGIC_BYTES);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, FILE_HEADER_WORDS);
    words[FILE_VERSION] = FORMAT_VERSION;
    words[FILE_BYTE_ORDER] = BYTE_ORDER_MARK;
    words[FILE_HEADER_BYTES] = FILE_HEADER_WORDS * 4;
    words[FILE_PAGE_SIZE] = pageSize;
    words[FILE_PAGES] = pages;
    words[FILE_GROWN_PAGES] = grownPages;
    new DataView(bytes.buffer, bytes.byteOffset).setFloat64(FILE_TIME * 4, time, isLittleEndian());
    words[FILE_CHECKSUM] = checksum(words, 0, FILE_CHECKSUM, FORMAT_VERSION);
    this.#used += FILE_HEADER_WORDS * 4;
  }

  /**
   * A section of `bytes` bytes, which `fill` writes into what it gets: zeroed, from a multiple of 8 on. Returns the checksum
   * of the payload.
   */
  section(type: number, arg: number, bytes: number, fill: (to: Uint8Array) => void): number {
    const padded = Math.ceil(bytes / 8) * 8;
    this.#room(padded + AROUND);
    const at = this.#used >>> 2;
    const words = this.#words;
    const number = ++this.#sections;
    words[at + SECTION_TYPE] = type;
    words[at + SECTION_BYTES] = bytes;
    words[at + SECTION_ARG] = arg;
    words[at + SECTION_CHECK] = checksum(words, at, at + SECTION_CHECK, number);
    const from = at + SECTION_WORDS;
    fill(this.#piece.subarray(from * 4, from * 4 + bytes));
    const end = from + padded / 4;
    const check = checksum(words, from, end, type);
    words[end + TRAILER_CHECK] = check;
    words[end + TRAILER_NUMBER] = number;
    this.#used += padded + AROUND;
    return check;
  }

  words(type: number, words: Int32Array): void {
    this.section(type, 0, words.byteLength, (to) => {
      to.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    });
  }

  json(type: number, value: unknown): void {
    const text = new TextEncoder().encode(JSON.stringify(value));
    if (text.length > MAX_JSON) {
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        `snapshot: ${text.length} bytes of names, of roots or of types, are more than a file has room for, ${MAX_JSON}`,
      );
    }
    this.section(type, 0, text.length, (to) => to.set(text));
  }

  /** The pieces that are full; `all`: and the last one. */
  *take(all = false): Generator<Uint8Array, void> {
    if (all) this.#flush(PIECE);
    while (this.#ready.length > 0) yield this.#ready.shift()!;
  }

  /** The next `bytes` bytes of a piece that has room for them. */
  #room(bytes: number): Uint8Array {
    if (this.#used + bytes > this.#piece.length) this.#flush(Math.max(PIECE, bytes));
    return this.#piece.subarray(this.#used, this.#used + bytes);
  }

  #flush(next: number): void {
    if (this.#used > 0) this.#ready.push(this.#piece.subarray(0, this.#used));
    this.#written += this.#used;
    this.#piece = new Uint8Array(Math.ceil(next / 8) * 8);
    this.#words = new Int32Array(this.#piece.buffer);
    this.#used = 0;
  }
}
