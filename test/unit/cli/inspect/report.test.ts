/** The reports of `spanheap inspect`: for people, for spreadsheets; on a heap that is small enough to be checked by hand. */
import pico from 'picocolors';
import { describe, expect, test } from 'vitest';
import { totalsBySize } from '../../../../src/analyze/by-type.ts';
import { dominatorsOf } from '../../../../src/analyze/dominators.ts';
import { inspectCsv } from '../../../../src/cli/inspect/csv.ts';
import { diffOf } from '../../../../src/cli/inspect/diff-view.ts';
import { changeText, shortened } from '../../../../src/cli/inspect/layout.ts';
import type { InspectOutcome } from '../../../../src/cli/inspect/outcome.ts';
import { inspectReport } from '../../../../src/cli/inspect/report.ts';
import { findTypes, parseAddress, type Subject } from '../../../../src/cli/inspect/subject.ts';
import {
  objectOf,
  overviewOf,
  pathOf,
  retainersView,
  rootsOf,
  summaryOf,
  typeOf,
} from '../../../../src/cli/inspect/views.ts';
import type { SnapshotMeta } from '../../../../src/observe/snapshot/format.ts';
import { addressOf, type GraphSketch, graphOf, UNKNOWN_TYPE } from '../../../support/heap-graph.ts';

const POST = {
  name: 'Post',
  size: 12,
  kind: 'struct',
  fields: [
    { name: 'replies', offset: 0, type: 'slice(ref(Post))' },
    { name: 'text', offset: 4, type: 'string' },
  ],
};
const ELEMENTS = { name: 'slice(ref(Post)) elements', size: 4, kind: 'ref', fields: [] };
const TEXT = { name: 'string bytes', size: 1, kind: 'u8', fields: [] };
const TYPES = [UNKNOWN_TYPE, POST, ELEMENTS, TEXT];

/** Root "posts" → 1 Post → 2 its replies → 3, 4 Posts, which share the text 5; thread 2 holds 4, too. 6 is garbage. */
const SKETCH: GraphSketch = {
  edges: [[2], [3, 4], [5], [5], [], [5]],
  offsets: [[0], [0, 4], [4], [4], [], [4]],
  roots: [
    ['posts', 1],
    [{ kind: 'stack', name: 'local reference of thread 2', thread: 2 }, 4],
  ],
  sizes: [16, 16, 16, 16, 2048, 16],
  typeOf: [1, 2, 1, 1, 3, 1],
  types: TYPES,
};

function subjectOf(sketch = SKETCH, file = 'heap.snapshot'): Subject {
  const graph = graphOf(sketch);
  return { file, graph, dominators: dominatorsOf(graph) };
}

const META: SnapshotMeta = {
  format: 'spanheap snapshot',
  time: '2026-03-01T12:00:00.123Z',
  heap: 7,
  maxBytes: 1 << 20,
  gc: 'on',
  sizeClasses: [],
  tinySpanClass: -1,
  threads: [],
  rootNames: [],
  stats: null,
};

const subject = subjectOf();
const at = (node: number): string => `0x${addressOf(node).toString(16)}`;
const show = (views: Partial<InspectOutcome>, top = 10): string =>
  inspectReport(
    { file: 'heap.snapshot', summary: summaryOf(subject, META, false), ...views },
    top,
    pico.createColors(false),
  );
const noValues = () => null;

