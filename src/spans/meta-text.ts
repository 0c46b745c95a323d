/** UTF-8 in allocator memory: names of types and roots. Four bytes to a word, from a word on. */
import type { Mem } from '../sys/mem.ts';

// A byte order mark is text like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Words that this many bytes take. */
export function wordsOf(bytes: number): number {
  return (bytes + 3) >>> 2;
}

/** Writes into memory that is zero. */
export function writeText({ m16 }: Mem, word: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) m16[word * 2 + (i >>> 1)] |= bytes[i]! << ((i & 1) * 8);
}

export function readText({ m16 }: Mem, word: number, length: number): string {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = m16[word * 2 + (i >>> 1)] >>> ((i & 1) * 8);
  return decoder.decode(bytes);
}
