/**
 * Text between JS strings and UTF-8 in the heap. `TextEncoder` and `TextDecoder` refuse shared memory, so text goes
 * through a scratch buffer of the thread; short ASCII, which is most text, is converted directly, in one loop.
 */
import type { Proc } from '../sync/proc.ts';

/** Longest text that is built from its characters; beyond, the decoder is faster (measured: equal at about 60). */
const DIRECT = 56;
/**
 * Longest text that is taken apart into its characters; beyond, the encoder is faster. Called by itself it is so from 30
 * on, but between other work its code and data have left the caches: keys of maps are found faster up to 64 characters.
 */
export const DIRECT_ENCODE = 64;
/** Scratch kept for good; what longer texts needed is let go afterwards. */
const SCRATCH = 64 << 10;

/** Bytes of a longer text that are decoded at a time: Node decodes no more than 512 MiB at once, be they few characters. */
const PIECE = 32 << 20;

const { fromCharCode } = String;

export interface Text {
  /** The bytes of what `encode` was last called with; only the first `encode(…)` of them count. */
  scratch: Uint8Array;
  /** Writes a string's UTF-8 into `scratch` and returns its length in bytes. Lone surrogates become U+FFFD. */
  readonly encode: (text: string) => number;
  /** The string of `len` bytes at this address. Bytes that are no UTF-8 become U+FFFD. */
  readonly read: (addr: number, len: number) => string;
}

export function makeText({ mem, callOuts }: Pick<Proc, 'mem' | 'callOuts'>): Text {
  const { u8 } = mem;
  const encoder = new TextEncoder();
  // A byte order mark is text like any other.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const codes = Array.from({ length: DIRECT + 1 }, (_, n) => new Array<number>(n).fill(0));
  const small = new Uint8Array(SCRATCH);
  /** Bytes of what was encoded last. */
  let encoded = 0;

  function encode(str: string): number {
    const n = str.length;
    if (n > DIRECT_ENCODE) return encodeSlow(str);
    text.scratch = small;
    for (let i = 0; i < n; i++) {
      const c = str.charCodeAt(i);
      if (c > 127) return encodeSlow(str);
      small[i] = c;
    }
    encoded = n;
    return n;
  }

  function encodeSlow(str: string): number {
    text.scratch = small;
    let { read, written } = encoder.encodeInto(str, small);
    if (read < str.length) {
      // At most 3 bytes a UTF-16 unit.
      text.scratch = new Uint8Array(str.length * 3);
      written = encoder.encodeInto(str, text.scratch).written;
    }
    encoded = written;
    return written;
  }

  /** Larger scratch is nobody else's. */
  function keep(): () => void {
    const { scratch } = text;
    const length = encoded;
    const bytes = scratch === small ? small.slice(0, length) : undefined;
    return () => {
      text.scratch = scratch;
      encoded = length;
      if (bytes !== undefined) small.set(bytes);
    };
  }

  function read(addr: number, len: number): string {
    if (len > DIRECT) return readSlow(addr, len);
    const chars = codes[len]!;
    for (let i = 0; i < len; i++) {
      const c = u8[(addr + i) >>> 0]!;
      if (c > 127) return readSlow(addr, len);
      chars[i] = c;
    }
    return fromCharCode(...chars);
  }

  function readSlow(addr: number, len: number): string {
    const from = addr >>> 0;
    if (len > PIECE) return readPieces(from, len);
    const bytes = len <= SCRATCH ? small : new Uint8Array(len);
    bytes.set(u8.subarray(from, from + len));
    return decoder.decode(bytes.subarray(0, len));
  }

  function readPieces(from: number, len: number): string {
    const bytes = new Uint8Array(PIECE);
    // It has part of a character in hand between two pieces.
    const pieces = new TextDecoder('utf-8', { ignoreBOM: true });
    let str = '';
    for (let at = 0; at < len; at += PIECE) {
      const n = Math.min(PIECE, len - at);
      bytes.set(u8.subarray(from + at, from + at + n));
      str += pieces.decode(bytes.subarray(0, n), { stream: at + n < len });
    }
    return str;
  }

  const text: Text = { scratch: small, encode, read };
  callOuts.scratches.push(keep);
  return text;
}