describe('for people', () => {
  test('what is in the heap', () => {
    const report = show({ overview: overviewOf(subject, 10) });
    expect(report).toMatch(/^heap\.snapshot {2}6 objects, 2\.08 KiB, taken 2026-03-01 12:00:00 UTC$/m);
    expect(report).toMatch(/reachable +2\.06 KiB +5 objects/);
    expect(report).toMatch(/unreachable +16 B +1 object: /);
    expect(report).toMatch(/pointers +6 +and 2 roots/);
    expect(report).toMatch(/^ {2}string bytes +1 +2\.00 KiB +96\.2 % +2\.00 KiB$/m);
    // Without all posts all is garbage.
    expect(report).toMatch(/^ {2}Post +4 +64 B +3\.0 % +2\.06 KiB$/m);
    // The text is shared by both roots, 3 is not.
    expect(report).toMatch(/^ {2}root "posts" +1 +48 B +2\.3 %$/m);
    expect(report).toMatch(/^ {2}local references of thread 2 +1 +0 B/m);
    expect(report).toContain('2.02 KiB more hang on several of them');
    expect(report).not.toContain('\x1b');
  });

  test('no more lines than were asked for, and how many there are', () => {
    const report = show({ overview: overviewOf(subject, 1) }, 1);
    expect(report).toMatch(/string bytes .*\n {2}… and 2 more/);
    expect(report).toMatch(/root "posts" .*\n {2}… and 1 more/);
  });

  test('a type', () => {
    const report = show({ type: typeOf(subject, 'Post', 10) });
    expect(report).toMatch(/objects +4 +of which 1 unreachable \(16 B\)/);
    expect(report).toMatch(/slice\(ref\(Post\)\) elements\[…\] +2\n/);
    expect(report).toMatch(new RegExp(`Post +${at(1)} +16 B +48 B`));
    expect(report).toMatch(new RegExp(`Post +${at(6)} +16 B +–`));
  });

  test('an object', () => {
    const values = [{ place: '.text', type: 'string', value: '"a\x1b[2J"' }];
    const report = show({ object: objectOf(subject, addressOf(1) + 4, 10, () => values) });
    expect(report).toContain(`Post ${at(1)}  16 B, retains 48 B; the address is 4 bytes into it`);
    expect(report).toMatch(/\.text +string +"a\\x1b\[2J"/);
    expect(report).toMatch(new RegExp(`\\.replies +slice\\(ref\\(Post\\)\\) elements +${at(2)} +16 B +32 B`));
    expect(report).toMatch(/Kept alive by.*\n.*\n {2}root "posts" +48 B/);
    expect(report).toMatch(new RegExp(`Keeps alive.*\\n.*\\n {2}slice\\(ref\\(Post\\)\\) elements +${at(2)}`));
    const garbage = show({ object: objectOf(subject, addressOf(6), 10, noValues) });
    expect(garbage).toContain('16 B, unreachable: no root leads to it');
  });

  test('paths: each by steps, and where all meet', () => {
    const report = show({ path: pathOf(subject, addressOf(5), 10) });
    expect(report).toContain(`Paths to string bytes ${at(5)}  2.00 KiB, retains 2.00 KiB`);
    expect(report).toMatch(/Path 1 {2}2 steps, the shortest\n.*\n {2}local reference of thread 2 +Post/);
    expect(report).toMatch(
      new RegExp(
        `Path 2 {2}4 steps\\n.*\\n {2}root "posts" .*\\n {2}\\.replies .*\\n {2}\\[0\\] .*\\n {2}\\.text +string bytes +${at(5)}`,
      ),
    );
    expect(show({ path: pathOf(subject, addressOf(5), 1) })).toContain('… and others');
    expect(show({ path: pathOf(subject, addressOf(6), 1) })).toContain('none: it is garbage');
    const below = pathOf(subjectOf({ ...SKETCH, edges: [[2], [3, 4], [], [5], [], []] }), addressOf(5), 9);
    expect(show({ path: below })).toContain(`all go through Post ${at(4)}`);
  });

  test('long paths without their middle', () => {
    const count = 100;
    const chain = subjectOf({
      edges: Array.from({ length: count }, (_, i) => (i + 2 > count ? [] : [i + 2])),
      roots: [['r', 1]],
    });
    expect(show({ path: pathOf(chain, addressOf(count), 1) }).match(/unknown/g)?.length).toBeLessThan(30);
    expect(show({ path: pathOf(chain, addressOf(count), 1) })).toContain('… 76 more');
    expect(shortened([1, 2, 3, 4, 5], 2, 0)).toEqual([1, 2, 3, 4, 5]);
    expect(shortened([1, 2, 3, 4, 5, 6], 2, 0)).toEqual([1, 2, 0, 5, 6]);
  });

  test('retainers, roots, sizes', () => {
    const report = show({ retainers: retainersView(subject, addressOf(4), 10) });
    expect(report).toMatch(new RegExp(`Retainers of Post ${at(4)} {2}2 pointers`));
    expect(report).toMatch(/local reference of thread 2\n {2}slice\(ref\(Post\)\) elements +\[1\]/);
    expect(show({ roots: rootsOf(subject) })).toMatch(/^Roots/m);
    expect(show({ sizes: totalsBySize(subject.graph) })).toMatch(/^ +2,048 +1 +2\.00 KiB/m);
  });

  test('a difference', () => {
    const older = subjectOf({
      ...SKETCH,
      edges: [[], []],
      roots: [['posts', 1]],
      sizes: [16, 16],
      typeOf: [1, 1],
    }).graph;
    const diff = diffOf(subject, { file: 'before', objects: older }, null);
    const report = show({ diff });
    expect(report).toMatch(/change +\+2\.05 KiB +\+4 objects/);
    expect(report).toMatch(/gone +16 B +1 object/);
    expect(report).toMatch(/Post +4 +\+2 +64 B +\+32 B +3 +1/);
    // Of the new ones 2 hangs on the old 1, and 3 is a part of it; 4 and 5 hang on several.
    expect(report).toMatch(new RegExp(`elements +Post\\.replies +1 +32 B +${at(2)}`));
    expect(report).toMatch(new RegExp(`Post +local reference of thread 2 +1 +16 B +${at(4)}`));
    expect(report).toMatch(new RegExp(`string bytes +Post\\.text +1 +2\\.00 KiB +${at(5)}`));
    const since = diffOf(subject, { file: 'a', objects: older }, { file: 'b', objects: older });
    expect(show({ diff: since })).toMatch(/new +0 B +0 objects not there before, but in b already/);
    expect(changeText(0, String)).toBe('0');
    expect(changeText(-3, String)).toBe('-3');
  });

  test('names that would move the cursor, and long ones', () => {
    const name = `\x1b[2J${'x'.repeat(100)}`;
    const hostile = subjectOf({ ...SKETCH, types: TYPES.map((t) => ({ ...t, name })) });
    const report = inspectReport(
      { file: '\x07', summary: summaryOf(hostile, META, false), overview: overviewOf(hostile, 5) },
      5,
      pico.createColors(false),
    );
    expect(report).toContain('\\x1b[2Jxxx');
    expect(report.replaceAll('\n', '')).not.toMatch(/\p{Cc}|x{70}/u);
    expect(
      inspectReport({ file: 'f', summary: summaryOf(hostile, META, false) }, 5, pico.createColors(true)),
    ).toContain('\x1b[1m');
  });
});

