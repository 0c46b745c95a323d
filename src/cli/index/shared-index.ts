/**
 * The index in the shared heap, for those who build it and those who read it. What it looks like is in types.ts.
 *
 * Many threads build at once. A document is taken by adding to the atomic `next`, so by one worker, which alone writes
 * that document. A word's record and the links of its mentions are only changed inside `words.update`, which is atomic
 * for each key. A mention is complete before it is linked; then only its link changes, when the one behind it is taken
 * out. Readers come after the workers have ended; what is looked at before (`progress`) are numbers that one thread writes
 * and nothing depends on.
 *
 * Everything is reachable from the root 'index', or from references that this object holds. Nothing is freed here: what is
 * taken out, the collector finds.
 */
import { type Heap, type NodeCursor, type Ref, ref, slice, u32 } from '../../index.ts';
import type { FileWords } from './file-words.ts';
import { Document, Index, Mention, Word, WorkerState } from './types.ts';
import type { FoundFile } from './walker.ts';

type IndexRef = Ref<typeof Index>;
type MentionCursor = NodeCursor<typeof Mention>;
export type DocumentRef = Ref<typeof Document>;
export type MentionRef = Ref<typeof Mention>;
export type WordRef = Ref<typeof Word>;

const ROOT = 'index';
/** Documents or words that are added in one scope: other threads may need the world stopped meanwhile. */
const BATCH = 256;
const NO_BYTES = new Uint8Array(0);

/** Thrown where a thread finds that everyone is to stop. */
export class Stopped extends Error {}

export interface WorkerProgress {
  readonly files: number;
  readonly bytes: number;
  readonly longWords: number;
  readonly postings: number;
}

/** What of a word went with the dropped documents. */
export interface Removed {
  readonly postings: number;
  /** No document has it any more. */
  readonly isGone: boolean;
}

const NOTHING: Removed = { postings: 0, isGone: false };

export interface DocumentFacts {
  readonly path: string;
  /** What to open. */
  readonly file: string | Buffer;
  readonly problem: string;
  readonly bytes: number;
  readonly changedMs: number;
}

/** Of a file that was read. */
export type ReadFacts = Pick<DocumentFacts, 'bytes' | 'changedMs'>;

export class SharedIndex {
  private readonly heap: Heap;
  private readonly root: IndexRef;
  // References that are made once: outside of a scope each access to a field would make another persistent one.
  private readonly words: IndexRef['words'];
  private readonly documents: IndexRef['documents'];
  private readonly workers: IndexRef['workers'];

  private constructor(heap: Heap, root: IndexRef) {
    this.heap = heap;
    this.root = root;
    this.words = root.words;
    this.documents = root.documents;
    this.workers = root.workers;
  }

  /** An empty index of these files, for `workers` workers. Throws OutOfMemoryError. */
  static create(heap: Heap, files: readonly FoundFile[], workers: number): SharedIndex {
    heap.scope(() => {
      const documents = heap.make(slice(ref(Document)), files.length, files.length);
      heap.roots.set(ROOT, heap.new(Index, { documents, workers: heap.make(slice(WorkerState), workers, workers) }));
    });
    const index = SharedIndex.open(heap);
    index.plan(files, [...files.keys()]);
    return index;
  }

  /** The index that another thread has created in this heap. */
  static open(heap: Heap): SharedIndex {
    const root = heap.roots.get(ROOT, Index);
    if (root === undefined) throw new Error('there is no index in this heap');
    return new SharedIndex(heap, root);
  }

  // Who does what.

  /** Has documents made that are not in the index, for `takeDocument` to hand out. While no worker runs. */
  plan(files: readonly FoundFile[], numbers: readonly number[]): void {
    const { heap, root, documents } = this;
    const largestFirst = [...numbers].sort((a, b) => files[b].bytes - files[a].bytes || a - b);
    inBatches(heap, numbers.length, (i) => {
      const { path, rawPath = NO_BYTES } = files[numbers[i]];
      documents.set(numbers[i], heap.new(Document, { path, rawPath }));
    });
    heap.scope(() => {
      root.order = heap.new(slice(u32), largestFirst);
      root.next.store(0);
      const none = { bytes: 0, files: 0, longWords: 0, postings: 0 };
      for (let worker = 0; worker < this.workers.length; worker++) this.workers.set(worker, none);
    });
  }

  /** The number of a document that nobody has taken yet, the largest first; −1 if there is none. */
  takeDocument(): number {
    return this.heap.scope(() => {
      const place = this.root.next.add(1);
      return place < this.root.order.length ? this.root.order.at(place) : -1;
    });
  }

  /** Asks every thread that works on the index to stop. */
  stop(): void {
    this.heap.scope(() => this.root.stop.store(1));
  }

  /** Throws Stopped if anyone has asked to stop. */
  checkStop(): void {
    if (this.heap.scope(() => this.root.stop.load()) !== 0) throw new Stopped('stopped');
  }

  noteProgress(worker: number, done: WorkerProgress): void {
    this.heap.scope(() => this.workers.set(worker, done));
  }

  progress(worker: number): WorkerProgress {
    return this.heap.scope(() => {
      const { files, bytes, longWords, postings } = this.workers.at(worker);
      return { files, bytes, longWords, postings };
    });
  }

