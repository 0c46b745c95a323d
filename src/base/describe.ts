/** Wrong values, as messages name them. */

/** What a message says of a wrong value. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'object') return `an object (${value.constructor?.name || 'no class'})`;
  return value === undefined ? 'undefined' : `a ${typeof value}`;
}
