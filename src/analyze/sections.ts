/**
 * The sections of a snapshot file. Nothing is believed before its checksum was right, and no memory is taken for a length
 * that the file has not.
 */
import { isLittleEndian } from '../base/byte-order.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import { checksum } from '../observe/snapshot/checksum.ts';
import {
  BYTE_ORDER_MARK,
  END_,
  FILE_BYTE_ORDER,
  FILE_CHECKSUM,
  FILE_GROWN_PAGES,
  FILE_HEADER_BYTES,
  FILE_HEADER_WORDS,
  FILE_PAGE_SIZE,
  FILE_PAGES,
  FILE_TIME,
  FILE_VERSION,
  FORMAT_VERSION,
  MAGIC_BYTES,
  MAX_BINARY,
  MAX_JSON,
  META,
  PAGE,
  SECTION_ARG,
  SECTION_BYTES,
  SECTION_CHECK,
  SECTION_ORDER,
  SECTION_TYPE,
  SECTION_WORDS,
  TRAILER_NUMBER,
  TRAILER_WORDS,
  TYPE,
} from '../observe/snapshot/format.ts';
import { corrupt, SnapshotError } from './errors.ts';
import type { Source } from './source.ts';

const MAX_PAGES = 2 ** 32 / PAGE_SIZE;
/**
 * More than any heap has: pages that are all apart from each other make a section for every second page, the old values of
 * all pointers of 4 GiB one for each 4,093 of them.
 */
const MAX_SECTIONS = 2 * MAX_PAGES;
const HEADER_BYTES = FILE_HEADER_WORDS * 4;
const BEFORE = SECTION_WORDS * 4;
const AFTER = TRAILER_WORDS * 4;

