/**
 * Keys of maps, as they lie in slots, and how they are compared. One codec a kind and heap.
 *
 * A key that is looked for is first made ready by `load`: checked, encoded, hashed. `find` and `store` then work on what
 * was loaded last, so nothing of a program may run between them that could use a map; `update` loads again after it.
 *
 *   string, bytes   up to 11 bytes: the bytes, zeroes, and in byte 11 their number; then 0. No memory of their own, and
 *                   one cache miss less to compare them, for most of the keys that programs have.
 *                   more: length, hash, −1, and a pointer to the bytes, which are zeroed up to a whole word
 *   i8 … u32        one word
 *   i64, u64        two words
 */
import { describe } from '../../base/describe.ts';
import { WrongTypeError } from '../../base/errors.ts';
import { isBytes } from '../../base/realm.ts';
import type { Mem } from '../../sys/mem.ts';
import type { KeyName } from '../kinds.ts';
import { checkInteger, INT_RANGES, type IntName } from '../scalars.ts';
import { checkBytes } from '../strings.ts';
import { DIRECT_ENCODE } from '../text.ts';
import { hashInt, hashPair, hashThree, hashWords, makeTextHash } from './hash.ts';
import type { MapHost } from './host.ts';
import { type Find, makeBytesFind, makeIntFind } from './probe.ts';

export interface KeyCodec {
  readonly name: KeyName;
  /** Words of a key in a slot, and bytes it is aligned to. */
  readonly words: number;
  readonly align: number;
  /** Words that are pointers. */
  readonly pointers: readonly number[];
  /** Throws WrongTypeError or OutOfRangeError when `key` is none of this kind. `where` begins the message. */
  readonly check: (key: unknown, where: string) => void;
  /** Makes a key the one that is looked for and returns its hash under the map's seeds. Throws as `check` does. */
  readonly load: (key: unknown, where: string, k0: number, k1: number) => number;
  readonly find: Find;
  /** Stores the loaded key in a slot that nobody reads yet. A safepoint. Throws OutOfMemoryError. */
  readonly store: (slot: number) => void;
  readonly hashAt: (slot: number, k0: number, k1: number) => number;
  /** The key of which these are the words in a slot. Not for what may be no key: that must be known before. */
  readonly decode: (words: Int32Array) => unknown;
  /** What stays the same key, whatever the program does to the one it passed. */
  readonly keep: (key: unknown) => unknown;
}

const made = new WeakMap<Mem, Map<KeyName, KeyCodec>>();

/** The codec for keys of a kind. */
export function keyCodec(host: MapHost, name: KeyName): KeyCodec {
  let ofHeap = made.get(host.mem);
  if (ofHeap === undefined) made.set(host.mem, (ofHeap = new Map()));
  let codec = ofHeap.get(name);
  if (codec === undefined) ofHeap.set(name, (codec = makeCodec(host, name)));
  return codec;
}

function makeCodec(host: MapHost, name: KeyName): KeyCodec {
  if (name === 'string') return stringKeys(host);
  if (name === 'bytes') return bytesKeys(host);
  return name === 'i64' || name === 'u64' ? bigKeys(host, name) : intKeys(host, name);
}

/** Longest key that is in the slot itself. */
const INLINE = 11;
/** Third word of a longer one: as the number of its bytes that would be 255. */
const LONG = -1;
/** Words of the pointer and of all of it. */
const POINTER = 3;
const WORDS = 4;

/** Bytes of a key that need no buffer of their own. */
const SMALL = 1024;

/** The bytes of the loaded key, as words. */
interface Scratch {
  words: Int32Array;
  bytes: Uint8Array;
  length: number;
}

function newScratch(bytes: number): Scratch {
  const words = new Int32Array((bytes + 8) >>> 2);
  return { words, bytes: new Uint8Array(words.buffer), length: 0 };
}

/** A copy of the first bytes of some words. */
function bytesIn(words: Int32Array, length: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset).slice(0, length);
}

