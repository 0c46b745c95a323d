/** The program as it is installed: dist/cli.js in a process of its own, on real recordings and on bad ones. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readRecording } from '../../../src/cli/replay/formats/read.ts';
import type { ReplayOutcome } from '../../../src/cli/replay/outcome.ts';
import { tempPath, trace, writeTemp } from './recordings.ts';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const sample = (name: string): string => fileURLToPath(new URL(`../../../samples/${name}`, import.meta.url));
const GIT = sample('git-log-head.trace.gz');

function spanheap(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, out: stdout, err: stderr };
}

function outcomeOf(...args: string[]): ReplayOutcome {
  const { code, out, err } = spanheap('replay', ...args, '--json', '-');
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return JSON.parse(out);
}

function expectToAddUp(outcome: ReplayOutcome): void {
  const b = outcome.breakdown;
  expect(b.liveBytes + b.roundingBytes + b.deferredBytes + b.freeSlotBytes + b.tailBytes).toBe(b.heapBytes);
  expect(b.heapBytes + b.freePageBytes + b.metadataBytes).toBe(b.totalBytes);
  for (const bytes of Object.values(b)) expect(bytes).toBeGreaterThanOrEqual(0);
  const sum = (figure: (c: ReplayOutcome['classes'][number]) => number): number =>
    outcome.classes.reduce((total, c) => total + figure(c), 0);
  expect(sum((c) => c.spanBytes)).toBe(b.heapBytes);
  expect(sum((c) => c.liveBytes)).toBe(b.liveBytes);
  expect(sum((c) => c.roundingBytes)).toBe(b.roundingBytes);
  expect(sum((c) => c.freeSlotBytes)).toBe(b.freeSlotBytes);
  expect(sum((c) => c.tailBytes)).toBe(b.tailBytes);
  for (const c of outcome.classes) {
    expect(c.liveBytes + c.roundingBytes + c.deferredBytes + c.freeSlotBytes + c.tailBytes).toBe(c.spanBytes);
    expect(c.roundingBytes).toBeGreaterThanOrEqual(0);
    expect(c.deferredBytes).toBeGreaterThanOrEqual(0);
    if (outcome.threads === 1) expect(c.deferredBytes).toBe(0);
  }
}

describe('a recording that is good', () => {
  test.each([1, 2, 4])('on %d threads, verified', (threads) => {
    const outcome = outcomeOf(GIT, '--threads', String(threads), '--verify');
    expect(outcome).toMatchObject({
      format: 'spanheap-trace',
      events: 120_000,
      threads,
      verified: true,
      errors: 0,
      mistakes: [],
      sizeClasses: 'go1.16',
      maxBytes: 1 << 30,
    });
    expect(outcome.peakLiveBytes).toBe(15_889_962);
    expect(outcome.fragmentation).toBe(outcome.peakHeapBytes / outcome.peakLiveBytes);
    expect(outcome.eventsPerSecond).toBeCloseTo(outcome.events / outcome.seconds, 3);
    expect(outcome.peakHeapBytes).toBeGreaterThan(outcome.peakLiveBytes);
    expect(outcome.metadataBytes).toBeGreaterThan(0);
    expect(outcome.breakdown.heapBytes / outcome.peakHeapBytes).toBeGreaterThan(0.95);
    expectToAddUp(outcome);
  });

  test('every allocation is in a class, and the curves are the recording’s', async () => {
    const outcome = outcomeOf(GIT, '--size-classes', 'go1.14', '--max-bytes', '64MiB');
    const recording = await readRecording(GIT);
    expect(outcome.sizeClasses).toBe('go1.14');
    expect(outcome.maxBytes).toBe(64 << 20);
    const allocations = outcome.classes.reduce((sum, c) => sum + c.allocations, 0);
    expect(allocations).toBe(recording.sizes.filter((size) => size > 0).length);
    expect(allocations + outcome.zeroSizeAllocations).toBe(recording.objects);
    expect(outcome).toMatchObject({ verified: false, errors: 0, mistakes: [], survivorsChecked: 0 });
    expect(outcome.classes.some((c) => c.size === 24)).toBe(false);
    const { events, liveBytes, heapBytes, seconds, releasedBytes } = outcome.curves;
    expect(events.length).toBeGreaterThan(299);
    for (const column of [liveBytes, heapBytes, seconds, releasedBytes]) expect(column).toHaveLength(events.length);
    expect(Math.max(...liveBytes)).toBe(recording.peakLiveBytes);
    expect(events.at(-1)).toBe(120_000);
  });

  test.each(['sed.mtrace.gz', 'find.heaptrack.gz'])('%s on 3 threads, verified', (name) => {
    const outcome = outcomeOf(sample(name), '--threads', '3', '--verify');
    expect(outcome.errors).toBe(0);
    expectToAddUp(outcome);
  });

  test('objects without bytes, resizes to and from nothing, on 1 and 2 threads', () => {
    const file = writeTemp(
      trace('a 1 0 0', 'r 1 2 100 0', 'r 2 3 0 1', 'c 4 0 1', 'f 3 0', 'r 4 5 40000 0', 'f 5 1', 'a 6 0 0'),
    );
    for (const threads of ['1', '2']) {
      const outcome = outcomeOf(file, '--verify', '--threads', threads);
      expect(outcome).toMatchObject({
        events: 8,
        errors: 0,
        peakLiveBytes: 40_000,
        zeroSizeAllocations: 4,
        objects: 6,
      });
      expect(outcome.classes.reduce((sum, c) => sum + c.allocations, 0)).toBe(2);
    }
    const nothing = outcomeOf(writeTemp(trace('a 1 0 0')));
    expect(nothing).toMatchObject({ peakLiveBytes: 0, fragmentation: null, zeroSizeAllocations: 1, classes: [] });
  });

  test('what a recorded thread frees for another is freed there', () => {
    const lines: string[] = [];
    for (let i = 1; i <= 20_000; i++) {
      lines.push(`a ${i} ${1 + (i % 3000)} 1`);
      if (i > 50) lines.push(`f ${i - 50} ${i % 2 === 0 ? 2 : 3}`);
    }
    const outcome = outcomeOf(writeTemp(trace(...lines)), '--threads', '3', '--verify');
    expect(outcome).toMatchObject({ distribution: 'by-thread', recordedThreads: 3, errors: 0, survivorsChecked: 50 });
    expectToAddUp(outcome);
  });

  test('more threads than objects', () => {
    expect(outcomeOf(writeTemp(trace('a 1 16 0', 'f 1 0')), '--threads', '8', '--verify').errors).toBe(0);
  });

  test('several recordings: a report each, JSON as an array, one page', () => {
    const json = tempPath('several.json');
    const html = tempPath('several.html');
    const { code, out, err } = spanheap(
      'replay',
      sample('sed.mtrace.gz'),
      sample('find.heaptrack.gz'),
      '--json',
      json,
      '--html',
      html,
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('mtrace, 1,804 events');
    expect(out).toContain('heaptrack, 1,426 events');
    expect(out).not.toContain('\x1b');
    const outcomes = JSON.parse(readFileSync(json, 'utf8')) as ReplayOutcome[];
    expect(outcomes.map((outcome) => outcome.events)).toEqual([1804, 1426]);
    const page = readFileSync(html, 'utf8');
    expect(page.match(/<article/g)).toHaveLength(2);
    expect(page).toContain('uPlot');
    expect(page).not.toMatch(/(src|href)="?http/);
  });

  test('with --json - standard output is JSON alone, the report goes to stderr', () => {
    const { out, err } = spanheap('replay', sample('sed.mtrace.gz'), '--json', '-');
    expect(() => JSON.parse(out)).not.toThrow();
    expect(err).toContain('Where the memory was');
  });
});

describe('threads that drift apart', () => {
  const large = (n: number, thread: (i: number) => number): string[] =>
    Array.from({ length: n }, (_, i) => [`a ${i + 1} 614400 ${thread(i)}`, `f ${i + 1} ${thread(i)}`]).flat();

  test.each([
    ['of one thread', () => 0],
    ['of two threads in turn', (i: number) => i % 2],
  ])('large objects %s that are never live together', (_, thread) => {
    const file = writeTemp(trace(...large(400, thread)));
    for (const maxBytes of ['1MiB', '1GiB']) {
      for (const threads of ['1', '2', '3']) {
        const outcome = outcomeOf(file, '--max-bytes', maxBytes, '--threads', threads);
        expect(outcome).toMatchObject({ peakLiveBytes: 614_400, peakHeapBytes: 614_400 });
      }
    }
  });

  test.each(['512KiB', '1MiB'])(
    'a heap just large enough for 8 threads with a few small objects each, %s',
    (maxBytes) => {
      const lines: string[] = [];
      for (let i = 1; i <= 20_000; i++) {
        lines.push(`a ${i} ${[256, 64, 1000][i % 3]} ${i % 8}`);
        if (i > 100) lines.push(`f ${i - 100} ${(i - 100) % 8}`);
      }
      const outcome = outcomeOf(writeTemp(trace(...lines)), '--max-bytes', maxBytes, '--threads', '8', '--verify');
      expect(outcome).toMatchObject({ threads: 8, errors: 0 });
    },
  );
});

describe('a heap that is too small', () => {
  test.each(['1', '2'])(
    'on %s threads: what was asked, what is in use, the limit; the heap is intact; no files',
    (threads) => {
      const json = tempPath(`small-${threads}.json`);
      const { code, out, err } = spanheap('replay', GIT, '--max-bytes', '8MiB', '--threads', threads, '--json', json);
      expect(code).toBe(1);
      expect(out).toBe('');
      expect(err).toMatch(
        /^spanheap: .*git-log-head\.trace\.gz: event [\d,]+ of 120,000, (allocating|resizing).* object \d+: /,
      );
      expect(err).toMatch(
        /out of memory: cannot allocate \d+-byte block \(\d+ in use, limit 8388608(, largest free piece \d+)?\)/,
      );
      expect(err).toContain('the heap is intact');
      expect(existsSync(json)).toBe(false);
    },
  );

  test('too small for any heap', () => {
    const { code, out, err } = spanheap('replay', GIT, '--max-bytes', '16KiB');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: /);
    expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
});

describe('a recording that is bad', () => {
  const whole = gzipSync(trace(...Array.from({ length: 20_000 }, (_, i) => `a ${i + 1} ${(i * 7919) % 5000} 0`)));
  test.each([
    ['an unknown line', trace('a 1 1 0', 'what?'), /:3: unknown line "what\?"$/],
    ['an ID used twice', trace('a 1 1 0', 'a 1 1 0'), /:3: ID 1 is used twice/],
    ['a free of nothing', trace('a 1 1 0', 'f 2 0'), /:3: free of 2, which is not live/],
    ['no events', trace(), /:1: no events$/],
    ['cut-off gzip', whole.subarray(0, 9000), /:\d+: the compressed data ends early/],
  ])('%s: one line, exit code 1, no report', (_, content, message) => {
    const json = tempPath('bad.json');
    const { code, out, err } = spanheap('replay', sample('sed.mtrace.gz'), writeTemp(content), '--json', json);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: [^\n]+\n$/);
    expect(err.trimEnd()).toMatch(message);
    expect(existsSync(json)).toBe(false);
  });

  test('no file', () => {
    expect(spanheap('replay', tempPath('none'))).toMatchObject({ code: 1, out: '' });
    expect(spanheap('replay', tempPath('none')).err).toMatch(/^spanheap: .*none: no such file\n$/);
  });
});

describe('the command line', () => {
  test.each([
    [['replay'], "missing required argument 'file'"],
    [['replay', GIT, '--threads', '0'], '--threads: "0" is not a whole number from 1 to 64'],
    [['replay', GIT, '--max-bytes', '64MB'], '--max-bytes: "64MB" is not a size'],
    [
      ['replay', GIT, '--max-bytes', '5GiB'],
      '--max-bytes: "5GiB" is not a size that a heap can have, from 16KiB to 4GiB',
    ],
    [['replay', GIT, '--size-classes', 'go1.3'], 'Allowed choices are go1.14, go1.16'],
    [['replay', GIT, '--fast'], "unknown option '--fast'"],
    [['replay', GIT, '--json', GIT], 'is one of the recordings'],
    [['replay', GIT, '--html', '-'], '--html needs the name of a file'],
    [['play', GIT], "unknown command 'play'"],
    [['help', 'play'], 'unknown command "play"'],
    [['replay', GIT, '--host', '::1'], '--host needs --explore'],
  ])('%j', (args, message) => {
    const { code, out, err } = spanheap(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^spanheap: /);
    expect(err).toContain(message);
  });

  test('a result with no place to go is noticed before the work', () => {
    const { code, err } = spanheap('replay', GIT, '--json', tempPath('no/such/folder.json'));
    expect(code).toBe(1);
    expect(err).toMatch(/^spanheap: .*folder\.json: cannot be written \(no such directory\)\n$/);
  });

  test('help and version', () => {
    expect(spanheap('--version').out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(spanheap('--help')).toMatchObject({ code: 0, err: '' });
    expect(spanheap('help')).toEqual(spanheap('--help'));
    expect(spanheap('help', 'replay')).toEqual(spanheap('replay', '--help'));
    const { code, out } = spanheap('replay', '--help');
    expect(code).toBe(0);
    expect(out).toContain('Examples:');
    for (const option of ['--threads', '--max-bytes', '--size-classes', '--verify', '--json', '--html']) {
      expect(out).toContain(option);
    }
    expect(spanheap().code).toBe(2);
  });
});
