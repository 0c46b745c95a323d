/** The parts of the report for which the contents of objects are read: values, duplicate strings, names in DevTools. */
import { duplicateTexts } from '../../analyze/duplicates.ts';
import type { HeapGraph } from '../../analyze/graph.ts';
import { addressText } from '../../analyze/labels.ts';
import { MapKeys } from '../../analyze/map-keys.ts';
import type { SnapshotObjects } from '../../analyze/read-object.ts';
import type { Snapshot } from '../../analyze/snapshot.ts';
import { TextReader, textLengths } from '../../analyze/texts.ts';
import { readingProgress } from '../progress.ts';
import type { StringsView, ValueLine } from './outcome.ts';
import type { Subject } from './subject.ts';
import { bytesText, keyText, textInQuotes, valueLines } from './values.ts';

/** Bytes of a text that are looked at for a report. */
const TEXT_BYTES = 1024;

/** Reads texts; collects their lengths first, which is a pass over the file. */
export function textReader({ file, graph }: Subject, snapshot: Snapshot): { reader: TextReader; lengths: Uint32Array } {
  const progress = readingProgress(file, snapshot.bytes);
  try {
    const lengths = textLengths(snapshot, graph, progress.update);
    return { reader: new TextReader(snapshot, graph, lengths), lengths };
  } finally {
    progress.stop();
  }
}

export function stringsOf(subject: Subject, snapshot: Snapshot, top: number): StringsView {
  const { file, graph } = subject;
  const { reader, lengths } = textReader(subject, snapshot);
  const progress = readingProgress(file, snapshot.bytes);
  try {
    const found = duplicateTexts(snapshot, graph, lengths, top, progress.update);
    const duplicates = found.list.map(({ copies, wastedBytes, nodes }) => ({
      text: shownText(reader, nodes[0]!),
      length: lengths[nodes[0]!]!,
      copies,
      wastedBytes,
      addresses: nodes.map((node) => addressText(graph.address[node]!)),
    }));
    const { texts, bytes, distinct, wastedBytes } = found;
    return { strings: texts, bytes, distinct, wastedBytes, duplicates };
  } finally {
    progress.stop();
  }
}

function shownText(reader: TextReader, node: number): string {
  const text = reader.textOf(node, TEXT_BYTES);
  return text === undefined ? bytesText(reader.bytesOf(node, TEXT_BYTES) ?? new Uint8Array(0)) : text;
}

/** What is in an object, as far as its type says; null if nothing is known of it. */
export function valuesOf(
  subject: Subject,
  snapshot: Snapshot,
  objects: SnapshotObjects,
  node: number,
  top: number,
): ValueLine[] | null {
  const { graph } = subject;
  const type = graph.types[graph.type[node]!]!;
  // Parts of maps: their header has the entries.
  if (type.kind === 'unknown' || / (?:directory|table|group|value)$/.test(type.name)) return null;
  if (graph.firstEdge[node] === graph.firstEdge[node + 1] && isText(type.name)) {
    const { reader } = textReader(subject, snapshot);
    const text = reader.textOf(node, TEXT_BYTES);
    const bytes = reader.bytesOf(node, TEXT_BYTES);
    return bytes === undefined
      ? null
      : [{ place: '', type: type.name, value: text === undefined ? bytesText(bytes) : textInQuotes(text) }];
  }
  const info = objects.readObject(graph.address[node]!, type.name);
  return info.type === null ? null : valueLines(info, type.fields, top);
}

function isText(name: string): boolean {
  return name === 'string bytes' || name === 'bytes' || name === 'map key bytes';
}

/** Places in maps by their keys. */
export function keyedPlaces(graph: HeapGraph, objects: SnapshotObjects): NonNullable<Subject['keyedPlace']> {
  const keys = new MapKeys(graph, objects);
  return (from, edge) => {
    const found = from === 0 ? undefined : keys.at(from, graph.edgeOffset[edge]!);
    if (found === undefined) return undefined;
    const rest =
      found.field === 'value' ? '' : found.field.replace(/^value/, '').replace(/^key$/, ' (text of the key)');
    return keyText(found.key) + rest;
  };
}