  // Building.

  /** Puts the words of a document into the index. Throws OutOfMemoryError, and Stopped. */
  addDocument(number: number, { bytes, changedMs }: ReadFacts, file: FileWords): void {
    inBatches(this.heap, file.count, (i) => {
      if (i % BATCH === 0) this.checkStop();
      this.addWord(number, file, i);
    });
    this.heap.scope(() => {
      const document = this.document(number);
      document.bytes = bytes;
      document.changedMs = changedMs;
    });
  }

  /** Notes why a document is not in the index. */
  skipDocument(number: number, problem: string): void {
    this.heap.scope(() => {
      this.document(number).problem = problem;
    });
  }

  private addWord(document: number, file: FileWords, i: number): void {
    const { heap } = this;
    const hits = file.hitsOf(i);
    const lines = file.lines.subarray(file.linesStart(i), file.linesEnd(i));
    const mention = heap.new(Mention, { document, hits, lines });
    this.words.update(file.textOf(i), (old) => {
      const word = old ?? heap.new(Word);
      word.hits += hits;
      word.files++;
      word.postings += lines.length;
      mention.next = word.mentions;
      word.mentions = mention;
      return word;
    });
  }

  // Dropping.

  /** Forgets documents. Their mentions are still there, until `removeDropped` of each word. While no worker runs. */
  drop(numbers: readonly number[]): void {
    inBatches(this.heap, numbers.length, (i) => this.documents.set(numbers[i], null));
  }

  isDropped(number: number): boolean {
    return this.heap.scope(() => this.documents.at(number) === null);
  }

  /** 1 for each document that is dropped. */
  droppedDocuments(): Uint8Array {
    const dropped = new Uint8Array(this.documentCount);
    inBatches(this.heap, dropped.length, (i) => {
      dropped[i] = this.documents.at(i) === null ? 1 : 0;
    });
    return dropped;
  }

  /** Takes the mentions of dropped documents out of a word, and the word out of the index if none is left. */
  removeDropped(text: string, dropped: Uint8Array): Removed {
    return this.heap.scope(() => {
      let removed = NOTHING;
      const mention = this.heap.cursor(Mention);
      const kept = this.heap.cursor(Mention);
      this.words.update(text, (word) => {
        if (word === null || word === undefined) return word;
        const postings = unlinkDropped(word, dropped, mention, kept);
        removed = { postings, isGone: word.files === 0 };
        return removed.isGone ? undefined : word;
      });
      return removed;
    });
  }

  // Reading: inside a scope, in which the references live.

  get documentCount(): number {
    return this.documents.length;
  }

  document(number: number): DocumentRef {
    return this.documents.at(number) as DocumentRef;
  }

  /** The fields, copied, of a document that is not dropped: for those who are not in a scope. */
  documentFacts(number: number): DocumentFacts {
    return this.heap.scope(() => {
      const { path, rawPath, problem, bytes, changedMs } = this.document(number);
      return { path, file: rawPath.length === 0 ? path : Buffer.from(rawPath), problem, bytes, changedMs };
    });
  }

  inScope<T>(fn: () => T): T {
    return this.heap.scope(fn);
  }

  get wordCount(): number {
    return this.words.size;
  }

  word(text: string): WordRef | undefined {
    return this.words.get(text) ?? undefined;
  }

  /** The text of every word once, in no order; the words may be changed and removed meanwhile. */
  texts(): IterableIterator<string> {
    return this.words.keys();
  }

  /** Every word once, in no order; each in a scope of its own. */
  eachWord(visit: (text: string, word: WordRef) => void): void {
    for (const text of this.texts()) this.heap.scope(() => visit(text, this.words.get(text) as WordRef));
  }

  /** Each file that has the word, in no order. The reference moves on with the next one. */
  eachMention(word: WordRef, visit: (mention: MentionRef) => void): void {
    if (word.mentions === null) return;
    const cursor = this.heap.cursor(Mention);
    cursor.set(word.mentions);
    do visit(cursor.value);
    while (cursor.follow('next'));
  }
}

/**
 * Takes the mentions of dropped documents out of a word's list, and out of its sums. Links that stay right are not
 * written. Returns the postings that went. Inside the word's `update`.
 */
function unlinkDropped(word: WordRef, dropped: Uint8Array, mention: MentionCursor, kept: MentionCursor): number {
  if (word.mentions === null) return 0;
  const before = word.postings;
  mention.set(word.mentions);
  let hasKept = false;
  let isBroken = false;
  do {
    const { value } = mention;
    if (dropped[value.document] === 0) {
      if (isBroken && hasKept) kept.value.next = value;
      else if (isBroken) word.mentions = value;
      kept.set(value);
      hasKept = true;
      isBroken = false;
    } else {
      word.hits -= value.hits;
      word.files--;
      word.postings -= value.lines.length;
      isBroken = true;
    }
  } while (mention.follow('next'));
  if (isBroken && hasKept) kept.value.next = null;
  return before - word.postings;
}

function inBatches(heap: Heap, count: number, visit: (i: number) => void): void {
  for (let from = 0; from < count; from += BATCH) {
    heap.scope(() => {
      for (let i = from; i < Math.min(from + BATCH, count); i++) visit(i);
    });
  }
}
