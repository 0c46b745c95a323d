/**
 * A recording in memory: typed arrays in shared memory, one column per field, so that a million events take 14 MB, parse
 * in a fraction of a second and are given to workers without a copy.
 *
 *   events    ops[e]  subjects[e]        results[e]       eventThreads[e]
 *             a, c    the object made    -                dense number of the thread (see `threadIds`)
 *             f       the object freed   -
 *             r       the object resized the object made
 *   objects   ids[o]  sizes[o]  born[o]  died[o]          numbered from 0 in the order they were made
 *
 * Objects are never reused: what a recording calls the same address twice is two objects here. A recording that exists
 * has been checked completely (`RecordingBuilder` and the readers in `formats/`): every free and resize names an object
 * that is live at that point.
 */

export const OP_ALLOC = 0;
export const OP_CALLOC = 1;
export const OP_FREE = 2;
export const OP_RESIZE = 3;

/** `died[o]` of an object that is alive at the end. */
export const NEVER = 0xffffffff;

/** Addresses are 32-bit, so no object can be larger than this. */
export const MAX_OBJECT_BYTES = 0xffffffff;

/** More threads than any program has; thread numbers are stored in 16 bits. */
const MAX_RECORDED_THREADS = 0xffff;

export type RecordingFormat = 'spanheap-trace' | 'mtrace' | 'heaptrack';

export interface Columns {
  readonly ops: Uint8Array<SharedArrayBuffer>;
  readonly subjects: Uint32Array<SharedArrayBuffer>;
  readonly results: Uint32Array<SharedArrayBuffer>;
  readonly sizes: Uint32Array<SharedArrayBuffer>;
}

export interface Recording extends Columns {
  readonly file: string;
  readonly format: RecordingFormat;
  readonly events: number;
  readonly objects: number;
  /** The recording's own number of each thread, by dense number. */
  readonly threadIds: readonly number[];
  readonly eventThreads: Uint16Array<SharedArrayBuffer>;
  readonly born: Uint32Array<SharedArrayBuffer>;
  readonly died: Uint32Array<SharedArrayBuffer>;
  readonly ids: Float64Array<SharedArrayBuffer>;
  /** Highest sum of the sizes of live objects, in the recorded order. */
  readonly peakLiveBytes: number;
}

/** What a recording calls the object: addresses in hexadecimal, numbers as they are. */
export function objectName(recording: Pick<Recording, 'format' | 'ids'>, object: number): string {
  const id = recording.ids[object];
  return recording.format === 'mtrace' ? `0x${id.toString(16)}` : String(id);
}

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Collects events; the readers have checked the fields, this keeps objects, threads and the live bytes. */
export class RecordingBuilder {
  events = 0;
  objects = 0;
  /** Sum of the sizes of the objects that are live now. */
  liveBytes = 0;
  peakLiveBytes = 0;
  private ops = new Uint8Array(4096);
  private subjects = new Uint32Array(4096);
  private results = new Uint32Array(4096);
  private eventThreads = new Uint16Array(4096);
  private ids = new Float64Array(4096);
  private sizes = new Uint32Array(4096);
  private born = new Uint32Array(4096);
  private died = new Uint32Array(4096);
  private readonly threadIds: number[] = [];
  private readonly threadNumbers = new Map<number, number>();
  private lastThreadId = -1;
  private lastThread = -1;

  /** Dense number of a thread, or -1 when there are more threads than `MAX_RECORDED_THREADS`. */
  threadNumber(id: number): number {
    if (id === this.lastThreadId) return this.lastThread;
    let thread = this.threadNumbers.get(id);
    if (thread === undefined) {
      if (this.threadIds.length === MAX_RECORDED_THREADS) return -1;
      thread = this.threadIds.push(id) - 1;
      this.threadNumbers.set(id, thread);
    }
    this.lastThreadId = id;
    this.lastThread = thread;
    return thread;
  }

  isLive(object: number): boolean {
    return this.died[object] === NEVER;
  }

