/** The program as it is installed, on snapshots of a heap with a leak: dist/cli.js in a process of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InspectOutcome } from '../../../../src/cli/inspect/outcome.ts';
import { createHeap, map, ref, slice, string, struct } from '../../../../src/index.ts';
import { writeSnapshotSync } from '../../../../src/serve/snapshot-file.ts';
import { readDevToolsFile } from '../../../support/devtools-check.ts';

const PROGRAM = fileURLToPath(new URL('../../../../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'spanheap-inspect-'));
const path = (name: string): string => join(folder, name);
const [FIRST, SECOND, THIRD] = ['first', 'second', 'third'].map((name) => path(`${name}.sphsnap`)) as [
  string,
  string,
  string,
];

const Page = struct('Page', { url: string });
const Session = struct('Session', { user: string, pages: slice(ref(Page)) });

/** Addresses of sessions that stay. */
const kept: string[] = [];

beforeAll(() => {
  const heap = createHeap({ maxBytes: 64 << 20, shared: false });
  heap.scope(() => {
    const sessions = heap.new(map(string, ref(Session)));
    const history = heap.new(slice(ref(Page)));
    heap.roots.set('sessions', sessions);
    heap.roots.set('history', history);
    const visit = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const session = heap.new(Session, { user: `user ${i}` });
        const page = heap.new(Page, { url: `/pages/${i % 10}` });
        session.pages.push(page);
        history.push(page);
        sessions.set(`session of user ${i}`, session);
        if (i === 7) kept.push(`0x${heap.addressOf(session).toString(16)}`);
      }
    };
    const end = (from: number, to: number): void => {
      for (let i = from; i < to; i++) sessions.delete(`session of user ${i}`);
    };
    heap.scope(() => visit(0, 1000));
    writeSnapshotSync(heap, FIRST);
    heap.scope(() => visit(1000, 2000));
    writeSnapshotSync(heap, SECOND);
    end(500, 2000);
    heap.scope(() => visit(2000, 2100));
    writeSnapshotSync(heap, THIRD);
    writeSnapshotSync(heap, `${FIRST}.gz`);
  });
  heap.detach();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inspect(...args: string[]): { code: number | null; out: string; err: string } {
  const options = { encoding: 'utf8', timeout: 60_000, cwd: folder } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'inspect', ...args], options);
  return { code: status, out: stdout, err: stderr };
}

function outcomeOf(...args: string[]): InspectOutcome {
  const { code, out, err } = inspect(...args, '--json', '-');
  expect(err.replaceAll('\n', ' ')).toContain('objects');
  expect(code, err).toBe(0);
  return JSON.parse(out);
}

describe('what is in the heap', () => {
  test('at a glance', () => {
    const { code, out, err } = inspect(FIRST);
    expect([code, err]).toEqual([0, '']);
    for (const title of ['Types', 'Biggest by retained size', 'Biggest by own size', 'Roots']) {
      expect(out).toMatch(new RegExp(`^${title}`, 'm'));
    }
    expect(out).toMatch(/^ {2}Session +1,000 /m);
    expect(out).toContain('local references of thread 1');
  });

  test('as JSON: what is counted adds up', () => {
    const { summary, overview } = outcomeOf(FIRST);
    const types = overview?.types ?? [];
    expect(types.reduce((n, t) => n + t.objects, 0)).toBe(summary.objects);
    expect(types.reduce((n, t) => n + t.bytes, 0)).toBe(summary.bytes);
    const count = (type: string): number | undefined => types.find((t) => t.type === type)?.objects;
    expect([count('Session'), count('Page')]).toEqual([1000, 1000]);
    const roots = overview?.roots;
    const held = (roots?.roots ?? []).reduce((n, r) => n + r.retainedBytes, 0) + (roots?.sharedBytes ?? 0);
    expect(held).toBe(summary.bytes - summary.unreachableBytes);
  });

  test('compressed, too; and as comma-separated values', () => {
    expect(outcomeOf(`${FIRST}.gz`).overview?.types.find((t) => t.type === 'Page')?.objects).toBe(2100);
    const { code, out } = inspect(FIRST, '--csv');
    expect(code).toBe(0);
    expect(out).toMatch(/^type,objects,bytes,retained bytes,.*\r\n/);
    expect(out).toMatch(/^Session,1000,/m);
  });

  test('without what threads hold for the moment', () => {
    const roots = (...args: string[]) => outcomeOf(FIRST, '--roots', ...args).roots?.roots.map(({ root }) => root);
    expect(roots()).toContain('local references of thread 1');
    expect(roots('--named-roots')?.sort()).toEqual(['root "history"', 'root "sessions"']);
    const { overview } = outcomeOf(FIRST, '--named-roots');
    // The pages hang on both, the history's array on one.
    expect(overview?.roots.sharedBytes).toBeGreaterThan(0);
    for (const { retainedBytes } of overview?.roots.roots ?? []) expect(retainedBytes).toBeGreaterThan(0);
  });
});

