/** What the main thread and the workers share: a social network, and the state of a search through it. */
import { array, atomic, i32, ref, slice, string, struct, u32 } from 'spanheap';

export const Person = struct('Person', {
  name: string,
  /** Handshakes from where the search began; −1 until it has come here. */
  distance: atomic(i32),
  /** Who was asked before this person: one step back on a shortest way. */
  get via() {
    return ref(Person);
  },
  get friends() {
    return slice(ref(Person));
  },
});

export const People = slice(ref(Person));

export const WORKERS = 4;

/** A breadth-first search, level by level. */
export const Search = struct('Search', {
  /** Everybody at the current distance. */
  frontier: People,
  /** How much of the frontier is given out already. */
  taken: atomic(u32),
  /** Whom each worker met for the first time: only worker `i` appends to `found[i]`. */
  found: array(People, WORKERS),
});

/** People that a worker takes from the frontier at a time. */
export const BATCH = 1024;
