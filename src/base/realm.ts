/**
 * What a value is, in whichever realm it was made. Test runners run a program in a realm of its own, while what comes out of
 * Node, such as a message of a worker, belongs to another: `instanceof` says no to it.
 */

function isTagged(value: unknown, tag: string): boolean {
  return Object.prototype.toString.call(value) === `[object ${tag}]`;
}

export function isSharedBuffer(value: unknown): value is SharedArrayBuffer {
  return isTagged(value, 'SharedArrayBuffer');
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && isTagged(value, 'Uint8Array'));
}

export function isMap(value: unknown): value is Map<unknown, unknown> {
  return value instanceof Map || isTagged(value, 'Map');
}
