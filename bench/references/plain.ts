// The same on what a program in plain JavaScript has: instances of a class, in an array and linked to each other.
import {
  type Access,
  type Call,
  fieldOf,
  OTHER_ELEMENTS,
  OTHER_ROUNDS,
  OTHERS,
  type Pass,
  RING,
  RING_MASK,
  type Shape,
  textOf,
} from './access.ts';

class Item {
  a: number;
  b: number;
  next: Item | null = null;
  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }
}

class Pair {
  a: number;
  b: number;
  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }
}

class Named {
  name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export function openPlain({ access, kept, elements }: Shape): Pass {
  useOthers();
  const make: Partial<Record<Access | Call, () => Pass>> = {
    at: () => throughArray(items(elements), kept),
    next: () => alongLinks(elements, kept),
    'scan of structs': () => scan(Array.from({ length: elements }, (_, i) => new Pair(fieldOf(i), i & 0xff))),
    'scan of references': () => scan(items(elements)),
    new: () => creating(elements),
    'string read': () => readingText(elements),
    'string write': () => writingText(elements),
    'string read outside': () => readingText(elements),
    'map get outside': () => getting(elements),
    'map set outside': () => setting(elements),
  };
  const pass = make[access]?.();
  if (pass === undefined) throw new Error(`plain JS has no ${access}`);
  return pass;
}

/** A dozen other classes, used by code that all of them go through. */
function useOthers(): void {
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

function creating(n: number): Pass {
  const made: Pair[] = new Array(n).fill(null);
  const run = (): number => {
    for (let i = 0; i < n; i++) made[i] = new Pair(i, 1);
    return made[n - 1]!.a;
  };
  return { ops: n, run };
}

function readingText(n: number): Pass {
  const list = Array.from({ length: n }, (_, i) => new Named(textOf(i)));
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + list[i]!.name.length) | 0;
    return sum;
  };
  return { ops: n, run };
}

function writingText(n: number): Pass {
  const list = Array.from({ length: n }, (_, i) => new Named(textOf(i)));
  const texts = Array.from({ length: n }, (_, i) => textOf(i + 1));
  const run = (): number => {
    for (let i = 0; i < n; i++) list[i]!.name = texts[i]!;
    return n;
  };
  return { ops: n, run };
}

/** A Map of `n` text keys, and other strings of the same text to ask it with. */
function ages(n: number): { map: Map<string, number>; keys: string[] } {
  const [known, keys] = [0, 1].map(() => Array.from({ length: n }, (_, i) => textOf(i))) as [string[], string[]];
  return { map: new Map(known.map((key, i) => [key, fieldOf(i)])), keys };
}

function getting(n: number): Pass {
  const { map, keys } = ages(n);
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + map.get(keys[i]!)!) | 0;
    return sum;
  };
  return { ops: n, run };
}

function setting(n: number): Pass {
  const { map, keys } = ages(n);
  const run = (): number => {
    for (let i = 0; i < n; i++) map.set(keys[i]!, i);
    return n;
  };
  return { ops: n, run };
}
