/** What each worker does until there is nothing left to do: reads files, and puts their words into the shared index. */
import { FileWords } from './file-words.ts';
import type { SharedIndex } from './shared-index.ts';
import { TextReader } from './text-file.ts';

/** Takes one document after another until none is left. Blocks. Throws OutOfMemoryError, and Stopped. */
export function indexDocuments(index: SharedIndex, worker: number): void {
  const reader = new TextReader();
  const file = new FileWords();
  const done = { files: 0, bytes: 0, longWords: 0, postings: 0 };
  const onPiece = (bytes: Buffer, end: number): void => {
    index.checkStop();
    file.add(bytes, end);
  };
  for (let number = index.takeDocument(); number >= 0; number = index.takeDocument()) {
    file.clear();
    const problem = reader.read(index.documentFacts(number).file, onPiece);
    if (problem !== '') {
      index.skipDocument(number, problem);
      continue;
    }
    file.finish();
    index.addDocument(number, reader, file);
    done.files++;
    done.bytes += reader.bytes;
    done.longWords += file.longWords;
    done.postings += file.postings;
    index.noteProgress(worker, done);
  }
}
