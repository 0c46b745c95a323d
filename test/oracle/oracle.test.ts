import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatFile, formatTotal, runFile, runPath } from './run.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const SUBSET = path('./vectors');
/** All vectors, where they lie beside the project. */
const ALL = path('../../../shared/oracle');
const FORMATS = [
  'growslice',
  'heapbits',
  'memlimits',
  'pacer',
  'pagealloc',
  'pagecache',
  'pallocbits',
  'scavenge',
  'sizeclasses',
  'sizeof',
  'tiny',
];

/** For each section of each format, how to make its first case wrong. */
// biome-ignore lint/suspicious/noExplicitAny: parsed JSON, changed at will
const SPOILED: [string, (c: any) => void][] = [
  ['sizeclasses.classes', (c) => c.tailWaste++],
  ['sizeclasses.sizeRuns', (c) => c[3]++],
  ['sizeclasses.roundLarge', (c) => c[1]++],
  ['sizeclasses.objIndex', (c) => c[2]++],
  ['sizeclasses.spanClass', (c) => c[2]++],
  ['sizeclasses.constants', (c) => c.pageShift++],
  ['pallocbits.cases', (c) => c.summary[1]--],
  ['pallocbits.cases', (c) => c.mutate.push(['frees', 0, 0, c.bits])],
  ['pallocbits.findBitRange64', (c) => c[2]++],
  ['pallocbits.mergeSummaries', (c) => c.want[1]++],
  ['pagealloc.tables', (c) => c.Alloc[0].ops[0][2]++],
  ['pagealloc.tables', (c) => c.Grow[2].inUse[0][1]++],
  ['pagealloc.tables', (c) => c.Scavenge[1].ops[0][2]++],
  ['pagealloc.traces', (c) => c.ops.push(['h', '0', '0', 0])],
  ['pagealloc.traces', (c) => c.ops.push(['x'])],
  ['pagealloc.traces', (c) => c.scavAfter[0]?.push([0, 1]) ?? c.ops.push(['x'])],
  ['pagecache.cacheAlloc', (c) => c.ops[0][2]++],
  ['pagecache.flush', (c) => c.cacheAfter[0]++],
  ['pagecache.allocToCache', (c) => c.ops[0][1]++],
  ['pagecache.mixed', (c) => c.ops.push(['cacheAlloc', 0, 64, 1, 0])],
  ['scavenge.fillAligned', (c) => (c[2] = '0123456789abcdef')],
  ['scavenge.findCandidate', (c) => c.want[0]++],
  ['scavenge.scavengeIndex', (c) => c.ops.push(['find', 7])],
  ['scavenge.traces', (c) => c.ops.push(['s', 0, 8192])],
  ['pacer.testScenarios', (c) => c.steps[2].at(-1)[4]++],
  ['pacer.testScenarios', (c) => (c.steps[1].at(-1)[1] *= 1 + 2 ** -50)],
  ['pacer.testScenarios', (c) => c.steps.push(['stop', []])],
  ['pacer.randomScenarios', (c) => c.init[23]++],
  ['pacer.goals', (c) => c.out.trigger++],
  ['pacer.workers', (c) => c[4]++],
  ['pacer.piController', (c) => (c.rows[0][6] = true)],
  ['heapbits.cases', (c) => (c.mask = `0${c.mask}`)],
  ['heapbits.cases', (c) => c.offsets[0]++],
  ['heapbits.cases', (c) => (c.objects[1].spanClass ^= 1)],
  ['heapbits.cases', (c) => (c.objects[0].heapMask += '1')],
  ['growslice.bySize', (c) => c.rows[0][2]++],
  ['growslice.otherElems', (c) => c.rows[0][2]++],
  ['growslice.partial', (c) => c[4]++],
  ['tiny.sequences', (c) => c.allocs[0][2]++],
  ['memlimits.cases', (c) => (c.res = 'panic: makechan: size')],
  ['memlimits.wasm', (c) => (c.cases[0].res = 'ok')],
  ['sizeof.memStats', (c) => (c.name = 'HeapStolen')],
  ['sizeof.memStats', (c) => (c.type = 'bool')],
  ['sizeof.memStats', (c) => (c.type = 'uint32')],
  ['sizeof.metrics', (c) => (c.cumulative = !c.cumulative)],
  ['sizeof.metrics', (c) => (c.unit = 'bytes-per-second')],
  ['sizeof.metrics', (c) => (c.path += '/x')],
];

