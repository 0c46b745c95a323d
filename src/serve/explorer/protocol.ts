/**
 * What the explorer's page and its server say to each other. Types and constants only, for both sides.
 *
 * All requests are GET; answers are JSON unless said otherwise. All take `heap=<id>`, the heap meant; without it, the first
 * one. Page numbers are decimal, addresses decimal or 0x…. An error is a status of 4xx with `{ error: string }`: 400 for
 * parameters that make no sense, 404 for a heap that is not there (its program has ended, or it never was).
 *
 *   /api/heaps                                  HeapEntry[]; and HelloEvent at the start of /api/events
 *   /api/info                                   ExplorerInfo
 *   /api/events[?since=<sample>]                server-sent events, see below
 *   /api/history?since=<sample>                 History: what was sampled, up to the last 1200 samples
 *   /api/pages?since=<version>                  binary, see PagesHeader: chunks that changed after that version; 0: all
 *   /api/chunk?n=<chunk>                        ViewChunk
 *   /api/span?page=<page>[&from=<slot>]         ViewSpanDetail | { nothing: string }: the span that has this page
 *   /api/object?address=<a>[&via=<pointer>][&type=<name>]   ViewObject | ViewNothing
 *   /api/threads                                ViewThread[]
 *   /api/central                                ViewCentral[]
 *   /api/classes                                ViewClassUse[]
 *   /api/top                                    ViewTypes: objects and bytes by type
 *   /api/types                                  ViewTypeInfo[]: what is registered
 *   /api/roots                                  ViewRoot[], at most 1000
 *   /api/pagealloc                              ViewPageAlloc
 *   /api/gc                                     ViewGC: settings, last 64 cycles, last 256 pauses
 *
 * `via` of an object: the address of the pointer that was followed to it (a field's, start + offset); what it is can then be
 * told without a search. `type`: read it as a value of this registered type.
 *
 * Besides the page: /metrics (Prometheus), /debug/pprof/… (profiles), as in docs/observe.md.
 *
 * Events. `id` of history and tick is the sample's number; a browser that connects again sends the last one it has, and
 * gets what it missed as a `history` event first, as far as it is still there. So does a client that was too slow.
 * Times: ViewSample.at.
 *
 *   event: hello     HelloEvent    once, at the beginning; as long as no heap is explored, not yet
 *   event: history   History       after hello, if there is any
 *   event: tick      TickEvent     every `intervalMs`; none is skipped but by a `history` that has it
 *   event: heaps     HeapEntry[]   a heap came or went
 *   : comment                      every 10 s, to keep the connection
 */
import type { CycleRecord } from '../../gc/stats.ts';
import type { ViewInfo, ViewSample } from '../../observe/view-types.ts';

export * from '../../observe/view-types.ts';
export type { CycleRecord };

/** Raised when the page and the server would misunderstand each other. */
export const PROTOCOL = 1;

export interface HeapEntry {
  readonly id: number;
  /** What its program calls it, or 'heap 1'. */
  readonly name: string;
  readonly maxBytes: number;
}

export interface ExplorerInfo extends ViewInfo {
  readonly protocol: number;
  /** Of the package. */
  readonly version: string;
  readonly heap: HeapEntry;
  readonly intervalMs: number;
  /** Samples that are kept. */
  readonly historyLength: number;
}

export interface HelloEvent {
  readonly protocol: number;
  readonly heaps: readonly HeapEntry[];
  readonly info: ExplorerInfo;
}

/** A sample has a number; they count from 1. */
export interface NumberedSample extends ViewSample {
  readonly n: number;
}

export interface History {
  readonly samples: readonly NumberedSample[];
  /** Cycles that have ended since the first of these samples, at most 1200. `at`: ns since the heap was made. */
  readonly cycles: readonly CycleRecord[];
}

export interface TickEvent {
  readonly sample: NumberedSample;
  /** Cycles that have ended since the last tick. */
  readonly cycles: readonly CycleRecord[];
  /** Version of the page map, and how many chunks have changed since the last tick: fetch /api/pages?since=. */
  readonly pages: { readonly version: number; readonly changed: number };
  /** Threads in short: [id, index into THREAD_STATUS], for the ones that are attached. */
  readonly threads: readonly (readonly [id: number, status: number])[];
}

/** Indices of TickEvent.threads. */
export const THREAD_STATUS = ['FREE', 'IDLE', 'RUNNING', 'STOPPED', 'DEAD', 'BLOCKED', 'HALTED'] as const;

/**
 * /api/pages answers application/octet-stream, little-endian:
 *
 *   u32 PAGES_MAGIC, u32 version, u32 pages known (grown), u32 pages of the reservation, u32 chunks that follow
 *   for each: u32 chunk number, 512 × u16 pages (see PAGE_CLASS_MASK … in observe/view-types.ts)
 *
 * Pages beyond the reservation are 0. Chunks that never left state `unknown` are not sent.
 */
export const PAGES_MAGIC = 0x47415053;
export const PAGES_HEADER_BYTES = 20;
export const PAGES_CHUNK_BYTES = 4 + 512 * 2;

/** Answer of /api/span when no span has the page. */
export interface NoSpan {
  readonly nothing: string;
}

/** Answers of errors. */
export interface ErrorAnswer {
  readonly error: string;
}
