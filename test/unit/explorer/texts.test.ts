/** The explorer's texts: both languages say everything, and every step that can come has its text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import {
  bytes,
  chooseLanguage,
  count,
  DICTIONARIES,
  duration,
  fill,
  hex,
  type Key,
  LANGUAGES,
  language,
  percent,
  t,
} from '../../../src/explorer/i18n/index.ts';
import { styleKey } from '../../../src/explorer/map/colours.ts';
import { makeSandbox } from '../../../src/explorer/steps/sandbox.ts';
import { BOXES, CARD_KINDS, LESSONS, POINTS } from '../../../src/observe/steps.ts';
import { PAGE_STATES } from '../../../src/serve/explorer/protocol.ts';

const keys = Object.keys(DICTIONARIES.en) as Key[];
const places = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

afterEach(() => {
  language.value = 'en';
});

describe.each(LANGUAGES.filter((l) => l !== 'en'))('%s', (other) => {
  test('has the same texts', () => {
    expect(Object.keys(DICTIONARIES[other]).sort()).toEqual([...keys].sort());
  });

  test('has the same places in them, and leaves none empty', () => {
    for (const key of keys) {
      expect([key, ...places(DICTIONARIES[other][key])]).toEqual([key, ...places(DICTIONARIES.en[key])]);
      expect(DICTIONARIES[other][key].trim(), key).not.toBe('');
    }
  });
});

test('Chinese is Chinese: what is the same in both languages is names', () => {
  const same = keys.filter((key) => DICTIONARIES['zh-CN'][key] === DICTIONARIES.en[key]);
  expect(
    same.filter(
      (key) =>
        !/^(?:span\.f\.|steps\.(?:box|malloc|free|card)|threads\.(?:node|span)|pages\.(?:arena|col\.span))/.test(key),
    ),
  ).toEqual([]);
});

test('every step of every lesson has its text, with all that the text speaks of', () => {
  for (const { id, maxBytes, run } of LESSONS) {
    expect(keys).toContain(`lesson.${id}`);
    for (const step of run(makeSandbox(maxBytes)).steps) {
      const text = DICTIONARIES.en[`step.${step.text}` as Key];
      expect(text, `step.${step.text}`).toBeDefined();
      for (const place of places(text)) {
        expect(Object.keys(step.params), `${id}: step.${step.text}`).toContain(place.slice(1, -1));
      }
    }
  }
});

test('every point, box, card and state has its text', () => {
  for (const { text } of Object.values(POINTS)) expect(keys).toContain(`step.${text}`);
  for (const box of BOXES) expect(keys).toContain(`steps.box.${box}`);
  for (const kind of CARD_KINDS) expect(keys).toContain(`steps.card.${kind}`);
  for (const state of PAGE_STATES.keys()) expect(keys).toContain(styleKey(state));
});

test('every text is used somewhere', () => {
  const src = fileURLToPath(new URL('../../../src', import.meta.url));
  let source = '';
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (/^(?:explorer|observe.steps)/.test(file) && /\.tsx?$/.test(file) && !/i18n.(?:en|zh)/.test(file)) {
      source += readFileSync(join(src, file), 'utf8');
    }
  }
  const made = /^(?:lesson|step|nav|status|phase|app\.theme|pages\.colour|steps\.box|steps\.card|object\.typeFrom)\./;
  const unused = keys.filter((key) => !made.test(key) && !source.includes(`'${key}'`));
  expect(unused).toEqual([]);
  const steps = keys.filter((key) => key.startsWith('step.') && !source.includes(`'${key.slice(5)}'`));
  expect(steps).toEqual([]);
});

test('the language is the first of the browser’s that there is', () => {
  expect(chooseLanguage(['zh-TW', 'en'])).toBe('zh-CN');
  expect(chooseLanguage(['de-DE', 'en-GB', 'zh'])).toBe('en');
  expect(chooseLanguage(['fr'])).toBe('en');
  expect(chooseLanguage([])).toBe('en');
});

test('places are filled, with numbers as the language writes them; others stay', () => {
  expect(fill('{a} and {b}', { a: 1 })).toBe('1 and {b}');
  expect(t('overview.span.minutes', { n: 12345 })).toBe('12,345 min');
  language.value = 'zh-CN';
  expect(t('overview.span.minutes', { n: 2 })).toBe('2 分钟');
});

test('numbers and units', () => {
  expect([0, 1023, 1024, 1536, 1 << 20, 1.25 * 2 ** 30, -2048].map(bytes)).toEqual([
    '0 B',
    '1,023 B',
    '1 KiB',
    '1.5 KiB',
    '1 MiB',
    '1.25 GiB',
    '−2 KiB',
  ]);
  expect([12, 4500, 2.5e6, 3e9, 120e9].map(duration)).toEqual(['12 ns', '4.5 μs', '2.5 ms', '3 sec', '2 min']);
  expect(percent(0.1234)).toBe('12.3%');
  expect(percent(Number.NaN)).toBe('0%');
  expect(count(131072)).toBe('131,072');
  expect(hex(0x2000)).toBe('0x2000');
});
