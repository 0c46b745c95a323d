/**
 * Values as data that is the same in JSON. What decode.ts reads is told by the kind it was read as, and by it alone: a
 * struct of the user's may have fields of any name.
 */
import type { Kind, MapKind } from '../../types/kinds.ts';
import { layoutOf } from '../../types/layout-of.ts';
import type { InspectedMap, InspectedRef, InspectedSlice, InspectedValue, InvalidValue } from '../decode.ts';
import type { ViewValue } from '../view-types.ts';

/** Bytes that are told of a `bytes`. */
const MAX_HEX = 1024;

export function viewValue(kind: Kind, value: InspectedValue): ViewValue {
  if (value === null) return { is: 'nil' };
  if (isInvalid(kind, value)) return { is: 'invalid', text: value.invalid };
  switch (kind.kind) {
    case 'struct': {
      const of = value as { readonly [field: string]: InspectedValue };
      const { fields = [] } = layoutOf(kind);
      return { is: 'struct', fields: fields.map((f) => ({ name: f.name, value: viewValue(f.kind, of[f.name]!) })) };
    }
    case 'array':
      return { is: 'array', length: kind.length, elements: viewElements(kind.elem, value) };
    case 'slice': {
      const { address, length, capacity, elements } = value as InspectedSlice;
      return { is: 'slice', address, length, capacity, elements: viewElements(kind.elem, elements) };
    }
    case 'atomic':
      return viewValue(kind.elem, value);
    case 'ref': {
      const { type, address } = value as InspectedRef;
      return { is: 'ref', type, address };
    }
    case 'map':
      return viewMap(kind, value as InspectedMap);
    default:
      return viewPlain(value);
  }
}

/** Structs are told by their fields: one that cannot be read has none of them. */
function isInvalid(kind: Kind, value: InspectedValue): value is InvalidValue {
  if (typeof value !== 'object' || value === null || !('invalid' in value)) return false;
  const { fields = [] } = layoutOf(kind);
  return kind.kind !== 'struct' || !fields.some((f) => f.name === 'invalid');
}

export function viewElements(kind: Kind, values: InspectedValue): ViewValue[] {
  return (values as readonly InspectedValue[]).map((value) => viewValue(kind, value));
}

export function viewMap({ key, value }: MapKind, { address, size, entries }: InspectedMap): ViewValue {
  const told = entries.map(([k, v]) => [viewValue(key, k), viewValue(value, v)] as const);
  return { is: 'map', address, size, entries: told };
}

/** Numbers as text: JSON has no NaN, no −0 and no 64-bit integers. */
export function viewPlain(value: InspectedValue): ViewValue {
  if (typeof value === 'boolean') return { is: 'boolean', value };
  if (typeof value === 'string') return { is: 'string', text: value };
  if (value instanceof Uint8Array) {
    const hex = Array.from(value.subarray(0, MAX_HEX), (byte) => byte.toString(16).padStart(2, '0')).join('');
    return { is: 'bytes', hex, length: value.length };
  }
  return { is: 'number', text: Object.is(value, -0) ? '-0' : String(value) };
}
