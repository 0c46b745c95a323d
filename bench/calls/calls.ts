// What a program calls now and then; reported beside plain JS, without bars.

export const CALLS = [
  'new',
  'string read',
  'string write',
  'long string read',
  'long string write',
  'scope',
  'hold',
  'hold among many',
  'lock',
  'withLock',
  'iterate numbers',
  'iterate texts',
  'string read outside',
  'map get outside',
  'map set outside',
] as const;
export type Call = (typeof CALLS)[number];

/** Objects, texts, entries of a map. */
export const ELEMENTS = 4096;
/** References that are held while others come and go. */
export const MANY_HELD = 100_000;
/** Characters of a long text. */
export const LONG = 1000;

/** As ids and names are: 6 to 24 characters of ASCII, each a flat string of its own. */
export function textOf(i: number): string {
  return Buffer.from(`user:${(i * 7919) % 1_000_003}${'-abcdefghijk'.slice(0, i % 13)}`, 'latin1').toString('latin1');
}

/** As log lines and small documents are: flat strings of ASCII. */
export function longTextOf(i: number): string {
  return Buffer.from(`${i} `.repeat(LONG).slice(0, LONG), 'latin1').toString('latin1');
}
