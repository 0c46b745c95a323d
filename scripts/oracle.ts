/** `npm run oracle -- DIR`: runs every vector file of the real Go runtime in DIR (see test/oracle/). */
import { formatFile, formatTotal, runPath } from '../test/oracle/run.ts';

const paths = process.argv.slice(2);
if (paths.length === 0) {
  console.error('usage: npm run oracle -- DIR');
  process.exit(1);
}
const reports = paths.flatMap((path) => runPath(path));
for (const report of reports) console.log(formatFile(report).join('\n'));
console.log(formatTotal(reports));
if (reports.some((r) => r.failures.length > 0)) process.exitCode = 1;
