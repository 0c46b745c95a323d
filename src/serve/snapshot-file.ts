/** Snapshots as files: written under another name first, so that nobody finds half of one; read by position. */
import { closeSync, createReadStream, createWriteStream, fstatSync, mkdtempSync, openSync, readSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, gzipSync } from 'node:zlib';
import { SnapshotError } from '../analyze/errors.ts';
import type { Source } from '../analyze/source.ts';
import type { Heap } from '../index.ts';
import { MAGIC_BYTES } from '../observe/snapshot/format.ts';
import { Draft, writeWhole } from './draft.ts';

/** Options of `writeSnapshot` and `writeSnapshotSync`. */
export interface WriteSnapshotOptions {
  /**
   * Called now and then with the bytes of the snapshot so far (before they are compressed), and about how many it will
   * have.
   */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** See `heap.snapshot`. */
  readonly collect?: boolean | undefined;
}

/** Fast rather than small: about a third of the time of the default, for a tenth more bytes. */
const GZIP_LEVEL = 1;
/** A compressed file is refused when it becomes larger than any snapshot: 4 GiB of objects, and what is said of them. */
const MAX_BYTES = 16 * 2 ** 30;

/**
 * Takes a snapshot of a heap and writes it to a file; compressed if the name ends in `.gz`. The file gets its name when it
 * is complete, and replaces one that was there; if it fails, nothing is left behind (see draft.ts, also for devices and
 * links). Throws what `heap.snapshot` throws, and errors of the file system. Returns the bytes of the file.
 */
export async function writeSnapshot(
  heap: Pick<Heap, 'snapshot'>,
  path: string,
  options: WriteSnapshotOptions = {},
): Promise<number> {
  const draft = new Draft(path);
  try {
    const pieces = Readable.from(heap.snapshot(options), { objectMode: false, highWaterMark: 1 << 20 });
    const file = createWriteStream(draft.path, { flags: draft.flags, highWaterMark: 4 << 20 });
    if (path.endsWith('.gz')) await pipeline(pieces, createGzip({ level: GZIP_LEVEL }), file);
    else await pipeline(pieces, file);
    if (draft.isSeparate) await flushToDisk(draft.path);
    draft.keep();
    return file.bytesWritten;
  } catch (error) {
    draft.discard();
    throw error;
  }
}

async function flushToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The same at once, by `heap.snapshotSync`: nothing else happens on this thread meanwhile. So where no other thread is
 * attached, numbers in objects are of the same moment as all else (`Snapshot.exact`).
 */
export function writeSnapshotSync(
  heap: Pick<Heap, 'snapshotSync'>,
  path: string,
  options: WriteSnapshotOptions = {},
): number {
  const pack = path.endsWith('.gz') ? (piece: Uint8Array) => gzipSync(piece, { level: GZIP_LEVEL }) : undefined;
  return writeWhole(path, (put) => {
    // Members of gzip, one behind the other, are unpacked as one.
    heap.snapshotSync((piece) => put(pack?.(piece) ?? piece), options);
  });
}

/** A file as a source of bytes. Throws errors of the file system. */
function fileSource(path: string, onClose: () => void = () => {}): Required<Source> {
  const fd = openSync(path, 'r');
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw new SnapshotError('ERR_NOT_A_SNAPSHOT', 'this is no heap snapshot: it is no file', 0);
  }
  let isOpen = true;
  return {
    size: stat.size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const n = readSync(fd, bytes, done, length - done, offset + done);
        if (n === 0) {
          throw new SnapshotError(
            'ERR_SNAPSHOT_TRUNCATED',
            'the snapshot was cut off while it was read',
            offset + done,
          );
        }
        done += n;
      }
      return bytes;
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(fd);
      onClose();
    },
  };
}

/**
 * Opens a snapshot file, compressed or not, for `loadGraph` and `Snapshot`; `close` gives it up. A compressed one is
 * unpacked into a temporary file first. Throws SnapshotError, and errors of the file system.
 */
export async function openSnapshotFile(path: string): Promise<Required<Source>> {
  const source = fileSource(path);
  const first = source.size >= 2 ? source.read(0, 2) : new Uint8Array(2);
  if (first[0] !== 0x1f || first[1] !== 0x8b) return source;
  source.close();
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-snapshot-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const unpacked = join(folder, 'snapshot');
    await pipeline(createReadStream(path), createGunzip(), checkUnpacked, createWriteStream(unpacked));
    return fileSource(unpacked, () => void remove());
  } catch (error) {
    await remove();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') {
      throw new SnapshotError('ERR_SNAPSHOT_TRUNCATED', 'the compressed snapshot is cut off', source.size);
    }
    if (code?.startsWith('Z_') === true) {
      throw new SnapshotError('ERR_SNAPSHOT_CORRUPT', `the compressed snapshot is damaged: ${code}`, 0);
    }
    throw error;
  }
}

/** Stops unpacking what cannot be a snapshot, before it fills the disk. */
async function* checkUnpacked(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let bytes = 0;
  for await (const piece of pieces) {
    for (let i = bytes; i < Math.min(MAGIC_BYTES.length, bytes + piece.length); i++) {
      if (piece[i - bytes] !== MAGIC_BYTES[i]) {
        throw new SnapshotError('ERR_NOT_A_SNAPSHOT', 'this is no heap snapshot, but another compressed file', 0);
      }
    }
    bytes += piece.length;
    if (bytes > MAX_BYTES)
      throw new SnapshotError('ERR_NOT_A_SNAPSHOT', 'this is no heap snapshot: it does not end', 0);
    yield piece;
  }
}