describe('who keeps an object alive', () => {
  test('by its key in a map', () => {
    const { path: found } = outcomeOf(FIRST, '--named-roots', '--path', kept[0]!);
    expect(found?.paths).toHaveLength(1);
    const steps = found?.paths[0] ?? [];
    expect(steps[0]?.place).toBe('root "sessions"');
    expect(steps.at(-1)).toMatchObject({
      place: '["session of user 7"]',
      object: { type: 'Session', address: kept[0] },
    });
    const { out } = inspect(FIRST, '--named-roots', '--path', kept[0]!);
    expect(out).toMatch(/^ {2}\["session of user 7"\] +Session +0x/m);
  });

  test('an object with its fields and its place among others', () => {
    const { object } = outcomeOf(FIRST, '--named-roots', '--object', kept[0]!);
    expect(object?.value).toEqual([
      { place: '.user', type: 'string', value: '"user 7"' },
      expect.objectContaining({ place: '.pages', type: 'slice(ref(Page))' }),
    ]);
    expect(object?.pointers.map(({ place }) => place)).toEqual(['.user', '.pages']);
    expect(object?.dominators.at(-1)).toMatchObject({ root: 'root "sessions"' });
    const text = object?.pointers[0]?.object.address as string;
    expect(outcomeOf(FIRST, '--object', text).object?.value?.[0]?.value).toBe('"user 7"');
    // Inside of it, and in decimal.
    expect(outcomeOf(FIRST, '--object', String(Number(kept[0]) + 4)).object).toMatchObject({ offset: 4 });
  });

  test('retainers, a type', () => {
    expect(outcomeOf(FIRST, '--retainers', kept[0]!).retainers?.count).toBe(1);
    const { type } = outcomeOf(FIRST, '--type', 'Page', '--named-roots');
    expect(type?.total.objects).toBe(1000);
    expect(type?.heldBy).toEqual([{ place: 'slice(ref(Page)) elements[…]', pointers: 2000 }]);
  });

  test('sizes and duplicate strings', () => {
    const { sizes, strings } = outcomeOf(FIRST, '--sizes', '--strings', '--top', '3');
    expect(sizes?.length).toBeGreaterThan(3);
    expect(strings?.duplicates[0]).toMatchObject({ text: expect.stringMatching(/^\/pages\/\d$/), copies: 100 });
    expect(strings?.duplicates).toHaveLength(3);
  });
});

describe('what has changed', () => {
  test('since an older snapshot', () => {
    const { diff } = outcomeOf(SECOND, '--diff', FIRST, '--named-roots', '--top', '3');
    const page = diff?.types.find((t) => t.name === 'Page');
    expect(page).toMatchObject({ count: 2000, countChange: 1000, newCount: 1000, goneCount: 0 });
    // Pages hang on sessions and on the history: on none alone.
    const held = diff?.held.find((line) => line.type === 'Page');
    expect(held).toMatchObject({ heldBy: 'slice(ref(Page)) elements[…]', objects: 1000 });
  });

  test('three snapshots show the leak: what came between the first two and is still there', () => {
    const { diff } = outcomeOf(THIRD, '--diff', FIRST, '--middle', SECOND, '--named-roots');
    const newOf = (name: string): number | undefined => diff?.types.find((t) => t.name === name)?.newCount;
    // Of the second thousand no session is left, all pages are: the history holds them.
    expect(newOf('Session') ?? 0).toBeLessThanOrEqual(100);
    expect(newOf('Page')).toBe(1000);
  });
});