/** What string and byte keys have in common, once their bytes are in scratch memory. */
function bytesOf(host: MapHost) {
  const { i32 } = host.mem;
  const small = newScratch(SMALL);
  const smallWords = small.words;
  const hashText = makeTextHash(smallWords);
  /** What is loaded. */
  let scratch = small;
  const tag = new Int32Array(WORDS - 1);

  host.t.callOuts.scratches.push(() => {
    const loaded = scratch;
    const { length } = loaded;
    const words = small.words.slice();
    const tagged = tag.slice();
    return () => {
      scratch = loaded;
      scratch.length = length;
      small.words.set(words);
      tag.set(tagged);
    };
  });

  /** Room for a key of so many bytes. */
  function reserve(bytes: number): Scratch {
    scratch = bytes <= SMALL ? small : newScratch(bytes);
    return scratch;
  }

  /** The first bytes of the scratch memory are the key. Those after it, up to a whole word, become zeroes. */
  function finish(length: number, k0: number, k1: number): number {
    const { words } = scratch;
    words[length >>> 2]! &= ~(-1 << ((length & 3) << 3));
    if (length > INLINE) return finishLong(length, k0, k1);
    const a = length === 0 ? 0 : words[0]!;
    const b = length <= 4 ? 0 : words[1]!;
    const c = length <= 8 ? 0 : words[2]!;
    return finishInline(a, b, c | (length << 24), k0, k1);
  }

  function finishLong(length: number, k0: number, k1: number): number {
    return tagLong(length, hashWords(scratch.words, length, k0, k1));
  }

  /** A text of at most SMALL characters, but more than INLINE, is the key. False if it is not ASCII: then it is not. */
  function finishAscii(text: string, k0: number, k1: number): boolean {
    const { length } = text;
    const hash = hashText(text, k0, k1);
    if (smallWords[(length >>> 2) + 1]! < 0) return false;
    scratch = small;
    tagLong(length, hash);
    return true;
  }

  function tagLong(length: number, hash: number): number {
    scratch.length = length;
    tag[0] = length;
    tag[1] = hash;
    tag[2] = LONG;
    return hash;
  }

  function finishInline(a: number, b: number, c: number, k0: number, k1: number): number {
    tag[0] = a;
    tag[1] = b;
    tag[2] = c;
    return hashThree(a, b, c, k0, k1);
  }

  /** Whether the bytes at a slot's pointer are those of the loaded key; their number is the same. */
  function sameBytes(slot: number): boolean {
    const at = i32[slot + POINTER]! >>> 2;
    const count = (tag[0]! + 3) >>> 2;
    // An array that the compiler knows, for nearly all.
    if (scratch !== small) return sameWords(at, count);
    for (let i = 0; i < count; i++) if (i32[at + i] !== smallWords[i]) return false;
    return true;
  }

  function sameWords(at: number, count: number): boolean {
    const { words } = scratch;
    for (let i = 0; i < count; i++) if (i32[at + i] !== words[i]) return false;
    return true;
  }

  function store(slot: number): void {
    if (tag[2] === LONG) {
      const { words, length } = scratch;
      const count = (length + 3) >>> 2;
      const addr = host.alloc(count << 2, null);
      const at = addr >>> 2;
      for (let i = 0; i < count; i++) i32[at + i] = words[i]!;
      host.barrier.storePointer((slot + POINTER) << 2, addr);
    }
    i32[slot] = tag[0]!;
    i32[slot + 1] = tag[1]!;
    i32[slot + 2] = tag[2]!;
  }

  function hashAt(slot: number, k0: number, k1: number): number {
    const last = i32[slot + 2]!;
    if (last === LONG) return i32[slot + 1]!;
    return hashThree(i32[slot]!, i32[slot + 1]!, last, k0, k1);
  }

  return {
    ...{ reserve, finish, finishInline, finishAscii },
    /** Of the loaded key, if that is longer than INLINE. */
    hash: () => tag[1]!,
    /** Makes of a key's words what `inSlot` makes of its bytes, or `inHeap` of their address and number. */
    decode<T>(
      words: Int32Array,
      inSlot: (words: Int32Array, length: number) => T,
      inHeap: (addr: number, length: number) => T,
    ): T {
      if (words[2] === LONG) return inHeap(words[POINTER]! >>> 0, words[0]!);
      return inSlot(words, words[2]! >>> 24);
    },
    codec: {
      ...{ words: WORDS, align: 4, pointers: [POINTER], store, hashAt },
      find: makeBytesFind(host.mem, tag, sameBytes),
    },
  };
}

