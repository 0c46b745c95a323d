/** Snapshot files as the tests take them apart: sections that can be changed and put together again, checksums and all. */
import type { Heap, SnapshotOptions } from '../../src/index.ts';
import { checksum } from '../../src/observe/snapshot/checksum.ts';
import { FILE_CHECKSUM, FILE_VERSION, SECTION_WORDS } from '../../src/observe/snapshot/format.ts';

export function snapshotBytes(heap: Heap, options: SnapshotOptions = {}): Uint8Array {
  const pieces: Uint8Array[] = [];
  heap.snapshotSync((piece) => pieces.push(piece), options);
  return joined(pieces);
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export interface EditableSection {
  type: string;
  arg: number;
  payload: Uint8Array;
}

export class SnapshotEdit {
  readonly header: Int32Array;
  sections: EditableSection[] = [];
  /** Bytes of the file at which sections begin, and where it ends. */
  readonly boundaries: number[] = [];

  constructor(bytes: Uint8Array) {
    const copy = bytes.slice();
    const words = new Int32Array(copy.buffer);
    this.header = words.slice(0, 16);
    for (let at = 64; at < copy.length; ) {
      this.boundaries.push(at);
      const w = at >>> 2;
      const type = String.fromCharCode(...copy.subarray(at, at + 4));
      const length = words[w + 1]!;
      this.sections.push({ type, arg: words[w + 2]!, payload: copy.slice(at + 16, at + 16 + length) });
      at += 16 + Math.ceil(length / 8) * 8 + 8;
    }
    this.boundaries.push(copy.length);
  }

  of(type: string): EditableSection[] {
    return this.sections.filter((section) => section.type === type);
  }

  /** The words of a section, to be changed in place. */
  words(type: string, nth = 0): Int32Array {
    const section = this.of(type)[nth]!;
    // Aligned, so that there can be such a view.
    section.payload = section.payload.slice();
    return new Int32Array(section.payload.buffer, 0, section.payload.length >>> 2);
  }

  json<T>(type: string, change: (value: T) => void): void {
    const section = this.of(type)[0]!;
    const value = JSON.parse(new TextDecoder().decode(section.payload)) as T;
    change(value);
    section.payload = new TextEncoder().encode(JSON.stringify(value));
  }

  /** Where address `addr` is in the pages: a view of its section's words, and the index of its word. */
  at(addr: number): { words: Int32Array; index: number } {
    const nth = this.of('PAGE').findIndex((s) => addr >= s.arg * 8192 && addr < s.arg * 8192 + s.payload.length);
    return { words: this.words('PAGE', nth), index: (addr - this.of('PAGE')[nth]!.arg * 8192) >>> 2 };
  }

  bytes(): Uint8Array {
    const header = this.header.slice();
    header[FILE_CHECKSUM] = checksum(header, 0, FILE_CHECKSUM, header[FILE_VERSION]!);
    const parts = [new Uint8Array(header.buffer)];
    this.sections.forEach(({ type, arg, payload }, i) => {
      const padded = Math.ceil(payload.length / 8) * 8;
      const words = new Int32Array(SECTION_WORDS + padded / 4 + 2);
      const bytes = new Uint8Array(words.buffer);
      for (let c = 0; c < 4; c++) bytes[c] = type.charCodeAt(c);
      words[1] = payload.length;
      words[2] = arg;
      words[3] = checksum(words, 0, 3, i + 1);
      bytes.set(payload, 16);
      const end = SECTION_WORDS + padded / 4;
      words[end] = checksum(words, SECTION_WORDS, end, words[0]!);
      words[end + 1] = i + 1;
      parts.push(bytes);
    });
    return joined(parts);
  }
}
