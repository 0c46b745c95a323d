/** What is wrong with a snapshot file. */
import { type ErrorCode, SpanheapError } from '../base/errors.ts';

/** The `code` of a SnapshotError. */
export type SnapshotErrorCode = Extract<
  ErrorCode,
  /** It is another kind of file. */
  | 'ERR_NOT_A_SNAPSHOT'
  /** It was written by a version of the format, or on a kind of machine, that this one cannot read. */
  | 'ERR_SNAPSHOT_VERSION'
  /** It ends too early: not all of it was written or copied. */
  | 'ERR_SNAPSHOT_TRUNCATED'
  /** Bytes in it are not those that were written. */
  | 'ERR_SNAPSHOT_CORRUPT'
>;

/** A snapshot file cannot be read. Nothing of it should be believed. */
export class SnapshotError extends SpanheapError {
  declare readonly code: SnapshotErrorCode;
  /** Byte of the file from which on it is wrong. */
  readonly offset: number;

  constructor(code: SnapshotErrorCode, message: string, offset: number) {
    super(code, message);
    this.offset = offset;
  }
}
SnapshotError.prototype.name = 'SnapshotError';

export function corrupt(what: string, offset: number): never {
  throw new SnapshotError('ERR_SNAPSHOT_CORRUPT', `the snapshot is damaged at byte ${offset}: ${what}`, offset);
}
