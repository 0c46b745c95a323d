/**
 * Which chunks may have pages to give back (Go: `scavengeIndex`): a bit a chunk, and a hint where to begin.
 *
 *   scavIndex   bit c = 1: chunk c was marked (pages of it were freed) and not found empty since
 *   H_SCAV_PAGE  no marked page lies above; NO_PAGE when nothing is marked
 *   H_SCAV_MARKED  1 while that hint comes from a mark and no search has moved it
 *
 * Memory goes back from the top down, because allocation fills from the bottom up. Lock: mheap, held by the caller.
 */
import { CHUNK_PAGES, LOG_CHUNK_PAGES } from '../layout/constants.ts';
import { H_SCAV_MARKED, H_SCAV_PAGE } from '../layout/header.ts';
import type { Mem } from '../sys/mem.ts';

/** Value of H_SCAV_PAGE when there is nothing to scavenge. */
const NO_PAGE = -1;
/** `scavengeIndexFind` found no chunk. */
export const NO_CHUNK = -1;

export function scavengeIndexInit(mem: Mem): void {
  const { m, plan } = mem;
  m.fill(0, plan.scavIndex, plan.scavIndex + ((plan.chunkCount + 31) >>> 5));
  m[H_SCAV_PAGE] = NO_PAGE;
  m[H_SCAV_MARKED] = 0;
}

/** Pages `page` … `page + npages − 1` became free with their memory still there. */
export function scavengeIndexMark(mem: Mem, page: number, npages: number): void {
  const { m } = mem;
  const bits = mem.plan.scavIndex;
  const last = page + npages - 1;
  const lastChunk = last >>> LOG_CHUNK_PAGES;
  for (let c = page >>> LOG_CHUNK_PAGES; c <= lastChunk; c++) {
    const w = bits + (c >>> 5);
    m[w] = m[w] | (1 << c);
  }
  if (last > m[H_SCAV_PAGE]) {
    m[H_SCAV_PAGE] = last;
    m[H_SCAV_MARKED] = 1;
  }
}

/** Chunk `c` has nothing to give back. */
export function scavengeIndexClear(mem: Mem, c: number): void {
  const w = mem.plan.scavIndex + (c >>> 5);
  mem.m[w] = mem.m[w] & ~(1 << c);
}

export function isScavengeMarked(mem: Mem, c: number): boolean {
  return ((mem.m[mem.plan.scavIndex + (c >>> 5)] >>> c) & 1) !== 0;
}

/**
 * Page where to look next: its chunk is the highest marked one, and in that chunk there is nothing to scavenge above
 * it (the hint) or nothing is known (the last page). NO_CHUNK when no chunk is marked.
 */
export function scavengeIndexFind(mem: Mem): number {
  const { m } = mem;
  const hint = m[H_SCAV_PAGE];
  if (hint < 0) return NO_CHUNK;
  const bits = mem.plan.scavIndex;
  const hintChunk = hint >>> LOG_CHUNK_PAGES;
  let word = m[bits + (hintChunk >>> 5)] & (-1 >>> ~hintChunk);
  for (let w = hintChunk >>> 5; ; word = m[bits + w]) {
    if (word !== 0) {
      const c = w * 32 + 31 - Math.clz32(word);
      if (c === hintChunk) return hint;
      const last = c * CHUNK_PAGES + CHUNK_PAGES - 1;
      m[H_SCAV_PAGE] = last;
      m[H_SCAV_MARKED] = 0;
      return last;
    }
    if (w === 0) break;
    w--;
  }
  // A hint that a mark left is kept, as in Go, where another thread may be setting it at this moment.
  if (m[H_SCAV_MARKED] === 0) m[H_SCAV_PAGE] = NO_PAGE;
  return NO_CHUNK;
}
