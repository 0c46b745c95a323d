// The same on what a program in plain JavaScript has, as far as it has it.
import type { Pass } from '../measure.ts';
import { fieldOf } from '../references/access.ts';
import { Pair, useOthers } from '../references/plain.ts';
import { type Call, ELEMENTS, longTextOf, textOf } from './calls.ts';

class Named {
  name: string;
  constructor(name: string) {
    this.name = name;
  }
}

type TextOf = (i: number) => string;

export function openPlain(call: Call): Pass {
  useOthers();
  const n = ELEMENTS;
  const make: Partial<Record<Call, () => Pass>> = {
    new: () => creating(n),
    'string read': () => readingText(n, textOf),
    'string write': () => writingText(n, textOf),
    'long string read': () => readingText(n, longTextOf),
    'long string write': () => writingText(n, longTextOf),
    lock: () => locking(n),
    'iterate numbers': () => iterating(n, (i) => i, Number),
    'iterate texts': () => iterating(n, textOf, (key) => key.length),
    'string read outside': () => readingText(n, textOf),
    'map get outside': () => getting(n),
    'map set outside': () => setting(n),
  };
  const pass = make[call]?.();
  if (pass === undefined) throw new Error(`plain JS has no ${call}`);
  return pass;
}

function creating(n: number): Pass {
  const made: Pair[] = new Array(n).fill(null);
  const run = (): number => {
    for (let i = 0; i < n; i++) made[i] = new Pair(i, 1);
    return made[n - 1]!.a;
  };
  return { ops: n, run };
}

function readingText(n: number, text: TextOf): Pass {
  const list = Array.from({ length: n }, (_, i) => new Named(text(i)));
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + list[i]!.name.length) | 0;
    return sum;
  };
  return { ops: n, run };
}

function writingText(n: number, text: TextOf): Pass {
  const list = Array.from({ length: n }, (_, i) => new Named(text(i)));
  const texts = Array.from({ length: n }, (_, i) => text(i + 1));
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

/** A lock by hand, in shared memory: it knows neither who has it nor whether that one is still there. */
function locking(n: number): Pass {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const run = (): number => {
    for (let i = 0; i < n; i++) {
      while (Atomics.compareExchange(word, 0, 0, 1) !== 0) Atomics.wait(word, 0, 2);
      if (Atomics.exchange(word, 0, 0) === 2) Atomics.notify(word, 0, 1);
    }
    return n;
  };
  return { ops: n, run };
}

function iterating<K>(n: number, keyOf: (i: number) => K, read: (key: K) => number): Pass {
  const entries = new Map(Array.from({ length: n }, (_, i) => [keyOf(i), fieldOf(i)]));
  const run = (): number => {
    let sum = 0;
    for (const [key, value] of entries) sum = (sum + read(key) + value) | 0;
    return sum;
  };
  return { ops: entries.size, run };
}
