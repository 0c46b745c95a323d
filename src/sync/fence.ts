/**
 * A full memory barrier, on the machines that need one. JavaScript has none of its own, but its atomic accesses make
 * one: what comes before a sequentially consistent store is done before it, what comes after such a load is done after
 * it, and the two keep their order (on ARM: stlr, then ldar).
 *
 * On x86 loads are not reordered with loads, nor stores with stores, and that is all the map needs: there the fence is
 * empty. That V8 itself leaves the order of accesses to typed arrays alone is argued in types/locks.ts.
 */
import type { Words } from '../base/brand.ts';

/**
 * Whether this is an x86: its default NaN has the sign bit set, that of ARM, RISC-V, POWER and s390 has not. A machine
 * taken for another one only pays for fences that it does not need.
 */
function isX86(): boolean {
  const f = new Float32Array(1);
  f[0] = Number.POSITIVE_INFINITY;
  f[0] = f[0] - f[0];
  return new Uint8Array(f.buffer)[3] === 0xff;
}

/** Whether stores become visible in the order in which they were made, without anything to say so. */
export const STORES_ARE_ORDERED = isX86();

const own = new Int32Array(1);

/** Everything before it is done before anything after it. */
export const fence: () => void = STORES_ARE_ORDERED
  ? () => {}
  : () => {
      Atomics.store(own, 0, 0);
      Atomics.load(own, 0);
    };

/**
 * A store that nobody sees before what this thread stored earlier. On x86 every one is: a plain one costs no call, and does not
 * wait until all stores before it are done.
 */
export const storeRelease: (m: Words, word: number, value: number) => void = STORES_ARE_ORDERED
  ? (m, word, value) => {
      m[word] = value;
    }
  : (m, word, value) => {
      Atomics.store(m, word, value);
    };

/**
 * The word's value, by a load that is done before whatever this thread loads and stores afterwards, and not before a
 * compare-and-exchange that it made first. On x86 every load is such a one, since locked instructions are full barriers.
 */
export const loadAcquire: (m: Words, word: number) => number = STORES_ARE_ORDERED
  ? (m, word) => m[word]
  : (m, word) => Atomics.load(m, word);
