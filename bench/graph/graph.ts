// The graph of the graph case, and what its threads agree on: nodes with an id, a weight and four random neighbours.
import type { MessagePort } from 'node:worker_threads';
import { random } from '../workload.ts';

export const FORMS = ['spanheap', 'clone', 'clone of ids'] as const;
/** In our heap; as JS objects that point to each other; as JS objects with the ids of their neighbours. */
export type Form = (typeof FORMS)[number];

export const NEIGHBOURS = 4;
const SEED = 4711;

export interface GraphTask {
  readonly form: Form;
  readonly nodes: number;
  /** Reads a pass. */
  readonly reads: number;
  readonly warmPasses: number;
  readonly passes: number;
}

/** What both threads get as workerData. */
export interface ThreadData {
  readonly task: GraphTask;
  readonly port: MessagePort;
}

/** From the writer to the reader, as soon as the reader waits for it. */
export interface Delivery {
  /** Milliseconds of `now()`, before the writer did anything to hand the graph over. */
  readonly sentAt: number;
  readonly graph: unknown;
}

/** The graph as its reader holds it. */
export interface Reader {
  /** A node, a field, a neighbour, its field, for each id from `from` to `to`. */
  readonly read: (ids: Uint32Array, from: number, to: number) => number;
}

/** One clock for all threads of the process, in milliseconds. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export const weightOf = (id: number): number => (id % 1000) / 8;

/** Ids of all neighbours, `NEIGHBOURS` a node. */
export function edges(nodes: number): Uint32Array {
  const next = random(SEED);
  return new Uint32Array(nodes * NEIGHBOURS).map(() => Math.floor(next() * nodes));
}

/** Ids to read: as many as all passes need, so that no pass finds in the cache what the one before it read. */
export function readIds({ nodes, reads, warmPasses, passes }: GraphTask): Uint32Array {
  const next = random(SEED + 2);
  return new Uint32Array(reads * (warmPasses + passes)).map(() => Math.floor(next() * nodes));
}
