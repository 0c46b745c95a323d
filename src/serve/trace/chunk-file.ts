/**
 * A text file that grows while a program runs, written in pieces and at once: what a trace says is written in the middle of
 * an allocation, or when the process ends, where nothing can be awaited. Compressed, each piece is a gzip member of its own;
 * together they are a gzip file, whole after each piece.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** Characters of a piece. */
const PIECE = 1 << 18;
const GZIP_LEVEL = 4;

export class ChunkFile {
  /** Bytes in the file. */
  bytes = 0;
  readonly #file: number;
  readonly #gzip: boolean;
  #text = '';
  #open = true;

  /** Makes the file, or empties it. Throws what node:fs throws. `.gz` at the end of its name: compressed. */
  constructor(path: string) {
    this.#file = openSync(path, 'w');
    this.#gzip = path.endsWith('.gz');
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= PIECE) this.flush();
  }

  /** Writes what is not written yet. Throws what node:fs throws, ENOSPC for one. */
  flush(): void {
    if (this.#text === '') return;
    const plain = Buffer.from(this.#text);
    this.#text = '';
    const piece = this.#gzip ? gzipSync(plain, { level: GZIP_LEVEL }) : plain;
    for (let done = 0; done < piece.length; ) done += writeSync(this.#file, piece, done);
    this.bytes += piece.length;
  }

  /** The file is left as it is; a second call does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#file);
  }
}