test('a file for DevTools, by the rules of the format, with texts', () => {
  const output = path('first.heapsnapshot');
  expect(inspect(FIRST, '--heapsnapshot', output, '--roots').code).toBe(0);
  const nodes = readDevToolsFile(readFileSync(output, 'utf8'));
  expect(nodes.filter(({ name }) => name === 'Session')).toHaveLength(1000);
  const session = nodes.find(({ id }) => id === Number(kept[0]));
  expect(session?.edges.map(({ name, to }) => [name, nodes[to]?.type])).toEqual([
    ['user', 'string'],
    ['pages', 'object'],
  ]);
  expect(nodes[session?.edges[0]?.to ?? 0]).toMatchObject({ type: 'string', name: 'user 7' });
  expect(readdirSync(folder).filter((name) => name.includes('part'))).toEqual([]);
});

test('a comparison with a snapshot of another heap is warned of, in one line', () => {
  writeSnapshotSync(createHeap({ maxBytes: 2 ** 20, background: false }), path('other'));
  const { code, err } = inspect(FIRST, '--diff', 'other');
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringMatching(
      /^spanheap: warning: other is of another heap: objects of two have addresses in common by chance\n$/,
    ),
  });
  expect(inspect(SECOND, '--diff', FIRST).err).toBe('');
});

describe('bad input is told in one line', () => {
  const fails = (code: number, args: string[], message: RegExp | string): void => {
    const got = inspect(...args);
    expect(got.err.trimEnd().split('\n')).toHaveLength(1);
    expect(got.err).toMatch(message);
    expect([got.code, got.out]).toEqual([code, '']);
  };

  test('files', () => {
    fails(1, ['nope.sphsnap'], 'spanheap: nope.sphsnap: no such file');
    fails(1, ['.'], /spanheap: \.: /);
    writeFileSync(path('text'), 'hello, world');
    fails(1, ['text'], 'spanheap: text: this is no heap snapshot');
    writeFileSync(path('empty'), '');
    fails(1, ['empty'], 'spanheap: empty: this is no heap snapshot: it is empty');
    copyFileSync(FIRST, path('cut'));
    truncateSync(path('cut'), 100_000);
    fails(1, ['cut'], /spanheap: cut: the snapshot is cut off/);
    fails(1, [FIRST, '--diff', 'cut'], /spanheap: cut: the snapshot is cut off/);
    const bytes = readFileSync(FIRST);
    bytes[bytes.length >>> 1]! ^= 1;
    writeFileSync(path('damaged'), bytes);
    fails(1, ['damaged'], /spanheap: damaged: the snapshot is damaged at byte/);
    execFileSync('mkfifo', [path('pipe')]);
    fails(1, ['pipe'], 'spanheap: pipe: is a pipe: a snapshot is read at random, save it to a file first');
  });

  test('addresses, types, counts', () => {
    fails(1, [FIRST, '--object', '0x10'], /no object at 0x10: the first object is /);
    fails(1, [FIRST, '--path', '0xfffffff0'], /no object at 0xfffffff0: the last object is /);
    fails(2, [FIRST, '--retainers', 'zebra'], /--retainers: "zebra" is not an address/);
    fails(1, [FIRST, '--type', 'Sesion'], /no type "Sesion"; like it are "Session"/);
    fails(2, [FIRST, '--top', '0'], /--top: "0" is not a whole number from 1/);
    fails(2, [FIRST, '--middle', SECOND], '--middle needs --diff');
    fails(2, [FIRST, '--csv', '--json', 'x.json'], /cannot be used with/);
    fails(2, [FIRST, '--csv', '--roots', '--sizes'], '--csv prints one table: choose one of --roots, --sizes');
    fails(2, [FIRST, SECOND], /too many arguments/);
  });

  test('outputs', () => {
    fails(2, [FIRST, '--json', FIRST], /is one of the snapshots/);
    fails(2, [FIRST, '--diff', SECOND, '--heapsnapshot', SECOND], /is one of the snapshots/);
    fails(2, [FIRST, '--json', 'x', '--heapsnapshot', 'x'], '--json and --heapsnapshot name the same file');
    fails(2, [FIRST, '--heapsnapshot', '-'], '--heapsnapshot needs the name of a file');
    fails(1, [FIRST, '--heapsnapshot', path('no/such/folder')], /cannot be written \(no such directory\)/);
    fails(1, [FIRST, '--json', folder], /is a directory/);
  });
});

test('help names every option', () => {
  const { out } = inspect('--help');
  expect(out).toContain('(default: 10; of --path 3 ways)');
  const options = ['top', 'type', 'object', 'path', 'retainers', 'roots', 'named-roots', 'sizes', 'strings'];
  for (const option of [...options, 'diff', 'middle', 'json', 'heapsnapshot', 'csv'])
    expect(out).toContain(`--${option}`);
});
