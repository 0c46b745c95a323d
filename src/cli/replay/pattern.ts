/**
 * What --verify writes into objects: each has a sequence of 32-bit words of its own, from its number, that starts
 * differently and steps differently from its neighbours', so that bytes of another object, of an older one at the same
 * address, or shifted ones are noticed. Objects too small to be word-aligned are written byte by byte, the same bytes.
 */

export interface ObjectMemory {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
}

function firstWord(object: number): number {
  const mixed = Math.imul(object + 1, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** Odd, so that the words of an object do not repeat. */
function wordStep(object: number): number {
  return Math.imul(object, 0x85ebca6b) | 1;
}

/** Fills `size` bytes from `address` on with the pattern of `object`. */
export function fillPattern(memory: ObjectMemory, address: number, size: number, object: number): void {
  const step = wordStep(object);
  let word = firstWord(object);
  let at = address;
  const end = address + size;
  if ((address & 3) === 0) {
    const { i32 } = memory;
    for (const lastWord = end - 4; at <= lastWord; at += 4) {
      i32[at >>> 2] = word;
      word = (word + step) | 0;
    }
  }
  const { u8 } = memory;
  for (let rest = 0; at < end; at++, rest++) {
    if (rest === 4) {
      rest = 0;
      word = (word + step) | 0;
    }
    u8[at] = word >>> (rest << 3);
  }
}

/** Offset of the first byte that is not as `fillPattern` left it, or -1. */
export function patternMismatch(memory: ObjectMemory, address: number, size: number, object: number): number {
  const step = wordStep(object);
  let word = firstWord(object);
  let at = address;
  const end = address + size;
  if ((address & 3) === 0) {
    const { i32 } = memory;
    for (const lastWord = end - 4; at <= lastWord; at += 4) {
      if (i32[at >>> 2] !== word) break; // the bytes below say which one
      word = (word + step) | 0;
    }
  }
  const { u8 } = memory;
  for (let rest = 0; at < end; at++, rest++) {
    if (rest === 4) {
      rest = 0;
      word = (word + step) | 0;
    }
    if (u8[at] !== ((word >>> (rest << 3)) & 0xff)) return at - address;
  }
  return -1;
}

/** Offset of the first byte that is not zero, or -1. */
export function nonZeroOffset(memory: ObjectMemory, address: number, size: number): number {
  let at = address;
  const end = address + size;
  if ((address & 3) === 0) {
    const { i32 } = memory;
    for (const lastWord = end - 4; at <= lastWord; at += 4) {
      if (i32[at >>> 2] !== 0) break;
    }
  }
  const { u8 } = memory;
  for (; at < end; at++) {
    if (u8[at] !== 0) return at - address;
  }
  return -1;
}
