/** Fills objects with bytes that depend on their address and size, and finds the first byte that is another. */

export interface Bytes {
  readonly u8: Uint8Array<ArrayBufferLike>;
  readonly i32: Int32Array<ArrayBufferLike>;
}

function byteOf(addr: number, size: number): number {
  return ((Math.imul(addr, 0x9e3779b1) ^ Math.imul(size, 0x85ebca6b)) >>> 13) & 0xff;
}

export function fillPattern(memory: Bytes, addr: number, size: number): void {
  const byte = byteOf(addr, size);
  const word = byte * 0x01010101;
  let at = addr;
  const end = addr + size;
  if (addr % 4 === 0) for (; at + 4 <= end; at += 4) memory.i32[at >>> 2] = word;
  for (; at < end; at++) memory.u8[at] = byte;
}

/** Address of the first wrong byte (or of its word), −1 if all are right. */
export function checkPattern(memory: Bytes, addr: number, size: number): number {
  const byte = byteOf(addr, size);
  const word = (byte * 0x01010101) | 0;
  let at = addr;
  const end = addr + size;
  if (addr % 4 === 0) for (; at + 4 <= end; at += 4) if (memory.i32[at >>> 2] !== word) return at;
  for (; at < end; at++) if (memory.u8[at] !== byte) return at;
  return -1;
}
