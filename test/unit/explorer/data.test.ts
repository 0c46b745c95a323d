/** What the page makes of addresses, samples and cycles. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { joined, KEPT } from '../../../src/explorer/data/connection.ts';
import { linkTo, parseAddress, parseRoute } from '../../../src/explorer/data/route.ts';
import { bandsOf, costs, rates } from '../../../src/explorer/parts/series.ts';
import type { ViewSample } from '../../../src/serve/explorer/protocol.ts';

test('routes', () => {
  expect(parseRoute('#/object/0x2000')).toEqual({ view: 'object', argument: '0x2000' });
  expect(parseRoute('#/span/12')).toEqual({ view: 'span', argument: '12' });
  expect(parseRoute('#/steps')).toEqual({ view: 'steps', argument: '' });
  for (const hash of ['', '#', '#/', '#/nothing/1', '#main', '#/__proto__', '#/constructor']) {
    expect(parseRoute(hash), hash).toEqual({ view: 'overview', argument: '' });
  }
  expect(parseRoute('#/object/%ff')).toEqual({ view: 'object', argument: '' });
  expect(parseRoute(linkTo('object', 'a/b <i>'))).toEqual({ view: 'object', argument: 'a/b <i>' });
});

test('addresses', () => {
  expect(parseAddress(' 8192 ')).toBe(8192);
  expect(parseAddress('0x2000')).toBe(8192);
  expect(parseAddress('0XFFFFFFFF')).toBe(2 ** 32 - 1);
  for (const bad of ['', '0x', '-1', '1.5', '4294967296', '0x100000000', '12a', '1e3', 'NaN', '<b>']) {
    expect(parseAddress(bad), bad).toBeNull();
  }
});

test('what comes twice is kept once, and only the last are kept', () => {
  const key = (n: number): number => n;
  expect(joined([1, 2, 3], [4, 5], key)).toEqual([1, 2, 3, 4, 5]);
  expect(joined([1, 2, 3], [2, 3, 4], key)).toEqual([1, 2, 3, 4]);
  expect(joined([], [7], key)).toEqual([7]);
  const old = [1, 2];
  expect(joined(old, [], key)).toBe(old);
  const many = Array.from({ length: KEPT }, (_, i) => i);
  const more = joined(many, [KEPT], key);
  expect([more.length, more[0], more.at(-1)]).toEqual([KEPT, 1, KEPT]);
});

const sample = (at: number, allocatedBytes: number, markNs = 0): ViewSample =>
  ({ at, allocatedBytes, freedBytes: 0, markNs, assistNs: 0, sweepNs: 0 }) as ViewSample;

test('rates are taken over a second', () => {
  const samples = [0, 250, 500, 750, 1000, 1250, 1500].map((at, i) => sample(at, i * 1000));
  const { allocated, freed } = rates(samples);
  expect(allocated).toEqual([null, 4000, 4000, 4000, 4000, 4000, 4000]);
  expect(freed.slice(1).every((rate) => rate === 0)).toBe(true);
  // A burst is spread over the second after it, and no longer.
  const burst = rates([sample(0, 0), sample(500, 1000), sample(1000, 1000), sample(1500, 1000), sample(2000, 1000)]);
  expect(burst.allocated).toEqual([null, 2000, 1000, 0, 0]);
});

test('a counter that goes back, or a clock that stands, gives no rate below 0 and none without end', () => {
  expect(rates([sample(0, 500), sample(100, 100)]).allocated).toEqual([null, 0]);
  expect(rates([sample(5, 0), sample(5, 100)]).allocated).toEqual([null, null]);
});

test('CPU time as a share of one CPU', () => {
  expect(costs([sample(0, 0, 0), sample(1000, 0, 250e6)]).mark).toEqual([null, 0.25]);
});

test('a cycle is two stops and the mark between them', () => {
  expect(bandsOf([{ at: 2e9, sweepTermination: 1e8, mark: 5e8, markTermination: 2e8 }])).toEqual([
    { kind: 'mark', from: 2.1, to: 2.6 },
    { kind: 'stop', from: 2, to: 2.1 },
    { kind: 'stop', from: 2.6, to: 2.8000000000000003 },
  ]);
});

/** Contrast of WCAG 2. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => {
    const [r, g, b2] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b2!;
  };
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high! + 0.05) / (low! + 0.05);
}

test.each(['light', 'dark'])('text can be read on its ground (AA), %s', (name) => {
  const css = readFileSync(fileURLToPath(new URL('../../../src/explorer/style.css', import.meta.url)), 'utf8');
  const blocks = [...css.matchAll(/:root(\[data-theme="dark"\])? \{([^}]*)\}/g)];
  const block = blocks.find((b) => (b[1] !== undefined) === (name === 'dark'))![2]!;
  const colour = (key: string): string => new RegExp(`--${key}: (#[0-9a-f]{6});`).exec(block)![1]!;
  const pairs: [string, string][] = [
    ['text', 'page'],
    ['text', 'card'],
    ['text', 'note-ground'],
    ['text', 'looked-ground'],
    ['muted', 'page'],
    ['muted', 'card'],
    ['muted', 'changed-ground'],
    ['muted', 'looked-ground'],
    ['accent', 'page'],
    ['accent', 'card'],
    ['page', 'accent'],
    ['bad', 'page'],
    ['bad', 'bad-ground'],
    ['changed', 'changed-ground'],
    ['changed', 'card'],
    ['looked', 'card'],
  ];
  for (const [text, ground] of pairs) {
    expect(contrast(colour(text), colour(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  }
});
