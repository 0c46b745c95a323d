/** The site that is worth a cache: how many primes are there below n? It takes its time. */

/**
 * @param {string} path such as `/primes/5000000`
 * @returns {{ type: string, body: Uint8Array } | undefined} undefined when there is no such page
 */
export function render(path) {
  const limit = Number(/^\/primes\/(\d{1,8})$/.exec(path)?.[1] ?? Number.NaN);
  if (Number.isNaN(limit)) return undefined;
  const text = `There are ${countPrimes(limit)} primes below ${limit}.\n`;
  return { type: 'text/plain; charset=utf-8', body: new TextEncoder().encode(text) };
}

/** The sieve of Eratosthenes. */
function countPrimes(limit) {
  const composite = new Uint8Array(limit);
  let count = 0;
  for (let n = 2; n < limit; n++) {
    if (composite[n] === 1) continue;
    count++;
    for (let multiple = n * n; multiple < limit; multiple += n) composite[multiple] = 1;
  }
  return count;
}
