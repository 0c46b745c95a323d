/** Files that are not in the index, and why. A file that goes wrong is told at the end; it never stops the others. */
import { fileReason } from '../errors.ts';

export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export const BINARY_NUL = 'binary (NUL byte)';
export const BINARY_NOT_UTF8 = 'binary (not UTF-8)';
export const NOT_A_FILE = 'not a regular file';
export const TOO_LARGE = 'larger than 1 GiB';
export const CHANGED = 'changed while indexing';
const VANISHED = 'vanished while indexing';

/** In words why a file or folder cannot be read. */
export function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return VANISHED;
  if (code === 'EISDIR') return NOT_A_FILE;
  const reason = fileReason(error);
  if (reason === undefined) throw error;
  return `unreadable (${reason})`;
}

/** Binary files are no surprise; what a person may want to know comes first. By path otherwise. */
export function mostTellingFirst(skipped: readonly Skipped[]): Skipped[] {
  const isBinary = ({ reason }: Skipped): number => (reason === BINARY_NUL || reason === BINARY_NOT_UTF8 ? 1 : 0);
  return [...skipped].sort((a, b) => isBinary(a) - isBinary(b));
}

/** How many were skipped for each reason, most first. */
export function countByReason(skipped: readonly Skipped[]): [reason: string, files: number][] {
  const counts = new Map<string, number>();
  for (const { reason } of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}
