import { SUM_END, SUM_MAX, SUM_START, SUM_WORDS } from '../../src/layout/pages.ts';
import {
  allocRange,
  find,
  findBitRange64,
  foundFirstFree,
  foundIndex,
  freeRange,
  NOT_FOUND,
  packedEnd,
  packedMax,
  packedStart,
  popcntRange,
  summarize,
} from '../../src/pages/page-bits.ts';
import { mergeSummaries } from '../../src/pages/summary.ts';
import { bitmapText, bitmapWords, type Checker, type Doc, halves, list, same, type Tally } from './tally.ts';

type FindRow = readonly [npages: number, searchIdx: number, index: number | null, firstFree: number | null];

interface BitsCase {
  readonly id: string;
  readonly bits: string;
  readonly summary: readonly number[];
  readonly find: readonly FindRow[];
  readonly findAnyIdx?: readonly FindRow[];
  readonly popcnt: readonly (readonly [number, number, number])[];
  readonly mutate: readonly (readonly ['alloc' | 'free', number, number, string])[];
}

interface MergeCase {
  readonly logMaxPages: number;
  readonly sums: readonly (readonly [number, number, number])[];
  readonly want: readonly number[];
}

const AT = 3;

function load(words: readonly number[]): Int32Array {
  const m = new Int32Array(AT + 16 + 1).fill(0x5a5a5a5a);
  m.set(words, AT);
  return m;
}

function checkBits(c: BitsCase): string | null {
  const words = bitmapWords(c.bits);
  const m = load(words);
  const sum = summarize(m, AT);
  let wrong = same('summary', [packedStart(sum), packedMax(sum), packedEnd(sum)], c.summary);
  for (const row of [...c.find, ...(c.findAnyIdx ?? [])]) {
    const found = find(m, AT, row[0], row[1]);
    const got = found === NOT_FOUND ? [null, null] : [foundIndex(found), foundFirstFree(found)];
    wrong ??= same(`find ${row[0]} from ${row[1]}`, got, row.slice(2));
  }
  for (const [i, n, count] of c.popcnt) wrong ??= same(`popcnt ${i} ${n}`, popcntRange(m, AT, i, n), count);
  for (const [op, i, n, after] of c.mutate) {
    const copy = load(words);
    if (op !== 'alloc' && op !== 'free') throw new Error(`unknown op ${JSON.stringify(op)}`);
    (op === 'alloc' ? allocRange : freeRange)(copy, AT, i, n);
    wrong ??= same(`${op} ${i} ${n}`, bitmapText(copy, AT), after);
    wrong ??= same('words around', [copy[AT - 1], copy[AT + 16]], [0x5a5a5a5a, 0x5a5a5a5a]);
  }
  return wrong;
}

function checkMerge({ logMaxPages, sums, want }: MergeCase): string | null {
  const m = new Int32Array((sums.length + 1) * SUM_WORDS);
  sums.forEach((sum, i) => {
    m.set(sum, i * SUM_WORDS);
  });
  const into = sums.length * SUM_WORDS;
  mergeSummaries(m, 0, sums.length, logMaxPages, into);
  return same('merged', [m[into + SUM_START], m[into + SUM_MAX], m[into + SUM_END]], want);
}

export const pallocbits: Checker = {
  name: 'pallocbits',
  sections: ['cases', 'findBitRange64', 'mergeSummaries'],
  source: /pallocBits/,
  run(doc: Doc, tally: Tally): void {
    for (const c of list<BitsCase>(doc, 'cases')) tally.case(c.id, () => checkBits(c));
    for (const [word, n, index] of list<[string, number, number | null]>(doc, 'findBitRange64')) {
      const [lo, hi] = halves(word);
      tally.case(`findBitRange64 ${word} ${n}`, () => {
        const i = findBitRange64(lo, hi, n);
        return same('index', i < 64 ? i : null, index);
      });
    }
    list<MergeCase>(doc, 'mergeSummaries').forEach((c, i) => {
      tally.case(`mergeSummaries ${i}`, () => checkMerge(c));
    });
  },
};
