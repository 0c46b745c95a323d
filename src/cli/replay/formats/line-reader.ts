/**
 * What the three readers share: one line of bytes at a time, its number, and the parsing of fields without making
 * strings. A reader overrides `line` and, if something can be left open at the end, `end`.
 */
import { InputError, quoted } from '../../errors.ts';
import { MAX_OBJECT_BYTES, type Recording, RecordingBuilder, type RecordingFormat } from '../recording.ts';

const ZERO = 48;
const SPACE = 32;

export abstract class LineReader {
  readonly file: string;
  readonly format: RecordingFormat;
  /** Number of the line being read, from 1. */
  lineNumber = 0;
  protected readonly builder = new RecordingBuilder();
  /** Bytes of the current line: `bytes[start … end)`, without the newline. */
  protected bytes: Uint8Array = new Uint8Array(0);
  protected start = 0;
  protected end = 0;
  /** Where the next field begins; behind `end` when there is none. */
  protected at = 0;

  constructor(file: string, format: RecordingFormat) {
    this.file = file;
    this.format = format;
  }

  read(bytes: Uint8Array, start: number, end: number): void {
    this.lineNumber++;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.at = start;
    this.line();
  }

  finish(): Recording {
    this.atEnd();
    if (this.builder.events === 0) this.fail('no events');
    return this.builder.build(this.file, this.format);
  }

  protected abstract line(): void;

  /** Checks that nothing is left open. */
  protected atEnd(): void {}

  fail(reason: string): never {
    throw new InputError(this.file, Math.max(1, this.lineNumber), reason);
  }

  protected unknownLine(): never {
    this.fail(`unknown line ${quoted(this.text(this.start, this.end))}`);
  }

  protected text(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, Math.max(0, end - start)).toString('utf8');
  }

  /** Text of the field that begins at `at`; for messages. */
  protected fieldText(at: number): string {
    let end = at;
    while (end < this.end && this.bytes[end] !== SPACE) end++;
    return this.text(at, end);
  }

  /** A decimal field up to 2⁵³ and past the space behind it; -1 if it is missing or anything else. */
  protected decimal(): number {
    const { bytes, end } = this;
    let at = this.at;
    let value = 0;
    const first = at;
    while (at < end) {
      const digit = bytes[at] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    return this.pastField(first, at, value);
  }

  /** The same for a hexadecimal field without a prefix. */
  protected hexadecimal(): number {
    const { bytes, end } = this;
    let at = this.at;
    let value = 0;
    const first = at;
    while (at < end) {
      const digit = hexDigit(bytes[at]);
      if (digit < 0) break;
      value = value * 16 + digit;
      at++;
    }
    return this.pastField(first, at, value);
  }

  private pastField(first: number, at: number, value: number): number {
    if (at === first || value > Number.MAX_SAFE_INTEGER) return -1;
    if (at < this.end && this.bytes[at] !== SPACE) return -1;
    this.at = at + 1;
    return value;
  }

  /** Fails unless the last field ended the line. */
  protected endOfLine(): void {
    if (this.at <= this.end) this.unknownLine();
  }

  protected checkSize(size: number, field: number): void {
    if (size < 0) this.fail(`SIZE ${quoted(this.fieldText(field))} is not a number of bytes`);
    if (size > MAX_OBJECT_BYTES) this.fail(`SIZE ${size} is more than a 32-bit heap can hold`);
  }
}

export function hexDigit(byte: number): number {
  const digit = byte - ZERO;
  if (digit >= 0 && digit <= 9) return digit;
  const letter = (byte | 0x20) - 97;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}
