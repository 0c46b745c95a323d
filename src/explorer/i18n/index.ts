/** Texts and numbers in the reader's language. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { en, type TextKey } from './en.ts';
import { enSteps, type StepTextKey } from './en-steps.ts';
import { zh } from './zh.ts';
import { zhSteps } from './zh-steps.ts';

export const LANGUAGES = ['en', 'zh-CN'] as const;
export type Language = (typeof LANGUAGES)[number];
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', 'zh-CN': '简体中文' };

export type Key = TextKey | StepTextKey;
export const DICTIONARIES: Readonly<Record<Language, Readonly<Record<Key, string>>>> = {
  en: { ...en, ...enSteps },
  'zh-CN': { ...zh, ...zhSteps },
};

const STORED = 'spanheap.language';

/** The language of the browser's list that the explorer has; English if none is. */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0];
    if (base === 'zh') return 'zh-CN';
    if (base === 'en') return 'en';
  }
  return 'en';
}

function stored(): Language | undefined {
  try {
    const value = window.localStorage.getItem(STORED);
    return LANGUAGES.find((l) => l === value);
  } catch {
    // No storage in this browser: then nothing is remembered.
    return undefined;
  }
}

export const language: Signal<Language> = signal(
  typeof window === 'undefined' ? 'en' : (stored() ?? chooseLanguage(navigator.languages)),
);

if (typeof document !== 'undefined') {
  effect(() => {
    document.documentElement.lang = language.value;
    document.title = t('app.title');
  });
}

export function setLanguage(to: Language): void {
  language.value = to;
  try {
    window.localStorage.setItem(STORED, to);
  } catch {
    // As above.
  }
}

export type Params = Readonly<Record<string, string | number>>;

/** Puts values into a text's places. */
export function fill(text: string, params: Params): string {
  return text.replaceAll(/\{(\w+)\}/g, (place, name: string) => (name in params ? String(params[name]) : place));
}

/** A text in the reader's language. Numbers are written as the language writes them. */
export function t(key: Key, params: Params = {}): string {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(params)) {
    shown[name] = typeof value === 'number' ? count(value) : value;
  }
  return fill(DICTIONARIES[language.value][key], shown);
}

interface Formats {
  readonly whole: Intl.NumberFormat;
  readonly short: Intl.NumberFormat;
  readonly percent: Intl.NumberFormat;
}

const formats: ReadonlySignal<Formats> = computed(() => ({
  whole: new Intl.NumberFormat(language.value, { maximumFractionDigits: 0 }),
  short: new Intl.NumberFormat(language.value, { maximumSignificantDigits: 3 }),
  percent: new Intl.NumberFormat(language.value, { style: 'percent', maximumFractionDigits: 1 }),
}));

export function count(n: number): string {
  return formats.value.whole.format(n);
}

export function percent(share: number): string {
  return formats.value.percent.format(Number.isFinite(share) ? share : 0);
}

/** Units of 1024; Intl knows none of them by their right names. */
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes with three digits: 1.5 MiB. */
export function bytes(n: number): string {
  let unit = 0;
  let value = Math.abs(n);
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const { whole, short } = formats.value;
  const text = value >= 1000 || unit === 0 ? whole.format(value) : short.format(value);
  return `${n < 0 ? '−' : ''}${text} ${BYTE_UNITS[unit]}`;
}

const TIME_UNITS = [
  { from: 60e9, unit: 'minute', ns: 60e9 },
  { from: 1e9, unit: 'second', ns: 1e9 },
  { from: 1e6, unit: 'millisecond', ns: 1e6 },
  { from: 1e3, unit: 'microsecond', ns: 1e3 },
  { from: 0, unit: 'nanosecond', ns: 1 },
] as const;

/** Nanoseconds with three digits, in the unit that suits. */
export function duration(ns: number): string {
  const { unit, ns: size } = TIME_UNITS.find(({ from }) => Math.abs(ns) >= from) ?? TIME_UNITS[4];
  return new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumSignificantDigits: 3,
  }).format(ns / size);
}

/** An address as programs write it. */
export function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
