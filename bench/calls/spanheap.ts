// Calls of ours, in a heap that a dozen other types are used in as well.
import { createHeap, type Heap, i32, map, mutex, type Ref, string, struct, u32 } from '../../src/index.ts';
import type { Pass } from '../measure.ts';
import { fieldOf } from '../references/access.ts';
import { Pair, references, useOthers } from '../references/spanheap.ts';
import { type Call, ELEMENTS, longTextOf, MANY_HELD, textOf } from './calls.ts';

const Named = struct('Named', { name: string });
const Ages = map(string, i32);
const Numbers = map(u32, u32);
const Account = struct('Account', { lock: mutex, balance: u32 });

const BYTES = 1 << 30;
/** What is to stay alive. */
const kept: unknown[] = [];

export function openSpanheap(call: Call): Pass {
  // Off: passes free what they made, by its address.
  const heap = createHeap({ maxBytes: BYTES, gc: 'off' });
  useOthers(heap);
  const n = ELEMENTS;
  const make: Record<Call, () => Pass> = {
    new: () => creating(heap, n),
    'string read': () => readingText(heap, n, textOf),
    'string write': () => writingText(heap, n, textOf),
    'long string read': () => readingText(heap, n, longTextOf),
    'long string write': () => writingText(heap, n, longTextOf),
    scope: () => scopes(heap, n),
    hold: () => holding(heap, n, 0),
    'hold among many': () => holding(heap, n, MANY_HELD),
    lock: () => locking(heap, n),
    withLock: () => callingLocked(heap, n),
    'iterate numbers': () => iteratingNumbers(heap, n),
    'iterate texts': () => iteratingTexts(heap, n),
    'string read outside': () => readingTextOutside(heap, n),
    'map get outside': () => gettingOutside(heap, n),
    'map set outside': () => settingOutside(heap, n),
  };
  return make[call]();
}

/** The objects of a pass are freed after it, by the address that even a stale reference has. */
function creating(heap: Heap, n: number): Pass {
  const made: Ref<typeof Pair>[] = new Array(n).fill(null);
  const pass = (): number => {
    for (let i = 0; i < n; i++) made[i] = heap.new(Pair, { a: i, b: 1 });
    return made[n - 1]!.a;
  };
  const clear = (): void => {
    for (const r of made) heap.raw.free((r as unknown as { $a: number }).$a >>> 0);
  };
  return { ops: n, run: () => heap.scope(pass), clear: () => heap.scope(clear) };
}

type TextOf = (i: number) => string;

function named(heap: Heap, n: number, text: TextOf): Ref<typeof Named>[] {
  return Array.from({ length: n }, (_, i) => heap.new(Named, { name: text(i) }).hold());
}

function readingTextOutside(heap: Heap, n: number, text: TextOf = textOf): Pass {
  const list = named(heap, n, text);
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + list[i]!.name.length) | 0;
    return sum;
  };
  return { ops: n, run };
}

function readingText(heap: Heap, n: number, text: TextOf): Pass {
  const { ops, run } = readingTextOutside(heap, n, text);
  return { ops, run: () => heap.scope(run) };
}

/** A map of `n` text keys, and other strings of the same text to ask it with. */
function ages(heap: Heap, n: number) {
  const map = heap.new(Ages).hold();
  for (let i = 0; i < n; i++) map.set(textOf(i), fieldOf(i));
  return { map, keys: Array.from({ length: n }, (_, i) => textOf(i)) };
}

function gettingOutside(heap: Heap, n: number): Pass {
  const { map, keys } = ages(heap, n);
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum + map.get(keys[i]!)!) | 0;
    return sum;
  };
  return { ops: n, run };
}

function settingOutside(heap: Heap, n: number): Pass {
  const { map, keys } = ages(heap, n);
  const run = (): number => {
    for (let i = 0; i < n; i++) map.set(keys[i]!, i);
    return n;
  };
  return { ops: n, run };
}

/** Each pass leaves the old texts behind, which are freed after it. */
function writingText(heap: Heap, n: number, text: TextOf): Pass {
  const list = named(heap, n, text);
  const texts = Array.from({ length: n }, (_, i) => text(i + 1));
  const { i32: words } = heap.memory;
  const pass = (): number => {
    for (let i = 0; i < n; i++) list[i]!.name = texts[i]!;
    return n;
  };
  const clear = (): void => {
    for (const r of list) heap.raw.free(words[heap.addressOf(r) >>> 2]! >>> 0);
  };
  return { ops: n, run: () => heap.scope(pass), clear: () => heap.scope(clear) };
}

function scopes(heap: Heap, n: number): Pass {
  let count = 0;
  const inside = (): number => ++count;
  return {
    ops: n,
    run: () => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum = (sum + heap.scope(inside)) | 0;
      return sum;
    },
  };
}

/** `held`: references that are held all the time. */
function holding(heap: Heap, n: number, held: number): Pass {
  const xs = heap.scope(() => references(heap, n).hold());
  kept.push(Array.from({ length: held }, (_, i) => heap.scope(() => xs.at(i % n)!.hold())));
  const pass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = xs.at(i)!.hold();
      sum = (sum + r.a) | 0;
      r.dispose();
    }
    return sum;
  };
  return { ops: n, run: () => heap.scope(pass) };
}

function locking(heap: Heap, n: number): Pass {
  const { lock } = heap.new(Account).hold();
  const pass = (): number => {
    for (let i = 0; i < n; i++) {
      lock.lock();
      lock.unlock();
    }
    return n;
  };
  return { ops: n, run: () => heap.scope(pass) };
}

function callingLocked(heap: Heap, n: number): Pass {
  const account = heap.new(Account).hold();
  const { lock } = account;
  const deposit = (): void => {
    account.balance++;
  };
  const pass = (): number => {
    for (let i = 0; i < n; i++) lock.withLock(deposit);
    return account.balance;
  };
  return { ops: n, run: () => heap.scope(pass) };
}

function iteratingNumbers(heap: Heap, n: number): Pass {
  const numbers = heap.new(Numbers).hold();
  for (let i = 0; i < n; i++) numbers.set(i, fieldOf(i));
  const pass = (): number => {
    let sum = 0;
    for (const [key, value] of numbers) sum = (sum + key + value) | 0;
    return sum;
  };
  return { ops: n, run: () => heap.scope(pass) };
}

function iteratingTexts(heap: Heap, n: number): Pass {
  const { map, keys } = ages(heap, n);
  const pass = (): number => {
    let sum = 0;
    for (const [key, value] of map) sum = (sum + key.length + value) | 0;
    return sum;
  };
  return { ops: keys.length, run: () => heap.scope(pass) };
}
