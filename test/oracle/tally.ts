/** What a checker of oracle vectors counts, and the small conversions that all of them need. */

export interface Failure {
  readonly id: string;
  readonly detail: string;
}

/** Nothing is wrong as far as it can be compared. */
export interface Skipped {
  readonly skipped: string;
}

export class Tally {
  passed = 0;
  /** Cases that were not compared, or not to their end, by the reason. */
  readonly skipped = new Map<string, number>();
  readonly failures: Failure[] = [];

  skip(reason: string): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  /** One case: `run` returns what is wrong, or null, or why it can say neither. An exception is wrong too. */
  case(id: string, run: () => string | Skipped | null): void {
    let detail: string | Skipped | null;
    try {
      detail = run();
    } catch (error) {
      detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
    if (detail === null) this.passed++;
    else if (typeof detail === 'object') this.skip(detail.skipped);
    else this.failures.push({ id, detail });
  }
}

/** Why cases of a larger address space are skipped. */
export const TOO_FAR = 'they need more than 32 bits of addresses';

/** The parsed JSON of a vector file. */
export type Doc = Readonly<Record<string, unknown>>;

export interface Checker {
  /** Name of the format, and of the file in which it usually comes. */
  readonly name: string;
  /** Sections of cases. A file of this format has no others, and at least one of them. */
  readonly sections: readonly string[];
  /** What `source` of such a file names, where other formats have the same sections. */
  readonly source?: RegExp;
  readonly run: (doc: Doc, tally: Tally) => void;
}

/** A section that is a list; empty when the file does not have it. */
export function list<T>(doc: Doc, section: string): readonly T[] {
  const value = doc[section];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Error(`section ${section} is not a list`);
  return value as T[];
}

/** `null` when both are the same JSON, otherwise the sentence that says so. */
export function same(what: string, got: unknown, want: unknown): string | null {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
  return g === w ? null : `${what}: got ${clip(g)}, want ${clip(w)}`;
}

function clip(text: string | undefined): string {
  const s = text ?? 'undefined';
  return s.length > 300 ? `${s.slice(0, 300)}…` : s;
}

/** An integer as the vectors write it: a number, or a decimal string from 2⁵³ on. */
export type Int = number | string;

/** For use with both kinds: exact, and a plain number where that is possible. */
export function exact(v: Int): number | bigint {
  return typeof v === 'string' ? BigInt(v) : v;
}

/** 16 hex digits as [low, high] 32-bit words. */
export function halves(hex: string): [number, number] {
  if (!/^[0-9a-f]{16}$/.test(hex)) throw new Error(`not 16 hex digits: ${hex}`);
  return [Number.parseInt(hex.slice(8), 16) | 0, Number.parseInt(hex.slice(0, 8), 16) | 0];
}

export function hex64(lo: number, hi: number): string {
  const part = (x: number): string => (x >>> 0).toString(16).padStart(8, '0');
  return part(hi) + part(lo);
}

/** A bitmap of 8 comma-separated 64-bit words as 16 words of 32 bits. */
export function bitmapWords(text: string): number[] {
  const words = text.split(',');
  if (words.length !== 8) throw new Error(`not 8 words: ${text}`);
  return words.flatMap((w) => halves(w));
}

/** A bitmap of 16 words as the vectors write it in words. */
export function bitmapText(m: Int32Array<ArrayBufferLike>, at: number): string {
  const words: string[] = [];
  for (let w = 0; w < 16; w += 2) words.push(hex64(m[at + w], m[at + w + 1]));
  return words.join(',');
}