test('for spreadsheets', () => {
  const csv = (views: Partial<InspectOutcome>): string[] =>
    inspectCsv({ file: 'f', summary: summaryOf(subject, META, false), ...views }).split('\r\n');
  expect(csv({ overview: overviewOf(subject, 5) }).slice(0, 3)).toEqual([
    'type,objects,bytes,retained bytes,unreachable objects,unreachable bytes',
    'string bytes,1,2048,2048,0,0',
    'Post,4,64,2112,1,16',
  ]);
  expect(csv({ retainers: retainersView(subject, addressOf(4), 5) })[1]).toBe('local reference of thread 2,,,,');
  expect(csv({ path: pathOf(subject, addressOf(3), 1) })[3]).toBe(`1,3,[0],Post,${at(3)},16,16`);
  expect(csv({ roots: rootsOf(subject) })[1]).toBe('"root ""posts""",named,0,1,48');
  expect(csv({ object: objectOf(subject, addressOf(6), 5, noValues) })[1]).toBe(
    `.text,string bytes,${at(5)},2048,2048`,
  );
  expect(csv({ type: typeOf(subject, 'Post', 5) })).toContain(`Post,${at(6)},16,`);
  expect(csv({ sizes: totalsBySize(subject.graph) })[1]).toBe('16,5,80');
});

describe('bad input', () => {
  test.each([
    ['zebra', '--object: "zebra" is not an address; write it like 0x1f40, as the reports show it'],
    ['1f40', '--object: "1f40" is not an address; write 0x1f40'],
    ['0x100000000', '--object: "0x100000000" is not an address; write it like 0x1f40, as the reports show it'],
    ['-1', '--object: "-1" is not an address; write it like 0x1f40, as the reports show it'],
    ['', '--object: "" is not an address; write it like 0x1f40, as the reports show it'],
  ])('%j', (text, message) => expect(() => parseAddress(text, '--object')).toThrow(message));

  test('good addresses', () => {
    expect(['0x1F40', '8000', '0'].map((text) => parseAddress(text, ''))).toEqual([0x1f40, 8000, 0]);
  });

  test('an address of nothing', () => {
    expect(() => pathOf(subject, 0x10, 1)).toThrow(
      `--path: heap.snapshot has no object at 0x10: the first object is Post ${at(1)}`,
    );
    expect(() => retainersView(subject, addressOf(1) + 20, 1)).toThrow('it lies between Post');
  });

  test('a type that is not there', () => {
    expect(() => findTypes(subject, 'Posts')).toThrow('--type: heap.snapshot has no type "Posts"; like it are "Post"');
    expect(() => findTypes(subject, 'zzzzzzzz')).toThrow('without --type all are listed');
    // Registered, but no object has it.
    const none = subjectOf({ ...SKETCH, typeOf: [0, 0, 0, 0, 0, 0] });
    expect(typeOf(none, 'Post', 3)).toMatchObject({ total: { objects: 0, retainedBytes: 0 }, biggest: [] });
  });
});
