/** All pages of a snapshot at their addresses, for checks that follow pointers: as much memory as the snapshot has. */
import { PAGE_SIZE } from '../layout/constants.ts';
import type { Snapshot } from './snapshot.ts';

export interface LoadedPages {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
}

/** Reads all pages, and so checks all their checksums. Throws SnapshotError. */
export function loadPages(
  snapshot: Snapshot,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): LoadedPages {
  const data = new ArrayBuffer(snapshot.header.grownPages * PAGE_SIZE);
  const i32 = new Int32Array(data);
  snapshot.eachPages((page, _npages, words) => i32.set(words, (page * PAGE_SIZE) >>> 2), onProgress);
  return { i32, u8: new Uint8Array(data) };
}
