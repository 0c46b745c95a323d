/** The snapshot that is looked at: its graph, what was worked out of it, and lines that reports show of it. */
import { LISTS_AT_ONCE, retainedByTypes, type TypeTotals } from '../../analyze/by-type.ts';
import { type Dominators, UNREACHED } from '../../analyze/dominators.ts';
import { aroundAddress, namesLike, nodeAt, typesNamed } from '../../analyze/find.ts';
import type { HeapGraph } from '../../analyze/graph.ts';
import { addressText, edgeName, typeNameOf } from '../../analyze/labels.ts';
import { CliError, printable, quoted, UsageError } from '../errors.ts';
import type { ObjectLine, RootLine, TypeLine } from './outcome.ts';

const MOST_NAMES = 5;

export interface Subject {
  readonly file: string;
  readonly graph: HeapGraph;
  readonly dominators: Dominators;
  /** The name of a place in a map, by its key; undefined if the pointer is in no map. */
  readonly keyedPlace?: (from: number, edge: number) => string | undefined;
}

/** The place that a pointer is in, or the root. */
export function placeOf({ graph, keyedPlace }: Subject, from: number, edge: number): string {
  return keyedPlace?.(from, edge) ?? edgeName(graph, from, edge);
}

export function objectLine({ graph, dominators }: Subject, node: number): ObjectLine {
  return {
    address: addressText(graph.address[node]!),
    type: typeNameOf(graph, node),
    bytes: graph.size[node]!,
    retainedBytes: dominators.idom[node] === UNREACHED ? null : dominators.retained[node]!,
  };
}

/** `group`: its number. */
export function rootLine({ graph, dominators }: Subject, group: number): RootLine {
  const { name, kind, thread, count } = dominators.groups.list[group]!;
  return { root: name, kind, thread, pointers: count, retainedBytes: dominators.retained[graph.nodes + group]! };
}

/** With what the types retain: of the first `top`, and of as many as take no longer. */
export function typeLines({ graph, dominators }: Subject, totals: readonly TypeTotals[], top: number): TypeLine[] {
  const lists = totals.slice(0, Math.max(top, LISTS_AT_ONCE)).map(({ types }) => types);
  const retained = retainedByTypes(graph, dominators, lists);
  return totals.map((total, i) => ({
    type: total.name,
    objects: total.count,
    bytes: total.bytes,
    retainedBytes: retained[i] ?? null,
    unreachableObjects: total.unreachableCount,
    unreachableBytes: total.unreachableBytes,
  }));
}

/** An address as the options take it: `0x1f40`, or decimal. */
export function parseAddress(text: string, option: string): number {
  const address = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(address <= 0xffffffff)) {
    const hint = /^[0-9a-f]+$/i.test(text) ? `; write 0x${text}` : '; write it like 0x1f40, as the reports show it';
    throw new UsageError(`${option}: ${quoted(text)} is not an address${hint}`);
  }
  return address;
}

/** The object at an address, or around it. */
export function findObject({ file, graph }: Subject, address: number, option: string): number {
  const node = nodeAt(graph, address);
  if (node !== 0) return node;
  const around = printable(aroundAddress(graph, address));
  throw new CliError(`${option}: ${printable(file)} has no object at ${addressText(address)}: ${around}`);
}

/** The types of a name. */
export function findTypes({ file, graph }: Subject, name: string): number[] {
  const found = typesNamed(graph, name);
  if (found.length > 0) return found;
  const like = namesLike(graph, name, MOST_NAMES).map(quoted);
  const hint = like.length > 0 ? `; like it are ${like.join(', ')}` : '; without --type all are listed';
  throw new CliError(`--type: ${printable(file)} has no type ${quoted(name)}${hint}`);
}