function stringKeys(host: MapHost): KeyCodec {
  const { reserve, finish, finishInline, finishAscii, hash, decode, codec } = bytesOf(host);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  function check(key: unknown, where: string): void {
    if (typeof key !== 'string') throw new WrongTypeError(`${where}: expected a string, got ${describe(key)}`);
  }

  /** Up to 11 characters of ASCII never leave the registers. */
  function load(key: unknown, where: string, k0: number, k1: number): number {
    if (typeof key !== 'string') check(key, where);
    const text = key as string;
    const n = text.length;
    if (n > INLINE) return loadLong(text, k0, k1);
    let a = 0;
    let b = 0;
    let i = 0;
    if (n >= 4) {
      const c0 = text.charCodeAt(0);
      const c1 = text.charCodeAt(1);
      const c2 = text.charCodeAt(2);
      const c3 = text.charCodeAt(3);
      if ((c0 | c1 | c2 | c3) > 127) return loadLong(text, k0, k1);
      a = c0 | (c1 << 8) | (c2 << 16) | (c3 << 24);
      i = 4;
    }
    if (n >= 8) {
      const c4 = text.charCodeAt(4);
      const c5 = text.charCodeAt(5);
      const c6 = text.charCodeAt(6);
      const c7 = text.charCodeAt(7);
      if ((c4 | c5 | c6 | c7) > 127) return loadLong(text, k0, k1);
      b = c4 | (c5 << 8) | (c6 << 16) | (c7 << 24);
      i = 8;
    }
    let rest = 0;
    for (let shift = 0; i < n; i++, shift += 8) {
      const c = text.charCodeAt(i);
      if (c > 127) return loadLong(text, k0, k1);
      rest |= c << shift;
    }
    const last = n << 24;
    if (n >= 8) return finishInline(a, b, rest | last, k0, k1);
    return n >= 4 ? finishInline(a, rest, last, k0, k1) : finishInline(rest, 0, last, k0, k1);
  }

  /** Longer, or not ASCII. */
  function loadLong(text: string, k0: number, k1: number): number {
    const n = text.length;
    if (n > INLINE && n <= DIRECT_ENCODE && finishAscii(text, k0, k1)) return hash();
    // At most 3 bytes a UTF-16 unit.
    return finish(encoder.encodeInto(text, reserve(n * 3).bytes).written, k0, k1);
  }

  /** By length, for the characters of a text. */
  const codes = Array.from({ length: INLINE + 1 }, (_, n) => new Array<number>(n).fill(0));

  function fromSlot(words: Int32Array, length: number): string {
    const chars = codes[length]!;
    for (let i = 0; i < length; i++) {
      const c = (words[i >>> 2]! >>> ((i & 3) << 3)) & 0xff;
      if (c > 127) return decoder.decode(bytesIn(words, length));
      chars[i] = c;
    }
    return String.fromCharCode(...chars);
  }

  return {
    ...codec,
    ...{ name: 'string', check, load },
    decode: (words) => decode(words, fromSlot, host.text.read),
    keep: (key) => key,
  };
}

function bytesKeys(host: MapHost): KeyCodec {
  const { reserve, finish, decode, codec } = bytesOf(host);
  const { u8 } = host.mem;

  function load(key: unknown, where: string, k0: number, k1: number): number {
    checkBytes(key, where);
    // Each byte is read once: another thread may be writing to it, if it is shared memory.
    const from = key as Uint8Array;
    const { length } = from;
    const { bytes } = reserve(length);
    for (let i = 0; i < length; i++) bytes[i] = from[i]!;
    return finish(length, k0, k1);
  }

  return {
    ...codec,
    ...{ name: 'bytes', check: checkBytes, load },
    decode: (words) => decode(words, bytesIn, (addr, length) => u8.slice(addr, addr + length)),
    // One that is detached cannot be copied. It is the empty key, as `load` takes it.
    keep: (key) => (isBytes(key) ? new Uint8Array(key.length === 0 ? [] : key) : key),
  };
}

/** For the words of the loaded key. */
function keepWords({ t }: MapHost, words: Int32Array): void {
  t.callOuts.scratches.push(() => {
    const loaded = words.slice();
    return () => words.set(loaded);
  });
}

function intKeys(host: MapHost, name: IntName): KeyCodec {
  const { i32 } = host.mem;
  const words = new Int32Array(1);
  keepWords(host, words);
  const [min, max] = INT_RANGES[name];
  const unsigned = name === 'u32';

  function refuse(key: unknown, where: string): never {
    checkInteger(name, key, where);
    throw new WrongTypeError(`${where}: expected a number (${name}), got ${describe(key)}`);
  }

  return {
    name,
    words: 1,
    align: 4,
    pointers: [],
    check: (key, where) => checkInteger(name, key, where),
    load(key, where, k0, k1): number {
      if (typeof key !== 'number') return refuse(key, where);
      const word = key | 0;
      if ((unsigned ? word >>> 0 : word) !== key || key < min || key > max) return refuse(key, where);
      words[0] = word;
      return hashInt(word, k0, k1);
    },
    find: makeIntFind(host.mem, words),
    store(slot): void {
      i32[slot] = words[0]!;
    },
    hashAt: (slot, k0, k1) => hashInt(i32[slot]!, k0, k1),
    decode: ([word]) => (unsigned ? word! >>> 0 : word!),
    keep: (key) => key,
  };
}

function bigKeys(host: MapHost, name: 'i64' | 'u64'): KeyCodec {
  const { i32 } = host.mem;
  const words = new Int32Array(2);
  const loaded = new BigInt64Array(words.buffer);
  keepWords(host, words);
  return {
    name,
    words: 2,
    align: 8,
    pointers: [],
    check: (key, where) => checkInteger(name, key, where),
    load(key, where, k0, k1): number {
      checkInteger(name, key, where);
      loaded[0] = key as bigint;
      return hashPair(words[0]!, words[1]!, k0, k1);
    },
    find: makeIntFind(host.mem, words),
    store(slot): void {
      i32[slot] = words[0]!;
      i32[slot + 1] = words[1]!;
    },
    hashAt: (slot, k0, k1) => hashPair(i32[slot]!, i32[slot + 1]!, k0, k1),
    decode: ([lo, hi]) => {
      const value = (BigInt(hi!) << 32n) | BigInt(lo! >>> 0);
      return name === 'i64' ? value : BigInt.asUintN(64, value);
    },
    keep: (key) => key,
  };
}
