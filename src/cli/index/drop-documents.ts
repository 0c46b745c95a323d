/**
 * What each worker does when documents are dropped: looks through its share of the words, and takes out what was of these
 * documents. Which words are whose goes by their text, so that each word is one worker's.
 */
import type { SharedIndex } from './shared-index.ts';

export interface DropResult {
  /** Words that no document has any more, and postings that went. */
  readonly words: number;
  readonly postings: number;
}

/** Words between two looks at whether to stop. */
const TURN = 256;

/** Removes the mentions of dropped documents from the words of worker number `worker` of `workers`. Blocks. Throws Stopped. */
export function dropMentions(index: SharedIndex, worker: number, workers: number): DropResult {
  const dropped = index.droppedDocuments();
  const result = { words: 0, postings: 0 };
  let turn = 0;
  for (const text of index.texts()) {
    if (shareOf(text, workers) !== worker) continue;
    if (turn++ % TURN === 0) index.checkStop();
    const { postings, isGone } = index.removeDropped(text, dropped);
    result.postings += postings;
    if (isGone) result.words++;
  }
  return result;
}

/** Spreads words by their length and their last letters, which is even enough, and the same in all threads. */
function shareOf(text: string, shares: number): number {
  const { length } = text;
  return (length + 31 * text.charCodeAt(length - 1) + 7 * text.charCodeAt(length >>> 1)) % shares;
}
