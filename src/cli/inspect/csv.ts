/** `--csv`: the main table of what was asked for, as RFC 4180 has it; sizes in bytes. */
import type { InspectOutcome } from './outcome.ts';

type Cell = string | number | null;
type Line = readonly Cell[];

export function inspectCsv(outcome: InspectOutcome): string {
  return linesOf(outcome)
    .map((line) => `${line.map(cell).join(',')}\r\n`)
    .join('');
}

function cell(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** The first of what was asked for. */
function linesOf({ diff, path, retainers, object, type, strings, sizes, roots, overview }: InspectOutcome): Line[] {
  if (diff !== undefined) {
    const lines = diff.types.map(
      (t): Line => [
        ...[t.name, t.count, t.countChange, t.bytes, t.bytesChange],
        ...[t.newCount, t.newBytes, t.goneCount, t.goneBytes],
      ],
    );
    const head = 'type,objects,objects change,bytes,bytes change,new objects,new bytes,gone objects,gone bytes';
    return [head.split(','), ...lines];
  }
  if (path !== undefined) {
    const lines = path.paths.flatMap((steps, i) =>
      steps.map(({ place, object: o }, k): Line => [i + 1, k + 1, place, o.type, o.address, o.bytes, o.retainedBytes]),
    );
    return [['path', 'step', 'through', 'type', 'address', 'bytes', 'retained bytes'], ...lines];
  }
  if (retainers !== undefined) {
    const lines = retainers.retainers.map(({ place, object: o }): Line => {
      return [place, ...(o === null ? ['', '', null, null] : [o.type, o.address, o.bytes, o.retainedBytes])];
    });
    return [['place', 'type', 'address', 'bytes', 'retained bytes'], ...lines];
  }
  if (object !== undefined) {
    const lines = object.pointers.map(
      ({ place, object: o }): Line => [...[place, o.type, o.address, o.bytes, o.retainedBytes]],
    );
    return [['place', 'type', 'address', 'bytes', 'retained bytes'], ...lines];
  }
  if (type !== undefined) {
    const lines = type.biggest.map((o): Line => [o.type, o.address, o.bytes, o.retainedBytes]);
    return [['type', 'address', 'bytes', 'retained bytes'], ...lines];
  }
  if (strings !== undefined) {
    const lines = strings.duplicates.map((d): Line => [d.text, d.length, d.copies, d.wastedBytes]);
    return [['text', 'length', 'copies', 'wasted bytes'], ...lines];
  }
  if (sizes !== undefined) {
    const lines = sizes.map((s): Line => [s.isLarge ? 'large' : s.size, s.count, s.bytes]);
    return [['slot bytes', 'objects', 'bytes'], ...lines];
  }
  if (roots !== undefined) {
    const lines = roots.roots.map((r): Line => [r.root, r.kind, r.thread, r.pointers, r.retainedBytes]);
    return [['root', 'kind', 'thread', 'pointers', 'retained bytes'], ...lines];
  }
  const lines = (overview?.types ?? []).map(
    (t): Line => [...[t.type, t.objects, t.bytes, t.retainedBytes, t.unreachableObjects, t.unreachableBytes]],
  );
  return [['type', 'objects', 'bytes', 'retained bytes', 'unreachable objects', 'unreachable bytes'], ...lines];
}
