import { growsliceCap } from '../../src/malloc/slice-math.ts';
import { goSizeClasses } from '../../src/spans/size-classes.ts';
import { type Checker, type Doc, list, same, type Tally } from './tally.ts';

interface ElemRows {
  readonly elem?: string;
  readonly elemSize: number;
  readonly rows: readonly (readonly [oldCap: number, n: number, newCap: number])[];
}

export const growslice: Checker = {
  name: 'growslice',
  sections: ['bySize', 'partial', 'otherElems'],
  source: /append\(\)/,
  run(doc: Doc, tally: Tally): void {
    const classes = goSizeClasses('go1.16');
    const append = (elemSize: number, oldLen: number, oldCap: number, n: number): number =>
      oldLen + n <= oldCap ? oldCap : growsliceCap(elemSize, oldCap, oldLen + n, classes);
    for (const section of ['bySize', 'otherElems']) {
      for (const { elem, elemSize, rows } of list<ElemRows>(doc, section)) {
        for (const [oldCap, n, newCap] of rows) {
          const id = `${section} ${elem ?? elemSize}: ${oldCap} + ${n}`;
          tally.case(id, () => same('capacity', append(elemSize, oldCap, oldCap, n), newCap));
        }
      }
    }
    for (const row of list<[number, number, number, number, number]>(doc, 'partial')) {
      const [elemSize, oldLen, oldCap, n, newCap] = row;
      tally.case(`partial ${row.join(' ')}`, () => same('capacity', append(elemSize, oldLen, oldCap, n), newCap));
    }
  },
};
