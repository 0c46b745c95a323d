/** Sizes and figures as people write and read them: `64MiB` on the command line, `18.9 MiB` in the report. */
import { MAX_ALLOC, MIN_HEAP } from '../layout/constants.ts';
import { quoted, UsageError } from './errors.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
/** What the library takes. */
const MAX_PERCENT = 1_000_000;
const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:ib?)?|b)?$/i;

/**
 * Bytes of a SIZE: plain bytes, or K, M, G, T with or without `iB`, always powers of 1024 (`512M` = `512MiB`).
 * `64MB` is refused, because it means two different numbers to two readers.
 */
export function parseSize(text: string, option: string): number {
  const found = SIZE.exec(text.trim());
  if (found === null)
    throw new UsageError(`${option}: ${quoted(text)} is not a size; write 64MiB, 1GiB, 512M or bytes`);
  const power = found[2] === undefined ? 0 : 'kmgt'.indexOf(found[2].toLowerCase()) + 1;
  const bytes = Number(found[1]) * 1024 ** power;
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option}: ${quoted(text)} is not a whole number of bytes`);
  if (bytes === 0) throw new UsageError(`${option}: ${quoted(text)} must be more than 0`);
  return bytes;
}

/** Bytes that a heap can have. */
export function parseHeapSize(text: string, option: string): number {
  const bytes = parseSize(text, option);
  if (bytes >= MIN_HEAP && bytes <= MAX_ALLOC) return bytes;
  const limits = `from ${MIN_HEAP / 2 ** 10}KiB to ${MAX_ALLOC / 2 ** 30}GiB`;
  throw new UsageError(`${option}: ${quoted(text)} is not a size that a heap can have, ${limits}`);
}

/** A whole number between `least` and `most`. */
export function parseCount(text: string, option: string, least: number, most: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= least && count <= most)) {
    throw new UsageError(`${option}: ${quoted(text)} is not a whole number from ${least} to ${most}`);
  }
  return count;
}

/** Percent, not limited to 100, whole or not. */
export function parsePercent(text: string, option: string): number {
  const percent = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(percent <= MAX_PERCENT)) {
    throw new UsageError(`${option}: ${quoted(text)} is not a number of percent from 0 to ${MAX_PERCENT}, or off`);
  }
  return percent;
}

/** `18.9 MiB`: three digits, so that figures can be compared at a glance. Whole bytes below 1 KiB. */
export function formatBytes(bytes: number): string {
  const sign = bytes < 0 ? '-' : '';
  let value = Math.abs(bytes);
  let unit = 0;
  // 1023.95 KiB would print as 1024 KiB: step to the next unit where the rounding does.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.5)) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${sign}${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `1,234,567`; not the reader's locale, so that reports can be compared. */
export function formatCount(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** `1 file`, `1,234 files`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

export function formatPercent(part: number, whole: number): string {
  return whole === 0 ? '0.0 %' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** `42 µs`, `3.14 ms`, `250 ms`; from a second on as `formatSeconds`. */
export function formatDuration(seconds: number): string {
  if (seconds >= 0.9995) return formatSeconds(seconds);
  if (seconds < 0.9995e-3) return `${Math.round(seconds * 1e6)} µs`;
  const ms = seconds * 1000;
  return `${ms.toFixed(ms >= 99.95 ? 0 : ms >= 9.995 ? 1 : 2)} ms`;
}

/** `0.042 s`, `12.3 s`, `3 min 05 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 120) {
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  }
  return `${seconds.toFixed(seconds >= 10 ? 1 : 3)} s`;
}
