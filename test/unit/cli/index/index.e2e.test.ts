/** `spanheap index` as it is installed: dist/cli.js in a process of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { IndexOutcome } from '../../../../src/cli/index/outcome.ts';
import { newSeed, random } from '../../../support/random.ts';
import { folderOf, randomText } from './files.ts';

const PROGRAM = fileURLToPath(new URL('../../../../dist/cli.js', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../../../src', import.meta.url));

function spanheap(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'index', ...args], {
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { code: status, out: stdout, err: stderr };
}

function outcomeOf(...args: string[]): IndexOutcome {
  const { code, out, err } = spanheap(...args, '--json', '-');
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return JSON.parse(out);
}

/** What must be the same however many threads there were. */
function lasting(outcome: IndexOutcome): unknown {
  const { files, bytes, words, hits, longWords, postings, topWords, skipped } = outcome;
  const queries = outcome.queries.map(({ microseconds: _, ...answer }) => answer);
  return { files, bytes, words, hits, longWords, postings, topWords, skipped, queries };
}

/** Many files that have the same words: the workers meet at every one of them. */
function contendedFolder(): string {
  const r = random(newSeed('contended folder'));
  const files = Array.from({ length: 300 }, (_, i) => [`${i % 7}/${i}.txt`, randomText(r, 400)]);
  return folderOf({ ...Object.fromEntries(files), 'x.bin': '\0', long: `${'y'.repeat(200)} ok` });
}

describe('an index', () => {
  test('1, 2 and 4 threads build what plain JS builds, and the answers are the same', () => {
    const folder = contendedFolder();
    const build = (threads: string): IndexOutcome =>
      outcomeOf(folder, '--threads', threads, '--check', '--query', 'the', '--query', 'СЛОВО heap', '--query', 'w1');
    const [one, two, four] = ['1', '2', '4'].map(build);
    expect(one).toMatchObject({ threads: 1, files: 301, checked: true, longWords: 1, maxBytes: 1 << 30 });
    expect(one.check).toMatchObject({ difference: null, postings: one.postings });
    expect([two.checked, four.checked]).toEqual([true, true]);
    expect(lasting(two)).toEqual(lasting(one));
    expect(lasting(four)).toEqual(lasting(one));
    expect(one.queries.map(({ word, matches }) => [word, matches.length])).toEqual([
      ['the', 5],
      ['СЛОВО heap', 5],
      ['w1', expect.any(Number)],
    ]);
  });

  test('the figures belong together', () => {
    const outcome = outcomeOf(SOURCES, '--threads', '2', '--check');
    const { bytes, seconds, postings, heapBytes, metadataBytes } = outcome;
    expect(outcome).toMatchObject({ paths: [SOURCES], threads: 2, checked: true, skipped: [] });
    expect(outcome.files).toBeGreaterThan(100);
    expect(outcome.bytesPerSecond).toBeCloseTo(bytes / seconds, 3);
    expect(outcome.bytesPerPosting).toBeCloseTo((heapBytes + metadataBytes) / postings, 6);
    expect(outcome.hits).toBeGreaterThan(postings);
    expect(postings).toBeGreaterThan(outcome.words);
    expect(heapBytes).toBeGreaterThan(postings * 4);
    expect(outcome.queries).toHaveLength(3);
    for (const { word, hits, files, microseconds, matches } of outcome.queries) {
      expect(word).toMatch(/^\p{L}{4,}$/u);
      expect(hits).toBeGreaterThanOrEqual(files);
      expect(microseconds).toBeGreaterThan(0);
      expect(matches).toHaveLength(5);
      for (const { path, line } of matches) {
        expect(readFileSync(path, 'utf8').split('\n')[line - 1].toLowerCase()).toContain(word);
      }
    }
  });

  test('the report, with what was skipped; no colours in a pipe', () => {
    const binary = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`bin/${i}`, '\0']));
    const folder = folderOf({ ...binary, 'a.txt': 'one two two', latin: Buffer.from([0xe9, 0x20]) });
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { code, out, err } = spanheap(folder, '--threads', '2', '--query', 'two', '--check');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toContain('\x1b');
    expect(out).toContain('1 file, 11 B of text, 2 threads, one heap');
    expect(out).toContain('"two"  2 hits in 1 file ');
    expect(out).toContain(`  ${join(folder, 'a.txt')}:1\n`);
    expect(out).toMatch(/ check +same /);
    expect(out).toContain('Skipped 14  12 binary (NUL byte), 1 binary (not UTF-8), 1 not a regular file');
    expect(out).toContain(`  ${join(folder, 'pipe')}  not a regular file\n`);
    expect(out).toContain('… and 4 more (--json has them all)');
    expect(outcomeOf(folder).skipped).toHaveLength(14);
  });

  test('of nothing', () => {
    expect(outcomeOf(folderOf({}))).toMatchObject({
      files: 0,
      words: 0,
      postings: 0,
      queries: [],
      bytesPerPosting: null,
    });
    expect(outcomeOf(folderOf({ empty: '' }), '--check', '--query', 'x')).toMatchObject({ files: 1, checked: true });
  });

  test('a file given by itself, a result in a file', () => {
    const folder = folderOf({ 'a.txt': 'one', 'b.txt': 'two' });
    const json = join(folder, 'result.json');
    const { code, out } = spanheap(join(folder, 'b.txt'), '--json', json);
    expect(code).toBe(0);
    expect(out).toContain('1 file, 3 B of text');
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ files: 1, words: 1, postings: 1, checked: false });
  });
});