function expectAllPass(dir: string): void {
  const reports = runPath(dir);
  expect(reports.flatMap((r) => r.failures.map((f) => `${r.name} ${f.id}: ${f.detail}`))).toEqual([]);
  expect(reports.map((r) => r.name)).toEqual(FORMATS);
  for (const r of reports) expect(r.passed, r.name).toBeGreaterThan(0);
}

describe('vectors of the real Go runtime', () => {
  it('passes the subset that comes with the project', () => expectAllPass(SUBSET));

  it.skipIf(!existsSync(ALL))('passes all of them', { timeout: 60_000 }, () => expectAllPass(ALL));
});

describe('the runner', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'oracle-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const write = (name: string, text: string): string => {
    const file = join(dir, name);
    writeFileSync(file, text);
    return file;
  };
  const subset = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(SUBSET, `${name}.json`), 'utf8')) as Record<string, unknown>;
  /** What the runner says of a file with this content. */
  const failure = (name: string, content: unknown): string | undefined =>
    runFile(write(name, typeof content === 'string' ? content : JSON.stringify(content))).failures[0]?.detail;

  it('recognizes a file by its sections and its source, whatever its name', () => {
    for (const format of FORMATS) {
      const report = runFile(write('x.json', JSON.stringify(subset(format))));
      expect([format, report.failures, report.passed > 0]).toEqual([format, [], true]);
    }
    const { traces, source } = subset('pagealloc');
    expect(runFile(write('pagealloc-2.json', JSON.stringify({ traces })))).toMatchObject({ passed: 2, failures: [] });
    expect(runFile(write('y.json', JSON.stringify({ traces, source })))).toMatchObject({ passed: 2, failures: [] });
  });

  it('fails for a file that is empty, broken or unknown', () => {
    expect(failure('pagealloc.json', '')).toMatch(/JSON/);
    expect(failure('pagealloc.json', '[1]')).toBe('not an object');
    expect(failure('pagealloc.json', {})).toBe('no cases');
    expect(failure('pagealloc.json', { source: 'pageAlloc', tables: {}, traces: [] })).toBe('no cases');
    expect(failure('pagealloc.json', { ...subset('pagealloc'), more: [] })).toMatch(/^unknown format/);
    expect(failure('what.json', { cases: [] })).toMatch(/^unknown format/);
    expect(failure('tiny.json', { sequences: 7 })).toBe('section sequences is not a list');
    expect(runPath(join(dir, 'nowhere'))[0]?.failures).toHaveLength(1);
  });

  it('does not mind a byte order mark, remarks about the file or a case, and folders beside it', () => {
    const { classes, source } = subset('sizeclasses') as { classes: object[]; source: string };
    const remarked = {
      go: '1.19.8',
      seed: 7,
      checked: true,
      note: null,
      source,
      classes: [{ ...classes[0], note: 'x' }],
    };
    expect(runFile(write('z.json', `\ufeff${JSON.stringify(remarked)}`))).toMatchObject({ passed: 1, failures: [] });
    mkdirSync(join(dir, 'folder', 'inner.json'), { recursive: true });
    expect(runPath(join(dir, 'folder'))[0]?.failures).toHaveLength(1);
    write(join('folder', 'a.json'), JSON.stringify(subset('tiny')));
    expect(runPath(join(dir, 'folder'))).toMatchObject([{ name: 'a', failures: [] }]);
  });

  it('says why cases are skipped', () => {
    const metrics = [{ name: '/cgo/go-to-c-calls:calls', kind: 'uint64', cumulative: true }];
    expect(formatFile(runFile(write('sizeof.json', JSON.stringify({ metrics }))))).toEqual([
      'sizeof: 0 passed, 0 failed (1 cases skipped: they are of what a heap does not have)',
    ]);
  });

  it.each(SPOILED)('notices a wrong expectation in %s', (place, spoil) => {
    const [format, section] = place.split('.') as [string, string];
    const doc = subset(format);
    // biome-ignore lint/suspicious/noExplicitAny: parsed JSON, changed at will
    const cases = doc[section] as any;
    spoil(Array.isArray(cases) ? cases[0] : cases);
    const { failures } = runFile(write(`${format}.json`, JSON.stringify(doc)));
    expect(failures).toHaveLength(1);
  });

  it('ends with the total', () => {
    expect(formatTotal(runPath(SUBSET))).toMatch(/^\d+ passed, 0 failed$/);
  });
});
