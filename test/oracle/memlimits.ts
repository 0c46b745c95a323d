import {
  type Count,
  grownCap,
  growsliceError,
  makechanError,
  makeslicecopyError,
  makesliceError,
  newarrayError,
} from '../../src/malloc/limits.ts';
import { goSizeClasses, type SizeClassTable } from '../../src/spans/size-classes.ts';
import { type Checker, type Doc, exact, type Int, list, same, type Tally } from './tally.ts';

type Case = Readonly<Record<string, Int> & { op: string; res: string }>;

interface Constants {
  readonly maxAlloc: number;
  readonly hchanSize: number;
}

/** How the vectors of Go 1.19 write our texts. Since Go 1.20 growslice says `len`, and so do we. */
function goText(error: string | null): string {
  if (error === null) return 'ok';
  if (error.startsWith('growslice:')) return 'panic: runtime error: growslice: cap out of range';
  return error.startsWith('makeslice:') ? `panic: runtime error: ${error}` : `panic: ${error}`;
}

function errorOf(c: Case, arg: (name: string) => Count, k: Constants, classes: SizeClassTable): string | null {
  const elemSize = Number(exact(c['elemSize']));
  switch (c.op) {
    case 'makeslice':
      return makesliceError(elemSize, arg('len'), arg('cap'), k.maxAlloc);
    case 'makeslicecopy':
      return makeslicecopyError(elemSize, arg('toLen'), arg('fromLen'), k.maxAlloc);
    case 'newarray':
      return newarrayError(elemSize, arg('n'), k.maxAlloc);
    case 'makechan':
      return makechanError(elemSize, arg('n'), k.maxAlloc, k.hchanSize);
    case 'growslice':
      return growsliceError(elemSize, arg('oldCap'), arg('need'), k.maxAlloc, classes);
    default:
      throw new Error(`unknown operation ${c.op}`);
  }
}

function checkCase(c: Case, k: Constants, classes: SizeClassTable): string | null {
  const arg = (name: string): Count => {
    const value = c[name];
    if (value === undefined) throw new Error(`no ${name}`);
    return exact(value);
  };
  const error = errorOf(c, arg, k, classes);
  // Such an amount of memory does not exist, but the checks let it pass.
  const want = c.res === 'fatal: out of memory' ? 'ok' : c.res;
  const wrong = same('result', goText(error), want);
  if (wrong !== null || c.res !== 'ok' || c.op !== 'growslice' || c['newCap'] === undefined) return wrong;
  const cap = grownCap(Number(exact(c['elemSize'])), arg('oldCap'), arg('need'), classes);
  return same('newCap', String(cap), String(exact(c['newCap'])));
}

function runCases(cases: readonly Case[], k: Constants, prefix: string, tally: Tally): void {
  const classes = goSizeClasses('go1.16');
  if (cases.length > 0 && !(k?.maxAlloc > 0 && k.hchanSize > 0)) throw new Error('constants are missing');
  for (const c of cases) {
    const { op, res: _, ...args } = c;
    tally.case(`${prefix}${op} ${JSON.stringify(args)}`, () => checkCase(c, k, classes));
  }
}

export const memlimits: Checker = {
  name: 'memlimits',
  sections: ['cases', 'wasm'],
  source: /makeslice/,
  run(doc: Doc, tally: Tally): void {
    runCases(list<Case>(doc, 'cases'), doc['constants'] as Constants, '', tally);
    const wasm = (doc['wasm'] ?? {}) as Doc;
    runCases(list<Case>(wasm, 'cases'), wasm['constants'] as Constants, 'wasm ', tally);
  },
};
