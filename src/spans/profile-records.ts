/**
 * The records of the heap profile: texts, frames, stacks and buckets (Go: `stkbucket`). Each is there once, and for ever: what
 * a thread has noted can be read when it has ended. The picture is in layout/profile.ts.
 *
 * Looking for a record needs no lock: chains only grow at their heads, by one store of a record that is whole, and records do
 * not change. Whoever finds none takes the heap lock, looks again, and makes it. One that dies there leaves some words that
 * nobody uses.
 */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import { H_BUCKET_WORDS, H_HEAP_LOCK } from '../layout/header.ts';
import {
  BUCKET_ALL_NEXT,
  BUCKET_RATE,
  BUCKET_SIZE,
  BUCKET_STACK,
  BUCKET_THREAD,
  BUCKET_TYPE,
  BUCKET_WORDS,
  CHAIN_BUCKETS,
  CHAIN_FRAMES,
  CHAIN_KINDS,
  CHAIN_STACKS,
  CHAIN_TEXTS,
  CHAINS,
  FRAME_COLUMN,
  FRAME_FILE,
  FRAME_FUNCTION,
  FRAME_LINE,
  FRAME_WORDS,
  H_PROFILE_BUCKETS,
  H_PROFILE_HEADS,
  NODE_HASH,
  NODE_NEXT,
  STACK_FRAMES,
  STACK_LENGTH,
  TEXT_BYTES,
  TEXT_WORDS,
} from '../layout/profile.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { readText, wordsOf, writeText } from './meta-text.ts';
import { persistentAlloc } from './persistent.ts';

/** One place in a program. */
export interface StackFrame {
  /** As V8 names it, `Class.method` for methods; empty for a function without name. */
  readonly functionName: string;
  /** Path or URL of the script; empty when it is not known. */
  readonly file: string;
  /** From 1 on; 0 when it is not known. */
  readonly line: number;
  readonly column: number;
}

/** What a bucket counts. */
export interface BucketKey {
  readonly stack: Ref;
  readonly size: number;
  readonly type: number;
  readonly thread: number;
  readonly rate: number;
}

/** Bytes of a name or file at most; longer ones are cut. */
const TEXT_MAX = 1000;
const encoder = new TextEncoder();

/** A record of `words` words is looked for, and made if there is none: nil when metadata memory is used up. No lock held. */
function intern(
  t: Proc,
  kind: number,
  hash: number,
  words: number,
  same: (r: Ref) => boolean,
  fill: (r: Ref) => void,
): Ref {
  const found = find(t.mem.m, kind, hash, same);
  if (found !== NIL) return found;
  return t.locked(H_HEAP_LOCK, () => {
    const { m } = t.mem;
    const again = find(m, kind, hash, same);
    if (again !== NIL) return again;
    const head = headOf(t, kind, hash);
    const r = head === NIL ? NIL : take(t, words);
    if (r === NIL) return NIL as Ref;
    m[r + NODE_NEXT] = m[head];
    m[r + NODE_HASH] = hash;
    fill(r as Ref);
    t.pause('profile.record');
    Atomics.store(m, head, r);
    return r as Ref;
  });
}

function find(m: Words, kind: number, hash: number, same: (r: Ref) => boolean): Ref {
  const heads = Atomics.load(m, H_PROFILE_HEADS);
  if (heads === NIL) return NIL as Ref;
  const head = heads + kind * CHAINS + (hash & (CHAINS - 1));
  for (let r = Atomics.load(m, head); r !== NIL; r = m[r + NODE_NEXT]) {
    if (m[r + NODE_HASH] === hash && same(r as Ref)) return r as Ref;
  }
  return NIL as Ref;
}

/** The head of a chain; all of them are made at the first sample. Heap lock. */
function headOf(t: Proc, kind: number, hash: number): Ref {
  const { m } = t.mem;
  if (m[H_PROFILE_HEADS] === NIL) Atomics.store(m, H_PROFILE_HEADS, take(t, CHAIN_KINDS * CHAINS));
  const heads = m[H_PROFILE_HEADS];
  return (heads === NIL ? NIL : heads + kind * CHAINS + (hash & (CHAINS - 1))) as Ref;
}

function take(t: Proc, words: number): Ref {
  const r = persistentAlloc(t, words);
  if (r !== NIL) t.mem.m[H_BUCKET_WORDS] = t.mem.m[H_BUCKET_WORDS] + words;
  return r;
}

function mix(hash: number, value: number): number {
  const h = Math.imul(hash ^ value, 0x85ebca6b);
  return h ^ (h >>> 15);
}

/** The record of a text; nil when memory is out. */
function internText(t: Proc, text: string): Ref {
  const { mem } = t;
  const { m, m16 } = mem;
  const bytes = cut(encoder.encode(text));
  let hash = bytes.length;
  for (const byte of bytes) hash = mix(hash, byte);
  const byteAt = (r: Ref, i: number): number => (m16[(r + TEXT_WORDS) * 2 + (i >>> 1)] >>> ((i & 1) * 8)) & 0xff;
  const same = (r: Ref): boolean =>
    m[r + TEXT_BYTES] === bytes.length && bytes.every((byte, i) => byteAt(r, i) === byte);
  return intern(t, CHAIN_TEXTS, hash, TEXT_WORDS + wordsOf(bytes.length), same, (r) => {
    m[r + TEXT_BYTES] = bytes.length;
    writeText(mem, r + TEXT_WORDS, bytes);
  });
}

