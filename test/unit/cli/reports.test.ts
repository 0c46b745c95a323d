/** The three reports: the same figures for people, for programs and for a browser. */
import pico from 'picocolors';
import { describe, expect, test } from 'vitest';
import { escapeHtml, escapeJson, htmlTable } from '../../../src/cli/report/html.ts';
import { jsonReport } from '../../../src/cli/report/json.ts';
import { curveRows, type PageAssets, pageReport } from '../../../src/cli/report/page.ts';
import { busiestClasses, terminalReport } from '../../../src/cli/report/terminal.ts';
import { wasteChart } from '../../../src/cli/report/waste-chart.ts';
import { partsOf } from '../../../src/cli/report/wording.ts';
import { classOutcome, exampleOutcome } from './outcome.ts';

const PLAIN = pico.createColors(false);
const ASSETS: PageAssets = { uplotScript: 'UPLOT', uplotStyle: '', pageScript: 'PAGE', pageStyle: '' };

test('the parts are a sum that is read from top to bottom', () => {
  let sum = 0;
  for (const part of partsOf(exampleOutcome().breakdown)) {
    if (part.sign === '=') expect(part.bytes).toBe(sum);
    else sum += part.bytes;
  }
});

test('deferred frees are told only where there are some', () => {
  const { breakdown } = exampleOutcome();
  const names = (deferredBytes: number): string[] => partsOf({ ...breakdown, deferredBytes }).map((part) => part.name);
  expect(names(8)).toContain('deferred frees');
  expect(names(0)).not.toContain('deferred frees');
});

describe('for people', () => {
  test('says what the figures are', () => {
    const report = terminalReport(exampleOutcome(), PLAIN);
    expect(report).toContain('samples/git.trace.gz  spanheap-trace, 120,000 events, 64,113 objects, 1 thread');
    expect(report).toMatch(/events\/s +4,800,000 +0\.025 s on 2 threads \(objects dealt in turn\)/);
    expect(report).toMatch(/fragmentation +1\.100 × +peak heap ÷ peak live/);
    expect(report).toMatch(/errors +0 +every object checked, 123 of them alive at the end; heap verified/);
    expect(report).toMatch(/= +heap +1\.05 MiB +73\.8 %/);
    expect(report).toMatch(/Where the memory was at the sample with the highest heap, after event /);
    expect(report).toMatch(/large +12 +0\.0 %/);
    expect(report).not.toContain('\x1b');
  });

  test('names the errors, and how many more there were', () => {
    const report = terminalReport(exampleOutcome({ errors: 12, mistakes: ['one\n', 'two'] }), PLAIN);
    expect(report).toMatch(/errors +12 +12 errors/);
    expect(report).toContain('✗ one\\x0a\n');
    expect(report).toContain('… and 10 more');
  });

  test('colours only when it may', () => {
    expect(terminalReport(exampleOutcome(), pico.createColors(true))).toContain('\x1b[1m');
  });

  test('keeps control characters of file names to itself', () => {
    expect(terminalReport(exampleOutcome({ file: 'a\x1b[2Jb\nc' }), PLAIN)).toContain('a\\x1b[2Jb\\x0ac');
  });

  test('an unverified replay, and one of empty objects', () => {
    const report = terminalReport(
      exampleOutcome({ verified: false, fragmentation: null, peakLiveBytes: 0, classes: [] }),
      PLAIN,
    );
    expect(report).toMatch(/errors +– +contents not checked \(--verify does\)/);
    expect(report).toMatch(/fragmentation +– /);
  });

  test('the busiest classes: by allocations and by bytes, in the order of their slots', () => {
    const classes = Array.from({ length: 40 }, (_, i) => classOutcome(i + 1, (i + 1) * 8, 1000 - i, i * 1000));
    classes.push(classOutcome(0, 0, 1, 10 ** 9));
    const chosen = busiestClasses(classes);
    expect(chosen.map((c) => c.sizeClass)).toEqual([1, 2, 3, 4, 38, 39, 40, 0]);
  });
});

describe('for programs', () => {
  test('one replay is an object, several are an array', () => {
    const outcome = exampleOutcome();
    expect(JSON.parse(jsonReport([outcome]))).toEqual(outcome);
    expect(JSON.parse(jsonReport([outcome, outcome]))).toEqual([outcome, outcome]);
  });
});

describe('for a browser', () => {
  const HOSTILE = `</script><script>alert("x")</script>&'`;

  test('escaping', () => {
    expect(escapeHtml(HOSTILE)).toBe('&lt;/script&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;');
    expect(escapeJson({ HOSTILE })).not.toContain('<');
    expect(JSON.parse(escapeJson({ HOSTILE }))).toEqual({ HOSTILE });
    const table = htmlTable('<b>', [{ head: '<i>', cell: (row: string) => escapeHtml(row) }], ['<u>']);
    expect(table).not.toMatch(/<[biu]>/);
  });

  test('nothing from a recording becomes markup', () => {
    const page = pageReport([exampleOutcome({ file: `a${HOSTILE}b`, errors: 1, mistakes: [HOSTILE] })], ASSETS);
    expect(page).not.toContain('alert("x")');
    expect(page.match(/<script>/g)).toHaveLength(2);
  });

  test('is complete in itself', () => {
    const page = pageReport([exampleOutcome(), exampleOutcome({ file: 'other' })], ASSETS);
    expect(page).toContain('At the sample with the highest heap, after event ');
    expect(page).not.toMatch(/(src|href)=/);
    expect(page).toContain("default-src 'none'");
    expect(page).toContain('<script>UPLOT</script>');
    expect(page.match(/<article/g)).toHaveLength(2);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((found) => found[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const labels = [...page.matchAll(/aria-labelledby="([^"]+)"|data-curves="([^"]+)"/g)].map(
      (found) => found[1] ?? found[2],
    );
    for (const label of labels) expect(ids).toContain(label);
  });

  test('the table beside the curves has the ends and the peak', () => {
    const heapBytes = Array.from({ length: 301 }, (_, i) => (i === 137 ? 9000 : i));
    const rows = curveRows({ events: heapBytes, seconds: [], liveBytes: [], heapBytes, releasedBytes: [] });
    expect(rows[0]).toBe(0);
    expect(rows.at(-1)).toBe(300);
    expect(rows).toContain(137);
    expect(rows.length).toBeLessThan(30);
  });

  test('columns of waste stay inside the drawing and stand on each other', () => {
    const svg = wasteChart(exampleOutcome().classes);
    const rects = [
      ...svg.matchAll(/<rect class="[\w-]+" x="([\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"/g),
    ];
    expect(rects).toHaveLength(12);
    for (const [, x, y, width, height] of rects) {
      expect(Number(x) + Number(width)).toBeLessThanOrEqual(960);
      expect(Number(y)).toBeGreaterThanOrEqual(0);
      expect(Number(y) + Number(height)).toBeLessThanOrEqual(240 - 36 + 0.1);
    }
    expect(wasteChart([])).toContain('<svg');
  });
});
