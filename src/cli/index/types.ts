/**
 * The index as it is in the heap:
 *
 *   roots 'index' → Index ── documents: slice → Document (one per file, by path; nil: dropped)
 *                       ├─── words: map of text → Word ── mentions → Mention → Mention → …
 *                       │                                              └ lines: slice of line numbers
 *                       └─── who works on what, how far they are, and whether to stop
 *
 * A *mention* is one file that has the word; a *posting* is one line of a file that has it, so a line number in a mention.
 *
 * Mentions are linked, not elements of a slice that grows by append. That is the more compact: a slice that grew by Go's
 * rule leaves all its former arrays to the collector, up to four times its own size, and has a quarter of itself to spare;
 * a link costs 4 bytes. And one can be taken out without moving the others. It also keeps short what is done while a word
 * is locked: the mention is made before, and two words are stored. The lines of a mention are known when it is made, so
 * their slice is exactly as long as it must be.
 */
import { atomic, bytes, f64, map, ref, slice, string, struct, u32 } from '../../index.ts';

export const Document = struct('Document', {
  /** As it is shown. */
  path: string,
  /** The same as the system has it, if that is no UTF-8; empty if it is. */
  rawPath: bytes,
  /** Why it is not in the index; '' if it is. */
  problem: string,
  bytes: u32,
  /** When the file had been changed last as it was read, in milliseconds since 1970. */
  changedMs: f64,
});

export const Mention = struct('Mention', {
  /** Place in `documents`. */
  document: u32,
  /** Occurrences, of which a line can have several. */
  hits: u32,
  /** Each once, ascending. */
  lines: slice(u32),
  get next() {
    return ref(Mention);
  },
});

export const Word = struct('Word', {
  /** Occurrences in all files; more than 2³² are possible. */
  hits: f64,
  files: u32,
  /** Lines in all files. */
  postings: u32,
  /** In the order in which the files were finished, which is not the same in two runs. */
  mentions: ref(Mention),
});

/** What a worker has done so far. It alone writes, everyone may look. */
export const WorkerState = struct('WorkerState', {
  bytes: f64,
  files: u32,
  /** Words passed over because they are too long. */
  longWords: u32,
  /** Of the files it has put into the index. */
  postings: f64,
});

export const Index = struct('Index', {
  documents: slice(ref(Document)),
  words: map(string, ref(Word)),
  /** Documents in the order in which they are taken, and the place of the next to take. */
  order: slice(u32),
  next: atomic(u32),
  /** Not 0: everyone is to stop. */
  stop: atomic(u32),
  workers: slice(WorkerState),
});