/** At most TEXT_MAX bytes, whole characters. */
function cut(bytes: Uint8Array): Uint8Array {
  let end = Math.min(bytes.length, TEXT_MAX);
  while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** The record of a frame; nil when memory is out. */
export function internFrame(t: Proc, frame: StackFrame): Ref {
  const { m } = t.mem;
  const fn = internText(t, frame.functionName);
  const file = fn === NIL ? NIL : internText(t, frame.file);
  if (file === NIL) return NIL as Ref;
  const line = frame.line | 0;
  const column = frame.column | 0;
  const hash = [fn, file, line, column].reduce(mix, CHAIN_FRAMES);
  const same = (r: Ref): boolean =>
    m[r + FRAME_FUNCTION] === fn &&
    m[r + FRAME_FILE] === file &&
    m[r + FRAME_LINE] === line &&
    m[r + FRAME_COLUMN] === column;
  return intern(t, CHAIN_FRAMES, hash, FRAME_WORDS, same, (r) => {
    m[r + FRAME_FUNCTION] = fn;
    m[r + FRAME_FILE] = file;
    m[r + FRAME_LINE] = line;
    m[r + FRAME_COLUMN] = column;
  });
}

/** The record of a stack of frame records, the innermost first; nil when memory is out. */
export function internStack(t: Proc, frames: readonly Ref[]): Ref {
  const { m } = t.mem;
  const hash = frames.reduce(mix, CHAIN_STACKS);
  const same = (r: Ref): boolean =>
    m[r + STACK_LENGTH] === frames.length && frames.every((frame, i) => m[r + STACK_FRAMES + i] === frame);
  return intern(t, CHAIN_STACKS, hash, STACK_FRAMES + frames.length, same, (r) => {
    m[r + STACK_LENGTH] = frames.length;
    frames.forEach((frame, i) => {
      m[r + STACK_FRAMES + i] = frame;
    });
  });
}

/** The bucket of a key; nil when memory is out. */
export function internBucket(t: Proc, key: BucketKey): Ref {
  const { m } = t.mem;
  const { stack, size, type, thread, rate } = key;
  const hash = [stack, size, type, thread, rate].reduce(mix, CHAIN_BUCKETS);
  const same = (r: Ref): boolean =>
    m[r + BUCKET_STACK] === stack &&
    m[r + BUCKET_SIZE] >>> 0 === size &&
    m[r + BUCKET_TYPE] === type &&
    m[r + BUCKET_THREAD] === thread &&
    m[r + BUCKET_RATE] === rate;
  const b = intern(t, CHAIN_BUCKETS, hash, BUCKET_WORDS, same, (r) => {
    m[r + BUCKET_STACK] = stack;
    m[r + BUCKET_SIZE] = size;
    m[r + BUCKET_TYPE] = type;
    m[r + BUCKET_THREAD] = thread;
    m[r + BUCKET_RATE] = rate;
    m[r + BUCKET_ALL_NEXT] = m[H_PROFILE_BUCKETS];
    // In the list before it is in its chain: should its maker die between the two, it counts nothing.
    Atomics.store(m, H_PROFILE_BUCKETS, r);
  });
  return b;
}

/** All buckets, the newest first. */
export function* eachBucket(m: Words): Generator<Ref> {
  for (let b = Atomics.load(m, H_PROFILE_BUCKETS); b !== NIL; b = m[b + BUCKET_ALL_NEXT]) yield b as Ref;
}

export function readBucket(m: Words, b: Ref): BucketKey {
  return {
    stack: m[b + BUCKET_STACK] as Ref,
    size: m[b + BUCKET_SIZE] >>> 0,
    type: m[b + BUCKET_TYPE],
    thread: m[b + BUCKET_THREAD],
    rate: m[b + BUCKET_RATE],
  };
}

/** The frames of a stack record. */
export function readStack(mem: Mem, stack: Ref, read: (frame: Ref) => StackFrame): StackFrame[] {
  const { m } = mem;
  return Array.from({ length: m[stack + STACK_LENGTH] }, (_, i) => read(m[stack + STACK_FRAMES + i] as Ref));
}

export function readFrame(mem: Mem, frame: Ref): StackFrame {
  const { m } = mem;
  return {
    functionName: textAt(mem, m[frame + FRAME_FUNCTION]),
    file: textAt(mem, m[frame + FRAME_FILE]),
    line: m[frame + FRAME_LINE],
    column: m[frame + FRAME_COLUMN],
  };
}

function textAt(mem: Mem, text: number): string {
  return readText(mem, text + TEXT_WORDS, mem.m[text + TEXT_BYTES]);
}
