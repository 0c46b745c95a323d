/** A heap profile for the eye: as text in the style of Go's `debug=1`, and the page that lists the profiles. */
import type { MemProfile, MemProfileRecord } from '../observe/mem-profile.ts';
import type { StackFrame } from '../spans/profile-records.ts';
import { scaleHeapSample } from './pprof-encode.ts';
import { nameOf, Sources } from './pprof-sources.ts';

type Counts = Pick<MemProfileRecord, 'allocObjects' | 'allocBytes' | 'inuseObjects' | 'inuseBytes'>;

function countsText({ inuseObjects, inuseBytes, allocObjects, allocBytes }: Counts): string {
  return `${inuseObjects}: ${inuseBytes} [${allocObjects}: ${allocBytes}]`;
}

/**
 * In use and, in brackets, allocated: objects and bytes, as they were sampled; below each the stack. Numbers are not
 * scaled, as in Go's; a record that was sampled at another rate than the profile's says so, and the order is that of
 * what stands behind the samples, the largest first.
 */
export function heapProfileText(profile: MemProfile, by: 'inuseBytes' | 'allocBytes', sourceMaps: boolean): string {
  const sources = new Sources(sourceMaps);
  const bytesBehind = new Map(profile.records.map((r) => [r, estimate(r, by)]));
  const records = profile.records.toSorted(
    (a, b) => bytesBehind.get(b)! - bytesBehind.get(a)! || b.allocBytes - a.allocBytes,
  );
  const sum = (key: keyof Counts): number => records.reduce((total, record) => total + record[key], 0);
  const total = {
    allocObjects: sum('allocObjects'),
    allocBytes: sum('allocBytes'),
    inuseObjects: sum('inuseObjects'),
    inuseBytes: sum('inuseBytes'),
  };
  const lines = [`heap profile: ${countsText(total)} @ heap/${2 * profile.rate}`];
  for (const record of records) {
    const what = [
      record.type,
      `${record.size} bytes`,
      record.thread ? `worker ${record.thread}` : undefined,
      record.rate === profile.rate ? undefined : `rate ${record.rate}`,
    ];
    lines.push(`${countsText(record)} @ ${what.filter((part) => part !== undefined).join(', ')}`);
    for (const frame of sources.resolve(record.stack)) lines.push(`#\t${nameOf(frame)}\t${placeOf(frame)}`);
    lines.push('');
  }
  lines.push(`# rate = ${profile.rate}`, `# collections = ${profile.cycle}`, `# lost = ${profile.lost}`);
  return `${lines.join('\n')}\n`;
}

function estimate(r: MemProfileRecord, by: 'inuseBytes' | 'allocBytes'): number {
  return scaleHeapSample(by === 'inuseBytes' ? r.inuseObjects : r.allocObjects, r[by], r.rate)[1];
}

function placeOf({ file, line, column }: StackFrame): string {
  if (file === '') return 'native';
  return line === 0 ? file : `${file}:${line}:${column}`;
}

/** Text as it is written in HTML. */
export function escapeHtml(text: string): string {
  const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** The page at /debug/pprof/. `base`: the address that it is at, with a slash at its end. */
export function indexPage(profile: MemProfile, base: string): string {
  const rows = [
    ['heap', 'objects in use at the end of the last collection; ?gc=1 collects first'],
    ['allocs', 'all that was allocated since the heap was made'],
  ].map(([name, what]) => {
    const href = escapeHtml(`${base}${name}`);
    return `<tr><td>${profile.records.length}</td><td><a href="${href}?debug=1">${name}</a></td><td><a href="${href}">${name}.pb.gz</a></td><td>${escapeHtml(what!)}</td></tr>`;
  });
  const rate = profile.rate === 0 ? 'Sampling is off: see memProfileRate.' : `One sample in ${profile.rate} bytes.`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(base)}</title></head>
<body>
<h1>Heap profiles</h1>
<p>${rate} Parameters: <code>debug=1</code> text, <code>gc=1</code> collect first, <code>seconds=N</code> what changes in N seconds.</p>
<table>
<thead><tr><th>stacks</th><th>text</th><th>profile</th><th></th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</body>
</html>
`;
}
