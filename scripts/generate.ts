/** `npm run generate`: writes the generated sources. With `--check`: changes nothing, fails when one is stale. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { renderSizeClasses, SIZE_CLASSES_FILE } from './render-size-classes.ts';

const check = process.argv.includes('--check');
const text = renderSizeClasses();
const current = existsSync(SIZE_CLASSES_FILE) ? readFileSync(SIZE_CLASSES_FILE, 'utf8') : '';

if (current === text) {
  console.log(`${SIZE_CLASSES_FILE} is up to date`);
} else if (check) {
  console.error(`${SIZE_CLASSES_FILE} is stale: run npm run generate`);
  process.exitCode = 1;
} else {
  writeFileSync(SIZE_CLASSES_FILE, text);
  console.log(`${SIZE_CLASSES_FILE} written`);
}