  /** Event that made the object. */
  bornAt(object: number): number {
    return this.born[object];
  }

  /** Event that freed or resized the object. */
  diedAt(object: number): number {
    return this.died[object];
  }

  /** `op` is OP_ALLOC or OP_CALLOC. */
  allocate(op: number, id: number, size: number, thread: number): number {
    const object = this.addObject(id, size);
    this.addEvent(op, object, 0, thread);
    return object;
  }

  free(object: number, thread: number): void {
    this.endObject(object);
    this.addEvent(OP_FREE, object, 0, thread);
  }

  resize(old: number, id: number, size: number, thread: number): number {
    // The old object ends first: a resize is not a moment in which both count as live.
    this.endObject(old);
    const object = this.addObject(id, size);
    this.addEvent(OP_RESIZE, old, object, thread);
    return object;
  }

  build(file: string, format: RecordingFormat): Recording {
    return {
      file,
      format,
      events: this.events,
      objects: this.objects,
      threadIds: this.threadIds,
      peakLiveBytes: this.peakLiveBytes,
      ops: shared<Uint8Array<SharedArrayBuffer>>(Uint8Array, this.ops, this.events),
      subjects: shared<Uint32Array<SharedArrayBuffer>>(Uint32Array, this.subjects, this.events),
      results: shared<Uint32Array<SharedArrayBuffer>>(Uint32Array, this.results, this.events),
      eventThreads: shared<Uint16Array<SharedArrayBuffer>>(Uint16Array, this.eventThreads, this.events),
      ids: shared<Float64Array<SharedArrayBuffer>>(Float64Array, this.ids, this.objects),
      sizes: shared<Uint32Array<SharedArrayBuffer>>(Uint32Array, this.sizes, this.objects),
      born: shared<Uint32Array<SharedArrayBuffer>>(Uint32Array, this.born, this.objects),
      died: shared<Uint32Array<SharedArrayBuffer>>(Uint32Array, this.died, this.objects),
    };
  }

  private endObject(object: number): void {
    this.died[object] = this.events;
    this.liveBytes -= this.sizes[object];
  }

  private addObject(id: number, size: number): number {
    const object = this.objects;
    if (object === this.ids.length) this.growObjects();
    this.ids[object] = id;
    this.sizes[object] = size;
    this.born[object] = this.events;
    this.died[object] = NEVER;
    this.objects = object + 1;
    this.liveBytes += size;
    if (this.liveBytes > this.peakLiveBytes) this.peakLiveBytes = this.liveBytes;
    return object;
  }

  private addEvent(op: number, subject: number, result: number, thread: number): void {
    const event = this.events;
    if (event === this.ops.length) this.growEvents();
    this.ops[event] = op;
    this.subjects[event] = subject;
    this.results[event] = result;
    this.eventThreads[event] = thread;
    this.events = event + 1;
  }

  private growObjects(): void {
    const n = this.ids.length * 2;
    this.ids = grown(new Float64Array(n), this.ids);
    this.sizes = grown(new Uint32Array(n), this.sizes);
    this.born = grown(new Uint32Array(n), this.born);
    this.died = grown(new Uint32Array(n), this.died);
  }

  private growEvents(): void {
    const n = this.ops.length * 2;
    this.ops = grown(new Uint8Array(n), this.ops);
    this.subjects = grown(new Uint32Array(n), this.subjects);
    this.results = grown(new Uint32Array(n), this.results);
    this.eventThreads = grown(new Uint16Array(n), this.eventThreads);
  }
}

function grown<T extends Column>(larger: T, old: T): T {
  larger.set(old);
  return larger;
}

interface SharedColumn<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: SharedArrayBuffer): T & Column;
}

function shared<T>(type: SharedColumn<T>, column: Column, length: number): T {
  const copy = new type(new SharedArrayBuffer(length * type.BYTES_PER_ELEMENT));
  copy.set(column.subarray(0, length));
  return copy;
}
