// Writes the package's declarations: node scripts/types.mjs [FOLDER], by default dist/types.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('..', import.meta.url));
const outDir = process.argv[2] ?? join(cwd, 'dist/types');
// What is no source any more has no declarations either.
rmSync(outDir, { recursive: true, force: true });
const tsc = join(cwd, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json', '--outDir', outDir], { cwd, stdio: 'inherit' });
// Declarations keep the sources' `.ts` specifiers, which a user's compiler would look for in vain.
for (const file of readdirSync(outDir, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.d.ts')) continue;
  const path = join(outDir, file);
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(from\s+'|import\(')(\.[^']*)\.ts'/g, "$1$2.js'"));
}
