/** Where the bytes of a snapshot file come from. */

/** A file, or what else holds the bytes of one: what `loadGraph` and `new Snapshot` read, by position. */
export interface Source {
  /** Bytes in all. */
  readonly size: number;
  /** The bytes from `offset` on; throws if there are fewer. What it returns is the caller's, until the next call. */
  read(offset: number, length: number): Uint8Array;
  /** Gives up what it holds open. */
  close?(): void;
}

/** A file that is in memory. */
export function bytesSource(bytes: Uint8Array): Source {
  return {
    size: bytes.length,
    read(offset, length) {
      if (offset + length > bytes.length) throw new RangeError(`${length} bytes at ${offset} of ${bytes.length}`);
      return bytes.subarray(offset, offset + length);
    },
  };
}
