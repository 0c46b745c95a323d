// The same on what a program in plain JavaScript has: instances of a class, in an array and linked to each other.
import type { Pass } from '../measure.ts';
import { type Access, fieldOf, OTHER_ELEMENTS, OTHER_ROUNDS, OTHERS, RING, RING_MASK, type Shape } from './access.ts';

class Item {
  a: number;
  b: number;
  next: Item | null = null;
  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }
}

export class Pair {
  a: number;
  b: number;
  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }
}

export function openPlain({ access, kept, elements }: Shape): Pass {
  useOthers();
  const make: Record<Access, () => Pass> = {
    at: () => throughArray(items(elements), kept),
    next: () => alongLinks(elements, kept),
    'scan of structs': () => scan(Array.from({ length: elements }, (_, i) => new Pair(fieldOf(i), i & 0xff))),
    'scan of references': () => scan(items(elements)),
  };
  return make[access]();
}

/** A dozen other classes, used by code that all of them go through. */
export function useOthers(): void {
  for (let k = 0; k < OTHERS; k++) {
    const field = `f${k}`;
    class Other {
      [field: string]: unknown;
      link: Other | null = null;
      constructor(value: number) {
        this[field] = value;
      }
    }
    for (let round = 0; round < OTHER_ROUNDS; round++) useOther((v) => new Other(v), field);
  }
}

interface Linked {
  [field: string]: unknown;
  link: Linked | null;
}

function useOther(make: (value: number) => object, field: string): number {
  const list: Linked[] = [];
  let sum = 0;
  for (let i = 0; i < OTHER_ELEMENTS; i++) {
    const item = make(i) as Linked;
    item.link = list[i - 1] ?? null;
    list.push(item);
  }
  for (let r: Linked | null = list.at(-1)!; r !== null; r = r.link) sum += r[field] as number;
  for (let i = 0; i < list.length; i++) sum += list[i]![field] as number;
  return sum;
}

const items = (n: number): Item[] => Array.from({ length: n }, (_, i) => new Item(fieldOf(i), i & 0xff));

function throughArray(xs: readonly Item[], kept: boolean): Pass {
  const n = xs.length;
  const ring: unknown[] = new Array(RING).fill(null);
  const plainPass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = xs[i]!;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const keepingPass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = xs[i]!;
      ring[i & RING_MASK] = r;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: n, run: kept ? keepingPass : plainPass };
}

function alongLinks(n: number, kept: boolean): Pass {
  const xs = items(n);
  for (let i = 0; i < n; i++) xs[i]!.next = xs[(i + 1) % n]!;
  const first = xs[0]!;
  const ring: unknown[] = new Array(RING).fill(null);
  const plainPass = (): number => {
    let sum = 0;
    let r: Item = first;
    for (let i = 0; i < n; i++) {
      r = r.next!;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const keepingPass = (): number => {
    let sum = 0;
    let r: Item = first;
    for (let i = 0; i < n; i++) {
      r = r.next!;
      ring[i & RING_MASK] = r;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: n, run: kept ? keepingPass : plainPass };
}

function scan(xs: readonly { readonly a: number; readonly b: number }[]): Pass {
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < xs.length; i++) {
      const r = xs[i]!;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: xs.length, run };
}
