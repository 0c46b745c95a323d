// What is done with a map: 100 k text keys, all of them in it; get and set of random ones in a fixed order.
import { random } from '../workload.ts';

export const KEY_SETS = ['user:12345', '4…64 bytes'] as const;
export type KeySet = (typeof KEY_SETS)[number];

export interface MapWork {
  readonly keys: KeySet;
  /** Of a hundred operations; the others are sets. */
  readonly gets: number;
}

export const KEYS = 100_000;
export const KEY_MAX = 64;
const KEY_MIN = 4;
const SEQUENCE = 200_003;
export const BATCH = 10_000;
const SEED = 99;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789-_/.';

/** A string of its own, not a rope of parts. */
const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

function makeKeys(set: KeySet): string[] {
  if (set === 'user:12345') return Array.from({ length: KEYS }, (_, i) => flat(`user:${i}`));
  const next = random(SEED);
  const letters = (n: number) => Array.from({ length: n }, () => ALPHABET[Math.floor(next() * ALPHABET.length)]);
  const length = () => KEY_MIN + Math.floor(next() * (KEY_MAX - KEY_MIN + 1));
  const keys = new Set<string>();
  while (keys.size < KEYS) keys.add(flat(letters(length()).join('')));
  return [...keys];
}

/** Index of a key, and whether it is set: `index << 1 | set`. */
function makeSequence(gets: number, seed: number): Uint32Array {
  const next = random(seed);
  return new Uint32Array(SEQUENCE).map(() => (Math.floor(next() * KEYS) << 1) | (next() * 100 < gets ? 0 : 1));
}

/** A map under test, however it is called. */
export interface MapPeer<V = unknown> {
  readonly get: (key: string) => V | undefined;
  readonly set: (key: string, value: V) => void;
  /** The value to store for a number. */
  readonly value: (n: number) => V;
  /** Runs a batch where the map wants it run: a scope of ours, a transaction. */
  readonly run: (batch: () => number) => number;
}

/** Puts all keys in, and returns the step that does a batch of operations. */
export function startMap<V>(map: MapPeer<V>, work: MapWork, seed = SEED + 1): () => number {
  const keys = makeKeys(work.keys);
  const values = keys.map((_, i) => map.value(i));
  const sequence = makeSequence(work.gets, seed);
  // Whoever asks has the key from somewhere else: the same text, another string.
  const asked = makeKeys(work.keys);
  const { get, set, run } = map;
  for (let from = 0; from < KEYS; from += BATCH) {
    run(() => {
      for (let i = from; i < from + BATCH; i++) set(keys[i]!, values[i]!);
      return BATCH;
    });
  }
  let at = 0;
  let missing = 0;
  const batch = (): number => {
    for (let n = 0; n < BATCH; n++) {
      const op = sequence[at]!;
      if (++at === SEQUENCE) at = 0;
      const i = op >>> 1;
      if ((op & 1) === 0) {
        if (get(asked[i]!) === undefined) missing++;
      } else {
        set(asked[i]!, values[i]!);
      }
    }
    return BATCH;
  };
  return () => {
    const ops = run(batch);
    if (missing !== 0) throw new Error(`${missing} keys were not found`);
    return ops;
  };
}
