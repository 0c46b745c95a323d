/**
 * Strings and byte strings in the heap (Go: `stringStruct`): a pointer to bytes and their number. The bytes never change
 * once the pointer is stored, so copies of a value share them.
 *
 * Both words are written one after the other. Threads that write one field while others read it must agree on when, by
 * an `update` of a map or otherwise; see docs/memory-model.md.
 */
import { describe } from '../base/describe.ts';
import { OutOfRangeError, WrongTypeError } from '../base/errors.ts';
import { isBytes } from '../base/realm.ts';
import { STRING_LEN } from '../layout/slice.ts';
import { callInRegion, type Env } from './env.ts';
import { InternedText } from './interned.ts';
import type { Scalar } from './scalars.ts';

/** Copies bytes into the heap; 0 for none. The memory is not reachable yet. In a region; a safepoint before it. */
function allocBytes(env: Env, bytes: Uint8Array, length: number): number {
  if (length === 0) return 0;
  const { u8 } = env.mem;
  const addr = env.malloc.mallocgc(length, null, false);
  if (length > 64) u8.set(bytes.length === length ? bytes : bytes.subarray(0, length), addr);
  else for (let i = 0; i < length; i++) u8[addr + i] = bytes[i]!;
  return addr;
}

export function stringCodec(env: Env): Scalar<string | InternedText> {
  const { t, text, barrier } = env;
  const { i32 } = t.mem;

  function read(addr: number): string {
    if (t.depth === 0) return callInRegion(env, read, addr);
    const length = i32[(addr + STRING_LEN) >>> 2]!;
    return length === 0 ? '' : text.read(i32[addr >>> 2]!, length);
  }

  function check(value: unknown, where: string): void {
    if (typeof value !== 'string' && !isInterned(value)) {
      throw new WrongTypeError(`${where}: expected a string, got ${describe(value)}`);
    }
  }

  const isInterned = (value: unknown): boolean => value instanceof InternedText && value.$env === env;

  /** Interned text is there already: its bytes are shared. In a region. */
  function writeInterned(addr: number, { $addr, $bytes }: InternedText): void {
    barrier.storePointer(addr, $addr);
    i32[(addr + STRING_LEN) >>> 2] = $bytes;
  }

  function write(addr: number, value: string | InternedText): void {
    if (t.depth === 0) {
      callInRegion(env, write, addr, value);
      return;
    }
    if (typeof value !== 'string') {
      writeInterned(addr, value);
      return;
    }
    const length = text.encode(value);
    barrier.storePointer(addr, allocBytes(env, text.scratch, length));
    i32[(addr + STRING_LEN) >>> 2] = length;
  }

  return { read, check, write };
}

/** Bytes of a value: their number is Go's int on 32 bits, as that of a slice's elements. */
const MAX_BYTES = 2 ** 31 - 1;

/** Throws unless `value` is bytes that a field, or the key of a map, can hold. */
export function checkBytes(value: unknown, where: string): void {
  if (!isBytes(value)) {
    throw new WrongTypeError(`${where}: expected a Uint8Array, got ${describe(value)}`);
  }
  if (value.length > MAX_BYTES)
    throw new OutOfRangeError(
      `${where}: ${value.length} bytes are more than ${MAX_BYTES}, the most that one value has`,
    );
}

export function bytesCodec(env: Env): Scalar<Uint8Array> {
  const { t, barrier } = env;
  const { i32, u8 } = t.mem;

  function read(addr: number): Uint8Array {
    if (t.depth === 0) return callInRegion(env, read, addr);
    const from = i32[addr >>> 2]! >>> 0;
    return u8.slice(from, from + i32[(addr + STRING_LEN) >>> 2]!);
  }

  function write(addr: number, value: Uint8Array): void {
    if (t.depth === 0) {
      callInRegion(env, write, addr, value);
      return;
    }
    const { length } = value;
    barrier.storePointer(addr, allocBytes(env, value, length));
    i32[(addr + STRING_LEN) >>> 2] = length;
  }

  return { read, check: checkBytes, write };
}
