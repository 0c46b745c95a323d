/** What is in an object, in words: fields by name, elements by number, pointers as addresses that can be followed. */
import { addressText } from '../../analyze/labels.ts';
import type { InspectedValue, ObjectInfo } from '../../analyze/read-object.ts';
import type { InspectedMap } from '../../observe/decode.ts';
import { counted } from '../sizes.ts';
import type { ValueLine } from './outcome.ts';

/** Characters of a text, elements of a list and bytes that are shown in one line. */
const TEXT_SHOWN = 60;
const ELEMENTS_SHOWN = 8;
const BYTES_SHOWN = 16;

type Fields = readonly { readonly name: string; readonly type: string }[];

/** One line for each field, or for each value that the object holds in a row, `most` of these. */
export function valueLines(info: ObjectInfo, fields: Fields, most: number): ValueLine[] {
  const { value, type, count } = info;
  if (count !== undefined) {
    return (value as readonly InspectedValue[])
      .slice(0, most)
      .map((element, i) => ({ place: `[${i}]`, type: type ?? '', value: valueText(element) }));
  }
  const map = asMap(value);
  if (map !== undefined) return mapLines(map, type ?? '', most);
  return isStruct(value, '', fields)
    ? fieldLines(value, '', fields)
    : [{ place: '', type: type ?? '', value: valueText(value) }];
}

/** A header of a map is read as its entries. */
function asMap(value: InspectedValue): InspectedMap | undefined {
  const isMap = typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries);
  return isMap ? (value as InspectedMap) : undefined;
}

function mapLines({ size, entries }: InspectedMap, type: string, most: number): ValueLine[] {
  const lines = entries
    .slice(0, most)
    .map(([key, value]) => ({ place: keyText(key), type: '', value: valueText(value) }));
  return [{ place: '', type, value: counted(size, 'key') }, ...lines];
}

/** `["posts"]`, `[17]`: the place of a key. */
export function keyText(key: InspectedValue): string {
  return `[${valueText(key)}]`;
}

/** The type knows structs inside by the paths of their fields; what else is an object tells of a pointer. */
function isStruct(value: InspectedValue, path: string, fields: Fields): value is Record<string, InspectedValue> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return false;
  return path === '' ? fields.length > 0 : fields.some(({ name }) => name.startsWith(`${path}.`));
}

function fieldLines(value: Readonly<Record<string, InspectedValue>>, path: string, fields: Fields): ValueLine[] {
  return Object.entries(value).flatMap(([name, field]) => {
    const place = path === '' ? name : `${path}.${name}`;
    if (isStruct(field, place, fields)) return fieldLines(field, place, fields);
    const type = fields.find((f) => f.name === place)?.type ?? '';
    return [{ place: `.${place}`, type, value: valueText(field) }];
  });
}

/** A value in one line. */
function valueText(value: InspectedValue): string {
  if (value === null) return 'nil';
  if (typeof value === 'string') return textInQuotes(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return bytesText(value);
  if (Array.isArray(value)) return listText(value);
  return objectText(value as Exclude<typeof value, readonly InspectedValue[]>);
}

function objectText(value: object): string {
  const { invalid, type, address, length, capacity, size } = value as Partial<Record<string, unknown>>;
  if (typeof invalid === 'string') return `${invalid}, where nothing is`;
  if (typeof address === 'number') {
    const to = address === 0 ? '' : ` → ${addressText(address)}`;
    if (typeof capacity === 'number') return `length ${String(length)}, capacity ${capacity}${to}`;
    if (typeof size === 'number') return `${counted(size, 'key')}${to}`;
    if (typeof type === 'string') return `→ ${type} ${addressText(address)}`;
  }
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${valueText(field as InspectedValue)}`);
  return `{ ${fields.join(', ')} }`;
}

function listText(list: readonly InspectedValue[]): string {
  const shown = list.slice(0, ELEMENTS_SHOWN).map(valueText);
  if (list.length > ELEMENTS_SHOWN) shown.push('…');
  return `[${shown.join(', ')}]`;
}

/** In quotes, and cut after 60 characters. */
export function textInQuotes(text: string): string {
  // A prefix is enough, however long the text is; characters of two units are not torn.
  const characters = [...text.slice(0, 2 * TEXT_SHOWN + 2)];
  return characters.length <= TEXT_SHOWN ? `"${text}"` : `"${characters.slice(0, TEXT_SHOWN - 1).join('')}…"`;
}

/** In hexadecimal. */
export function bytesText(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, BYTES_SHOWN), (byte) => byte.toString(16).padStart(2, '0'));
  if (bytes.length > BYTES_SHOWN) hex.push('…');
  return `${counted(bytes.length, 'byte')}: ${hex.join(' ')}`;
}
