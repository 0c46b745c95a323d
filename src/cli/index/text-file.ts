/**
 * Reads text files in pieces that end where a line ends, through one buffer: a file may be much larger than the buffer,
 * and only a line that is larger makes it grow. Whether a file is text is decided by its first 8 KiB, as git and grep
 * do it: no NUL byte, and valid UTF-8.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BINARY_NOT_UTF8, BINARY_NUL, NOT_A_FILE, reasonOf, TOO_LARGE } from './skipped.ts';

const SNIFFED = 8 << 10;
const FIRST_BUFFER = 1 << 20;
/** Line numbers and counts of one file stay well below 2³¹. */
const MOST_BYTES = 1 << 30;
const NEWLINE = 10;

/** Gets bytes 0 … `end` − 1 of `bytes`, and may change them; they end with a whole line, or with the file. */
export type OnPiece = (bytes: Buffer, end: number) => void;

export class TextReader {
  /** Bytes of the last file that was read. */
  bytes = 0;
  /** When it had been changed last, as of before it was read, and as of after. */
  changedMs = 0;
  changedMsAtEnd = 0;
  private buffer: Buffer;

  /** `bufferBytes`: 8 KiB at least. */
  constructor(bufferBytes = FIRST_BUFFER) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bufferBytes, SNIFFED));
  }

  /** Reads a file. Returns why it cannot be indexed, or ''. Blocks; throws what `onPiece` throws. */
  read(path: string | Buffer, onPiece: OnPiece): string {
    this.bytes = 0;
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      return reasonOf(error);
    }
    try {
      return this.readOpened(file, onPiece);
    } finally {
      closeSync(file);
    }
  }

  private readOpened(file: number, onPiece: OnPiece): string {
    let filled = 0;
    while (true) {
      if (filled === this.buffer.length) this.grow();
      let got: number;
      try {
        if (this.bytes === 0 && !this.lookAt(file)) return NOT_A_FILE;
        got = readSync(file, this.buffer, filled, this.buffer.length - filled, null);
        if (got === 0) this.changedMsAtEnd = fstatSync(file).ctimeMs;
      } catch (error) {
        return reasonOf(error);
      }
      if (this.bytes < SNIFFED) {
        const problem = binaryReason(this.buffer.subarray(0, Math.min(filled + got, SNIFFED)), got === 0);
        if (problem !== '') return problem;
      }
      this.bytes += got;
      filled += got;
      if (this.bytes > MOST_BYTES) return TOO_LARGE;
      if (got === 0) {
        if (filled > 0) onPiece(this.buffer, filled);
        return '';
      }
      filled = this.passOnLines(filled, onPiece);
    }
  }

  private lookAt(file: number): boolean {
    const stats = fstatSync(file);
    this.changedMs = stats.ctimeMs;
    return stats.isFile();
  }

  /** Passes on the whole lines and moves the rest to the front, once there is enough. Returns the bytes of the rest. */
  private passOnLines(filled: number, onPiece: OnPiece): number {
    // Small files come in one piece, at their end; and the first 8 KiB stay until they are known to be text.
    if (filled < this.buffer.length) return filled;
    const end = this.buffer.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return filled;
    onPiece(this.buffer, end);
    this.buffer.copyWithin(0, end, filled);
    return filled - end;
  }

  private grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.buffer.length * 2);
    this.buffer.copy(larger);
    this.buffer = larger;
  }
}

/** Why these first bytes of a file are not text, or ''. `isAll`: the file ends here. */
function binaryReason(head: Buffer, isAll: boolean): string {
  if (head.includes(0)) return BINARY_NUL;
  return isUtf8(isAll && head.length < SNIFFED ? head : withoutCutCharacter(head)) ? '' : BINARY_NOT_UTF8;
}

/** Without the first bytes of a character whose other bytes come later. */
function withoutCutCharacter(head: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= head.length; back++) {
    const byte = head[head.length - back];
    if ((byte & 0xc0) === 0x80) continue; // in the middle of a character
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? head.subarray(0, head.length - back) : head;
  }
  return head;
}
