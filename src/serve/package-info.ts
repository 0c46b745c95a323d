/** What the built programs know of the package they belong to: they all lie in dist, what they share in dist/chunks. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

// In two steps: bundlers take a `new URL` with `import.meta.url` in it for an asset. A bundle that is CommonJS has no
// address.
const HERE = import.meta.url ?? pathToFileURL(process.argv[1] ?? '.').href;
const DIST = new URL(/\/chunks\/[^/]*$/.test(HERE) ? '..' : '.', HERE);

/** A file in the folder of the program that runs. */
export function besideProgram(name: string): URL {
  return new URL(name, DIST);
}

/** The package's version; 'unknown' when it runs from elsewhere, as in a bundle of another package. */
export function packageVersion(): string {
  const manifest = besideProgram('../package.json');
  if (!existsSync(fileURLToPath(manifest))) return 'unknown';
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string; version: string };
  return name === 'spanheap' ? version : 'unknown';
}
