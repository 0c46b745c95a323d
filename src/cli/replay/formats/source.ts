/**
 * The bytes of a recording: a file (or a pipe), decompressed on the way when it starts like gzip or zstd. In chunks, so
 * that a recording may be larger than any one buffer.
 */
import { createReadStream } from 'node:fs';
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { fileReason } from '../../errors.ts';

/** Told the number of bytes read from the file so far, before decompression. */
export type ReadProgress = (bytes: number) => void;

/** Why the bytes ended before their end; the reader adds the file and, once it could be opened, the line. */
export class SourceError extends Error {
  readonly opened: boolean;
  constructor(reason: string, opened: boolean) {
    super(reason);
    this.opened = opened;
  }
}

const GZIP_MAGIC = [0x1f, 0x8b];
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

export async function* recordingBytes(file: string, onRead: ReadProgress): AsyncGenerator<Uint8Array> {
  try {
    const raw = counted(createReadStream(file, { highWaterMark: 1 << 18 }), onRead);
    const { head, rest } = await peek(raw, ZSTD_MAGIC.length);
    const decompress = decompressorFor(head);
    if (decompress === null) yield* rest;
    else yield* pipeline(Readable.from(rest, { objectMode: false }), decompress, () => {});
  } catch (error) {
    throw asSourceError(error);
  }
}

function decompressorFor(head: Uint8Array): Transform | null {
  if (GZIP_MAGIC.every((byte, i) => head[i] === byte)) return zlib.createGunzip({ chunkSize: 1 << 18 });
  if (!ZSTD_MAGIC.every((byte, i) => head[i] === byte)) return null;
  // Node has zstd from 22.15 on; its type declarations for 20 do not know it.
  const create = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;
  if (create === undefined) {
    throw new SourceError(
      `is zstd-compressed, which Node ${process.versions.node} cannot read; decompress it with zstd -d`,
      true,
    );
  }
  return create();
}

async function* counted(chunks: AsyncIterable<Uint8Array>, onRead: ReadProgress): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    onRead(bytes);
    yield chunk;
  }
}

/** The first `length` bytes, and everything including them. A pipe may deliver them one at a time. */
async function peek(
  chunks: AsyncGenerator<Uint8Array>,
  length: number,
): Promise<{ head: Uint8Array; rest: AsyncGenerator<Uint8Array> }> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < length) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    yield* chunks;
  }
  return { head, rest: rest() };
}

function asSourceError(error: unknown): unknown {
  if (error instanceof SourceError || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'EISDIR') return new SourceError('is a directory, not a recording', false);
  if (code === 'Z_BUF_ERROR') return new SourceError('the compressed data ends early: the file was cut off', true);
  if (code.startsWith('Z_') || code.startsWith('ZSTD_')) {
    // Of the piece in which it finds that, up to 256 KiB, the decompressor gives nothing: the line is the last that is known.
    return new SourceError(`the compressed data is damaged here or further on: ${error.message}`, true);
  }
  const reason = fileReason(error);
  return reason === undefined ? error : new SourceError(reason, false);
}
