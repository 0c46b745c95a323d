/** Whether this machine stores the low byte of a word first. */
export function isLittleEndian(): boolean {
  return new Uint8Array(Int32Array.of(1).buffer)[0] === 1;
}
