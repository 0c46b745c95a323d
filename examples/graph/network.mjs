/**
 * A small world, as Watts and Strogatz describe it: everybody knows the neighbours, and now and then somebody far away.
 * The same for the same seed, so that the search can be checked against one with plain JS.
 */
const FIRST = [
  'Ada',
  'Ben',
  'Cleo',
  'Dan',
  'Eva',
  'Finn',
  'Gia',
  'Hugo',
  'Ida',
  'Jon',
  'Kim',
  'Lou',
  'Mia',
  'Noa',
  'Ole',
];
const SECOND = ['Ar', 'Bel', 'Cor', 'Del', 'Er', 'Fal', 'Gar', 'Hol', 'Il', 'Jor', 'Kel', 'Lor', 'Mar', 'Nor'];
const ENDING = ['an', 'berg', 'den', 'ez', 'field', 'gren', 'ina', 'lund', 'man', 'ov', 'quist', 'son', 'well'];

/** @param {number} i */
export function nameOf(i) {
  const [j, k] = [Math.floor(i / FIRST.length), Math.floor(i / FIRST.length / SECOND.length)];
  return `${FIRST[i % FIRST.length]} ${SECOND[j % SECOND.length]}${ENDING[k % ENDING.length]}`;
}

/** Neighbours to the right that everybody knows. */
const NEIGHBOURS = 3;
/** One friendship in so many leads to anybody. */
const FAR = 10;

/**
 * Calls `meet(a, b)` for the friendships that persons `from` … `to` − 1 of `count` begin.
 * @param {number} count
 * @param {number} from
 * @param {number} to
 * @param {(a: number, b: number) => void} meet
 */
export function friendships(count, from, to, meet) {
  for (let a = from; a < to; a++) {
    for (let step = 1; step <= NEIGHBOURS; step++) {
      const dice = hash(a * NEIGHBOURS + step);
      const b = dice % FAR === 0 ? hash(dice) % count : (a + step) % count;
      if (a !== b) meet(a, b);
    }
  }
}

/**
 * Well mixed 32 bits.
 * @param {number} x
 */
function hash(x) {
  let h = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}
