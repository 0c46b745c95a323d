/**
 * Records the allocation trace of a heap in a file: as a recording for `spanheap replay`, or for Perfetto.
 *
 * The rings are emptied by a timer of this thread, and in the middle of an allocation when its own ring is full; both
 * write the file at once, so what a program did is not lost when it ends without `stop`: the rest is written when the
 * process exits. The timer does not keep the program alive.
 */
import { checkNames } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import type { AllocEvent, AllocTrace, Heap } from '../index.ts';
import { ChromeWriter } from './trace/chrome-writer.ts';
import { ChunkFile } from './trace/chunk-file.ts';
import { TextWriter } from './trace/text-writer.ts';
import type { TraceWriter } from './trace/writer.ts';

/** How a trace is written: see `RecordOptions.format`. */
export type TraceFormat = 'spanheap-trace' | 'chrome';

/** Options of `recordTrace`. */
export interface RecordOptions {
  /**
   * 'spanheap-trace': what `spanheap replay` reads. 'chrome': Chrome's trace-event JSON, for ui.perfetto.dev. Default:
   * 'chrome' for names that end with .json or .json.gz, 'spanheap-trace' for others.
   */
  readonly format?: TraceFormat | undefined;
  /** Events that each thread's ring has room for: see `heap.startTrace`. */
  readonly ringEvents?: number | undefined;
}

/** What was recorded. */
export interface TraceSummary {
  readonly path: string;
  readonly format: TraceFormat;
  /** Lines of a recording, or events of a Chrome trace. */
  readonly events: number;
  /** Objects, those that were alive at the begin included. */
  readonly objects: number;
  /** Of these, alive at the end. */
  readonly live: number;
  /** Events that were lost: rings were full for too long, or a thread died. 0: the recording is complete. */
  readonly lost: number;
  /** Ends of objects that a recording made up, or left out, because of what was lost. */
  readonly repaired: number;
  /** Size of the file. */
  readonly bytes: number;
  readonly seconds: number;
}

/** A trace that is being written: what `recordTrace` returns. */
export interface TraceRecording {
  /** Events lost so far. */
  readonly lost: number;
  /**
   * Ends the trace, writes the rest, and tells what was recorded. Throws what writing threw, such as ENOSPC: the heap is
   * not disturbed by that, but the file ends there. A second call gives the same.
   */
  stop(): Promise<TraceSummary>;
}

/** Milliseconds between two looks at rings that had little in them. */
const NAP_MS = 10;
/** Events in one look from which on the next follows at once. */
const MANY = 2048;
/** Events between two breaths of the event loop when the end is written. */
const SLICE = 16384;

/** `name` by itself says which format. */
export function traceFormatOf(name: string): TraceFormat {
  return /\.json(\.gz)?$/i.test(name) ? 'chrome' : 'spanheap-trace';
}

/**
 * Begins to record what all threads of the heap allocate and free, in a file (compressed if its name ends with .gz),
 * until `stop`. Throws what `heap.startTrace` throws, ArgumentError for an unknown format, and what node:fs throws if
 * the file cannot be made. Calls of malloc and free are slower meanwhile; see docs/observe.md.
 */
export function recordTrace(heap: Pick<Heap, 'startTrace'>, path: string, options: RecordOptions = {}): TraceRecording {
  checkNames('recordTrace', options, ['format', 'ringEvents']);
  const format = options.format ?? traceFormatOf(path);
  if (format !== 'chrome' && format !== 'spanheap-trace') {
    throw new ArgumentError(
      'ERR_INVALID_ARGUMENT',
      `recordTrace: format must be 'spanheap-trace' or 'chrome', not ${describe(format)}`,
    );
  }
  const ring = options.ringEvents === undefined ? {} : { ringEvents: options.ringEvents };
  return new Recorder(path, format, (onFull) => heap.startTrace({ ...ring, onFull }));
}

class Recorder implements TraceRecording {
  readonly #path: string;
  readonly #format: TraceFormat;
  readonly #file: ChunkFile;
  readonly #writer: TraceWriter;
  readonly #trace: AllocTrace;
  readonly #begun = performance.now();
  readonly #visit = (event: AllocEvent): void => this.#writer.add(event);
  readonly #atExit = (): void => this.#finishNow();
  #failure: unknown;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #stopped: Promise<TraceSummary> | undefined;

  constructor(path: string, format: TraceFormat, start: (onFull: () => void) => AllocTrace) {
    this.#path = path;
    this.#format = format;
    this.#file = new ChunkFile(path);
    this.#writer = format === 'chrome' ? new ChromeWriter(this.#file) : new TextWriter(this.#file);
    try {
      this.#trace = start(() => this.#makeRoom());
    } catch (error) {
      this.#file.close();
      throw error;
    }
    process.once('exit', this.#atExit);
    this.#schedule(0);
  }

  get lost(): number {
    return this.#trace.lost;
  }

  stop(): Promise<TraceSummary> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<TraceSummary> {
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    try {
      this.#trace.stop();
    } catch (error) {
      this.#failure ??= error;
    }
    const seconds = (performance.now() - this.#begun) / 1000;
    while (this.#drain(SLICE) > 0) await new Promise(setImmediate);
    process.off('exit', this.#atExit);
    this.#end();
    if (this.#failure !== undefined) throw this.#failure;
    const { events, objects, live, repaired } = this.#writer;
    const { lost } = this.#trace;
    return {
      path: this.#path,
      format: this.#format,
      events,
      objects,
      live,
      lost,
      repaired,
      bytes: this.#file.bytes,
      seconds,
    };
  }

  #schedule(read: number): void {
    const again = (): void => {
      if (this.#stopped === undefined) this.#schedule(this.#drain(SLICE));
    };
    this.#timer = read >= MANY ? setImmediate(again) : setTimeout(again, NAP_MS);
    this.#timer.unref();
  }

  /**
   * Writes what can be read, up to `max` events. If the file fails, what comes is read all the same, and thrown away: the
   * writers must not wait for it.
   */
  #drain(max: number): number {
    const visit = this.#failure === undefined ? this.#visit : (): void => {};
    try {
      return this.#trace.drain(visit, max);
    } catch (error) {
      this.#failure ??= error;
      return 1;
    }
  }

  /**
   * In the middle of an allocation or a sweep. All that is in the rings is read, or others that are nearly full would have
   * to wait for this thread soon, perhaps while it waits for them to stop; but not what they write meanwhile: they may be
   * as fast as this.
   */
  #makeRoom(): void {
    while (this.#drain(Number.POSITIVE_INFINITY) > 0 && this.#trace.full);
  }

  #end(): void {
    try {
      if (this.#failure === undefined) {
        this.#writer.finish();
        this.#file.flush();
      }
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#file.close();
    }
  }

  /** The process ends: nobody can be waited for, but what is there can be written, while other threads may go on. */
  #finishNow(): void {
    this.#drain(Number.POSITIVE_INFINITY);
    this.#end();
  }
}