describe('the collector', () => {
  test('half is dropped, collected and indexed again; 1, 2 and 4 threads, always collecting: every posting is right', () => {
    const folder = contendedFolder();
    const [one, ...others] = ['1', '2', '4'].map((threads) =>
      outcomeOf(folder, '--threads', threads, '--drop', '50', '--check', '--gc-percent', '5', '--query', 'the'),
    );
    for (const outcome of [one, ...others]) {
      const { drop, gc, files, postings } = outcome;
      expect(outcome).toMatchObject({ checked: true, files: 301 });
      expect(drop).toMatchObject({
        percent: 50,
        files: 150,
        check: { difference: null },
        againCheck: { difference: null },
      });
      const { collection, again } = drop!;
      expect(again).toMatchObject({ files: drop!.files, bytes: drop!.bytes, postings: drop!.postings });
      expect(drop!.check!.postings).toBe(postings - drop!.postings);
      expect(drop!.againCheck!.postings).toBe(postings);
      expect(drop!.postings).toBeGreaterThan(0.4 * postings);
      expect(drop!.postings).toBeLessThan(0.6 * postings);
      expect(drop!.files).toBe(Math.floor(files / 2));
      expect(collection.freedObjects).toBeGreaterThan(drop!.words);
      expect(collection.before.objects - collection.after.objects).toBe(collection.freedObjects);
      expect(collection.before.liveBytes - collection.after.liveBytes).toBe(collection.freedBytes);
      expect(collection.markedBytes).toBe(collection.after.liveBytes);
      expect(again.heapPeak).toBeGreaterThanOrEqual(again.heapAfter);
      expect(gc).toMatchObject({ enabled: true, percent: 5, memoryLimit: null, forcedCycles: 1 });
      expect(gc.cycles).toBeGreaterThan(0);
      expect(gc.stops).toBeGreaterThanOrEqual(2 * gc.cycles);
      expect(gc.longestStop).toBeGreaterThanOrEqual(gc.medianStop);
    }
    for (const other of others) expect(lasting(other)).toEqual(lasting(one));
  });

  test('the heap is no larger after the documents were indexed again, and within its goal', () => {
    const r = random(newSeed('within its goal'));
    const texts = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}`, randomText(r, 6000)]));
    const { drop, heapBytes } = outcomeOf(folderOf(texts), '--threads', '2', '--drop', '80');
    const { again, collection } = drop!;
    expect(collection.freedBytes).toBeGreaterThan(1 << 20);
    expect(again.goalBytes).toBeGreaterThan(1 << 22);
    // Go's pacer promises 10 %, of which a busy machine may need all.
    expect(again.peakLiveBytes).toBeLessThan(1.1 * again.goalBytes!);
    expect(again.heapAfter).toBeLessThan(1.15 * heapBytes);
  });

  test('gctrace: a line for each cycle on stderr, nothing else', () => {
    const { code, out, err } = spanheap(SOURCES, '--drop', '30', '--gctrace', '--threads', '2', '--gc-percent', '20');
    expect(code).toBe(0);
    const lines = err.trimEnd().split('\n');
    const cycles = Number(/^ {2}cycles +(\d+)/m.exec(out)![1]);
    expect(lines.length).toBeGreaterThanOrEqual(cycles);
    for (const line of lines) expect(line).toMatch(/^gc \d+ @\d+\.\d{3}s \d+%: .* MB goal, .* P( \(forced\))?$/);
    expect(lines.filter((line) => line.endsWith('(forced)'))).toHaveLength(1);
    expect(new Set(lines.map((line) => line.split(' ')[1])).size).toBe(lines.length);
  });

  test('--no-gc: one cycle for what is dropped, and no goal', () => {
    const outcome = outcomeOf(contendedFolder(), '--no-gc', '--drop', '100', '--check');
    expect(outcome.gc).toMatchObject({ enabled: false, cycles: 1, forcedCycles: 1 });
    expect(outcome.drop).toMatchObject({ files: outcome.files, postings: outcome.postings });
    expect(outcome.drop!.words).toBe(outcome.words);
    expect(outcomeOf(SOURCES, '--no-gc')).toMatchObject({ drop: null, gc: { cycles: 0, stops: 0, freedObjects: 0 } });
  });

  test('a memory limit, and gcPercent off: collected because of the limit', () => {
    const outcome = outcomeOf(SOURCES, '--gc-percent', 'off', '--memory-limit', '1MiB', '--threads', '1');
    expect(outcome.gc).toMatchObject({ enabled: true, percent: -1, memoryLimit: 1 << 20 });
    expect(outcome.gc.cycles).toBeGreaterThan(0);
    expect(outcomeOf(SOURCES, '--gc-percent', 'off').gc).toMatchObject({ percent: -1, cycles: 0 });
  });

  test('nothing to drop', () => {
    expect(outcomeOf(folderOf({}), '--drop', '50', '--check')).toMatchObject({
      checked: true,
      drop: { files: 0, words: 0 },
    });
    expect(outcomeOf(folderOf({ a: 'one' }), '--drop', '50').drop).toMatchObject({ files: 0, postings: 0 });
  });
});

describe('what goes wrong', () => {
  test.each(['1', '3'])('a heap that is too small, %s threads: one line with the figures, no result', (threads) => {
    const json = join(folderOf({}), 'result.json');
    const args = ['--threads', threads, '--max-bytes', '512KiB', '--json', json];
    const { code, out, err } = spanheap(contendedFolder(), ...args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^spanheap: .*out of memory: cannot allocate \d+-byte block \(\d+ in use, limit 524288(, largest free piece \d+)?\); more memory: --max-bytes\n$/,
    );
    expect(existsSync(json)).toBe(false);
  });

  test('a heap that is too small for anything', () => {
    const { code, out, err } = spanheap(folderOf({ a: 'a' }), '--max-bytes', '16KiB');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: [^\n]+\n$/);
  });

  test('a path that does not exist', () => {
    const { code, out, err } = spanheap(SOURCES, join(folderOf({}), 'none'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: .*none: no such file or folder\n$/);
  });

  test.each([
    [[], "missing required argument 'path'"],
    [[SOURCES, '--threads', '0'], '--threads: "0" is not a whole number from 1 to 64'],
    [[SOURCES, '--max-bytes', '64MB'], '--max-bytes: "64MB" is not a size'],
    [[SOURCES, '--max-bytes', '5GiB'], '--max-bytes: "5GiB" is not a size that a heap can have, from 16KiB to 4GiB'],
    [[SOURCES, '--max-bytes', '1'], '--max-bytes: "1" is not a size that a heap can have'],
    [[SOURCES, '--query', '--'], '--query: "--" has no word in it'],
    [[SOURCES, '--query', 'ok', '--query', ''], '--query: "" has no word in it'],
    [[SOURCES, '--drop', '0'], '--drop: "0" is not a whole number from 1 to 100'],
    [[SOURCES, '--drop', '101'], '--drop: "101" is not a whole number from 1 to 100'],
    [[SOURCES, '--gc-percent', '-1'], '--gc-percent: "-1" is not a number of percent from 0 to 1000000, or off'],
    [[SOURCES, '--gc-percent', 'many'], '--gc-percent: "many" is not a number of percent'],
    [[SOURCES, '--memory-limit', '0'], '--memory-limit: "0" must be more than 0'],
    [[SOURCES, '--memory-limit', 'x'], '--memory-limit: "x" is not a size'],
    [[SOURCES, '--no-gc', '--gc-percent', '50'], "'--gc-percent <n>' cannot be used with option '--no-gc'"],
    [[SOURCES, '--no-gc', '--memory-limit', '1G'], "'--memory-limit <size>' cannot be used with option '--no-gc'"],
    [[SOURCES, '--fast'], "unknown option '--fast'"],
    [[SOURCES, '--keep'], "unknown option '--keep'\n"],
    [[SOURCES, '--port', '0'], '--port needs --explore'],
    [[SOURCES, '--interval', '100'], '--interval needs --explore'],
    [[SOURCES, '--json', SOURCES], 'is one of the files to index'],
    [[''], 'a path must not be empty'],
  ])('%j', (args, message) => {
    const { code, out, err } = spanheap(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^spanheap: [^\n]+\n$/);
    expect(err).toContain(message);
  });

  test('a result with no place to go is noticed before the work', () => {
    const { code, out, err } = spanheap(SOURCES, '--json', join(folderOf({}), 'no/such.json'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: .*such\.json: cannot be written \(no such directory\)\n$/);
  });

  test('Ctrl-C', async () => {
    const words = Array.from({ length: 200_000 }, (_, i) => `word${i}`).join(' ');
    const folder = folderOf(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}`, words])));
    const child = spawn(process.execPath, [PROGRAM, 'index', folder, '--threads', '2', '--check']);
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (said += text));
    setTimeout(() => child.kill('SIGINT'), 1000);
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on('exit', (...end) => resolve(end));
    });
    // On a machine so slow that the program has not begun after a second, the signal ends it without a word.
    if (signal === null) expect({ code, said }).toEqual({ code: 130, said: 'spanheap: interrupted\n' });
    else expect({ signal, said }).toEqual({ signal: 'SIGINT', said: '' });
  });

  test('help', () => {
    const { code, out } = spanheap('--help');
    expect(code).toBe(0);
    for (const option of [
      '--threads',
      '--max-bytes',
      '--query',
      '--check',
      '--drop',
      '--gc-percent',
      '--json',
      'Examples:',
      'Exit code:',
    ]) {
      expect(out).toContain(option);
    }
    expect(out.replace(/\s+/g, ' ')).toContain('Of several words in one all must be in a file');
  });
});