export interface FileHeader {
  readonly pages: number;
  readonly grownPages: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export interface Section {
  readonly type: number;
  /** 1 for the first one of the file. */
  readonly number: number;
  /** Byte of the file at which it begins; its payload comes 16 bytes later. */
  readonly offset: number;
  readonly bytes: number;
  readonly arg: number;
}

function truncated(what: string, offset: number): never {
  throw new SnapshotError('ERR_SNAPSHOT_TRUNCATED', `the snapshot is cut off: ${what}`, offset);
}

/** Bytes as words; a copy where they are not aligned. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const from = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(from.buffer, from.byteOffset, from.length >>> 2);
}

/** The header of a file. Throws SnapshotError. */
export function readHeader(source: Source): FileHeader {
  const bytes = source.read(0, Math.min(source.size, HEADER_BYTES)).slice();
  const seen = Math.min(bytes.length, MAGIC_BYTES.length);
  if (seen === 0) throw new SnapshotError('ERR_NOT_A_SNAPSHOT', 'this is no heap snapshot: it is empty', 0);
  for (let i = 0; i < seen; i++) {
    if (bytes[i] !== MAGIC_BYTES[i]) throw new SnapshotError('ERR_NOT_A_SNAPSHOT', 'this is no heap snapshot', i);
  }
  if (bytes.length < HEADER_BYTES)
    truncated(`it has ${bytes.length} bytes, its header has ${HEADER_BYTES}`, bytes.length);
  const words = wordsOf(bytes);
  const version = words[FILE_VERSION]!;
  if (checksum(words, 0, FILE_CHECKSUM, version) !== words[FILE_CHECKSUM]) {
    if (isOtherOrder(words[FILE_BYTE_ORDER]!)) refuseOrder();
    corrupt('the header does not have its checksum', 0);
  }
  if (words[FILE_BYTE_ORDER] !== BYTE_ORDER_MARK) refuseOrder();
  if (version !== FORMAT_VERSION) {
    const text = `the snapshot has format version ${version}, this program reads version ${FORMAT_VERSION}`;
    throw new SnapshotError('ERR_SNAPSHOT_VERSION', text, FILE_VERSION * 4);
  }
  const pages = words[FILE_PAGES]!;
  const grownPages = words[FILE_GROWN_PAGES]!;
  const fits = pages > 0 && pages <= MAX_PAGES && grownPages >= 0 && grownPages <= pages;
  if (!fits || words[FILE_PAGE_SIZE] !== PAGE_SIZE || words[FILE_HEADER_BYTES] !== HEADER_BYTES) {
    corrupt('the header does not make sense', 0);
  }
  const time = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(FILE_TIME * 4, isLittleEndian());
  return { pages, grownPages, time };
}

const isOtherOrder = (mark: number): boolean => mark === 0x04030201;

function refuseOrder(): never {
  const text = 'the snapshot was written on a machine with the other byte order; read it there';
  throw new SnapshotError('ERR_SNAPSHOT_VERSION', text, FILE_BYTE_ORDER * 4);
}

/** Finds all sections, by their headers. Throws SnapshotError. */
export function listSections(source: Source): Section[] {
  const sections: Section[] = [];
  let order = 0;
  for (let at = HEADER_BYTES; ; ) {
    if (at + BEFORE > source.size) truncated(`at byte ${at} there should be another section`, at);
    const section = readSectionHeader(source, at, sections.length + 1);
    const rank = SECTION_ORDER.indexOf(section.type);
    if (rank < 0) corrupt(`a section of the unknown type 0x${(section.type >>> 0).toString(16)}`, at);
    if (rank < order || (sections.length === 0) !== (section.type === META)) corrupt('a section is out of order', at);
    const most = section.type === META || section.type === TYPE ? MAX_JSON : MAX_BINARY;
    if (section.bytes < 0 || section.bytes > most) corrupt(`a section of ${section.bytes} bytes`, at);
    if (section.bytes === 0) corrupt('an empty section', at);
    if (sections.length === MAX_SECTIONS) corrupt(`more sections than ${MAX_SECTIONS}`, at);
    if (section.type !== PAGE && section.arg !== 0) corrupt('a section has a number that only pages have', at);
    order = rank;
    at += BEFORE + padded(section.bytes) + AFTER;
    if (at > source.size)
      truncated(`section ${section.number} ends at byte ${at}, the file at ${source.size}`, source.size);
    sections.push(section);
    if (section.type !== END_) continue;
    if (at !== source.size) corrupt('something follows the end', at);
    return sections;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function readSectionHeader(source: Source, offset: number, number: number): Section {
  const words = wordsOf(source.read(offset, BEFORE));
  if (checksum(words, 0, SECTION_CHECK, number) !== words[SECTION_CHECK]) {
    corrupt(`the header of section ${number} does not have its checksum`, offset);
  }
  return { type: words[SECTION_TYPE]!, number, offset, bytes: words[SECTION_BYTES]!, arg: words[SECTION_ARG]! };
}

/** The payload of a section, whole, or an error. Valid until the source is read again. */
export function readPayload(source: Source, { type, number, offset, bytes }: Section): Uint8Array {
  const whole = source.read(offset + BEFORE, padded(bytes) + AFTER);
  const aligned = whole.byteOffset % 4 === 0 ? whole : whole.slice();
  const words = wordsOf(aligned);
  const end = padded(bytes) / 4;
  if (checksum(words, 0, end, type) !== words[end] || words[end + TRAILER_NUMBER] !== number) {
    corrupt(`section ${number} does not have its checksum`, offset);
  }
  return aligned.subarray(0, bytes);
}

/** The payload as whole records of `words` words. */
export function readRecords(source: Source, section: Section, words: number): Int32Array {
  if (section.bytes % (words * 4) !== 0)
    corrupt(`section ${section.number} does not hold whole records`, section.offset);
  return wordsOf(readPayload(source, section));
}

/** The payload as JSON. */
export function readJson(source: Source, section: Section): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(readPayload(source, section)));
  } catch (error) {
    if (error instanceof SnapshotError) throw error;
    return corrupt(`section ${section.number} is not JSON`, section.offset);
  }
}
