/** The same index with plain JS objects on one thread: what the shared one is checked against, and compared with. */
import type { FileWords } from './file-words.ts';

export interface PlainMention {
  readonly document: number;
  readonly hits: number;
  /** Ascending. */
  readonly lines: readonly number[];
}

export interface PlainWord {
  hits: number;
  postings: number;
  /** By document. */
  readonly mentions: PlainMention[];
}

export class PlainIndex {
  readonly words = new Map<string, PlainWord>();
  postings = 0;

  /** Adds a document, of a higher number than those before. */
  addDocument(document: number, file: FileWords): void {
    for (let i = 0; i < file.count; i++) {
      const text = file.textOf(i);
      let word = this.words.get(text);
      if (word === undefined) {
        word = { hits: 0, postings: 0, mentions: [] };
        this.words.set(text, word);
      }
      const lines = Array.from(file.lines.subarray(file.linesStart(i), file.linesEnd(i)));
      word.mentions.push({ document, hits: file.hitsOf(i), lines });
      word.hits += file.hitsOf(i);
      word.postings += lines.length;
      this.postings += lines.length;
    }
  }
}
