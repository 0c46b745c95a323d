// The same on records in shared memory as one writes it by hand: a small object per access, with getters over a typed
// array. It has what a reference of ours has not: no check, no root, no type, and records of one size only.
import type { Pass } from '../measure.ts';
import { type Access, fieldOf, OTHER_ELEMENTS, OTHER_ROUNDS, OTHERS, RING, RING_MASK, type Shape } from './access.ts';

const WORDS = 3;
const A = 0;
const B = 1;
const NEXT = 2;

const ITEMS = 1 << 20;
const words = new Int32Array(new SharedArrayBuffer(ITEMS * WORDS * 4));

/** The measured one. Its field is only declared: defined fields cost V8 a call per object. */
class View {
  declare at: number;
  constructor(at: number) {
    this.at = at;
  }
  get a(): number {
    return words[this.at + A]!;
  }
  get b(): number {
    return words[this.at + B]!;
  }
  get next(): View {
    return new View(words[this.at + NEXT]!);
  }
}

/** The others: one class per buffer, all of one literal. */
function viewClass(buffer: Int32Array<SharedArrayBuffer>): new (at: number) => View {
  return class OtherView {
    declare at: number;
    constructor(at: number) {
      this.at = at;
    }
    get a(): number {
      return buffer[this.at + A]!;
    }
    get b(): number {
      return buffer[this.at + B]!;
    }
    get next(): OtherView {
      return new OtherView(buffer[this.at + NEXT]!);
    }
  };
}

function fill(buffer: Int32Array<SharedArrayBuffer>, n: number): Int32Array<SharedArrayBuffer> {
  for (let i = 0; i < n; i++) {
    buffer[i * WORDS + A] = fieldOf(i);
    buffer[i * WORDS + B] = i & 0xff;
    buffer[i * WORDS + NEXT] = ((i + 1) % n) * WORDS;
  }
  return buffer;
}

export function openViews({ access, kept, elements }: Shape): Pass {
  useOthers();
  fill(words, elements);
  const make: Partial<Record<Access, () => Pass>> = {
    at: () => newView(elements, kept),
    next: () => alongLinks(elements, kept),
    'scan of structs': () => moving(elements),
  };
  const pass = make[access]?.();
  if (pass === undefined) throw new Error(`views have no ${access}`);
  return pass;
}

function useOthers(): void {
  for (let k = 0; k < OTHERS; k++) {
    const Other = viewClass(fill(new Int32Array(new SharedArrayBuffer(OTHER_ELEMENTS * WORDS * 4)), OTHER_ELEMENTS));
    for (let round = 0; round < OTHER_ROUNDS; round++) useOther(Other);
  }
}

function useOther(Other: new (at: number) => View): number {
  let sum = 0;
  let r = new Other(0);
  for (let i = 0; i < OTHER_ELEMENTS; i++, r = r.next) sum += r.a + new Other(i * WORDS).b;
  return sum;
}

function newView(n: number, kept: boolean): Pass {
  const ring: unknown[] = new Array(RING).fill(null);
  const plainPass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = new View(i * WORDS);
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const keepingPass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = new View(i * WORDS);
      ring[i & RING_MASK] = r;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: n, run: kept ? keepingPass : plainPass };
}

function alongLinks(n: number, kept: boolean): Pass {
  const first = new View(0);
  const ring: unknown[] = new Array(RING).fill(null);
  const plainPass = (): number => {
    let sum = 0;
    let r = first;
    for (let i = 0; i < n; i++) {
      r = r.next;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const keepingPass = (): number => {
    let sum = 0;
    let r = first;
    for (let i = 0; i < n; i++) {
      r = r.next;
      ring[i & RING_MASK] = r;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: n, run: kept ? keepingPass : plainPass };
}

/** One view that moves. */
function moving(n: number): Pass {
  const run = (): number => {
    let sum = 0;
    const r = new View(0);
    for (let i = 0; i < n; i++) {
      r.at = i * WORDS;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: n, run };
}
