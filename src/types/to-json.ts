/** Fields and elements as `JSON.stringify` is to have them: the same in structs, slices and arrays. */
import type { Codec } from './codec.ts';
import type { Reference } from './reference.ts';
import { showReference } from './show.ts';

/**
 * What was read of a place, for JSON, which knows neither bigints nor bytes. Pointers are shown as what they point to, not
 * followed: objects may form circles. Other references have a `toJSON` of their own.
 */
export function toJson(value: unknown, codec: Codec): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return [...value];
  return codec.indirect && value !== null ? showReference(value as Reference) : value;
}
