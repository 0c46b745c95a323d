/**
 * Writes Chrome's trace-event format (JSON array; `ui.perfetto.dev` and `chrome://tracing` open it): a track for each thread,
 * with its assists and marking as slices and its spans and large objects as instants; a track for the collector's cycles with
 * their phases, one for stops of the world; counters for the heap.
 *
 * Millions of objects would be no use there, so they are counted: how many, and how many bytes, in each millisecond.
 * What is written so far can be opened at any time: the format does not ask for the closing bracket.
 */
import type { AllocEvent, StopReason } from '../../index.ts';
import { isLargeClass, isNoscan, sizeClassOf } from '../../layout/span-class.ts';
import type { ChunkFile } from './chunk-file.ts';
import type { TraceWriter } from './writer.ts';

/** Its process. Threads have their ids of the heap as `tid`; these are the other tracks. */
const PID = 1;
const TID_GC = 1000;
const TID_STOPS = 1001;
/** Objects above this are told one by one: they have spans of their own. */
const LARGE = 32_768;
const BUCKET_NS = 1e6;

const STOPS: Readonly<Record<StopReason, string>> = {
  markSetup: 'stop: mark setup',
  markTermination: 'stop: mark termination',
  other: 'stop',
};

type Args = Readonly<Record<string, string | number | boolean>>;

const hex = (addr: number): string => `0x${addr.toString(16)}`;
const micros = (ns: number): number => Math.round(Math.max(0, ns)) / 1000;

/** A slice that has begun. */
interface Slice {
  readonly name: string;
  readonly from: number;
  readonly args: Args;
}

export class ChromeWriter implements TraceWriter {
  events = 0;
  objects = 0;
  live = 0;
  readonly repaired = 0;
  readonly #file: ChunkFile;
  readonly #named = new Set<number>();
  readonly #large = new Set<number>();
  /** The millisecond that is being counted. */
  #bucket = 0;
  #allocated = 0;
  #bytes = 0;
  #freed = 0;
  #swept = 0;
  /** The last bucket had something to count: the next one must say if it has not. */
  #counting = false;
  #heapLive = 0;
  #heapGoal = Number.POSITIVE_INFINITY;
  #heapInUse = 0;
  #heapChanged = false;
  #cycle: Slice | undefined;
  #phase: Slice | undefined;
  /** Time of the last event. */
  #now = 0;

  constructor(file: ChunkFile) {
    this.#file = file;
    file.write('[');
    this.#meta('process_name', 0, { name: 'spanheap' });
    this.#track(TID_GC, 'garbage collector', -2);
    this.#track(TID_STOPS, 'stops of the world', -1);
  }

  add(e: AllocEvent): void {
    const bucket = Math.floor(e.time / BUCKET_NS);
    if (bucket > this.#bucket) this.#closeBucket(bucket);
    this.#now = Math.max(this.#now, e.time);
    switch (e.kind) {
      case 'alive':
      case 'alloc':
        this.#begin(e, e.kind === 'alloc');
        break;
      case 'free':
      case 'sweep':
        this.#end(e, e.address);
        break;
      case 'realloc':
        this.#end(e, e.oldAddress);
        this.#begin(e, true);
        break;
      default:
        this.#rare(e);
    }
  }

  finish(): void {
    this.#closeBucket(this.#bucket + 1);
    this.#endPhase(this.#now, { unfinished: true });
    this.#endCycle(this.#now, { unfinished: true });
    this.#file.write('\n]\n');
  }

  #begin(e: AllocEvent, isNew: boolean): void {
    this.objects++;
    this.live++;
    if (!isNew) {
      if (e.size > LARGE) this.#large.add(e.address);
      return;
    }
    this.#allocated++;
    this.#bytes += e.size;
    if (e.size <= LARGE) return;
    this.#large.add(e.address);
    this.#instant('large object', e, { address: hex(e.address), bytes: e.size, type: e.type });
  }

  #end(e: AllocEvent, addr: number): void {
    this.live--;
    if (e.kind === 'sweep') this.#swept++;
    else this.#freed++;
    if (this.#large.delete(addr)) this.#instant('large object freed', e, { address: hex(addr), by: e.kind });
  }

  #rare(e: AllocEvent): void {
    switch (e.kind) {
      case 'start':
        this.#setHeap(e.heapLive, e.heapGoal, e.heapInUse);
        break;
      case 'spanAlloc':
      case 'spanFree':
        this.#setHeap(e.heapLive, this.#heapGoal, e.heapInUse);
        this.#span(e);
        break;
      case 'grow':
        this.#instant('heap grows', e, { address: hex(e.address), bytes: e.size });
        break;
      case 'attach':
        this.#nameThread(e.thread, e.worker);
        break;
      case 'detach':
        this.#instant('detach', e, {});
        this.#named.delete(e.thread);
        break;
      case 'reaped':
        this.#instant('reaped', e, { thread: e.worker });
        this.#named.delete(e.worker);
        break;
      case 'lost':
        this.#instant('events lost', e, { count: e.count });
        break;
      default:
        this.#collector(e);
    }
  }

  #span(e: AllocEvent): void {
    const what = e.manual ? 'manual span' : isLargeClass(e.spanClass) ? 'large span' : 'span';
    const args = {
      address: hex(e.address),
      bytes: e.size,
      class: sizeClassOf(e.spanClass),
      noscan: isNoscan(e.spanClass),
    };
    this.#instant(e.kind === 'spanAlloc' ? what : `${what} freed`, e, args);
  }

  #collector(e: AllocEvent): void {
    switch (e.kind) {
      case 'cycleBegin':
        this.#setHeap(e.heapLive, e.heapGoal, this.#heapInUse);
        this.#cycle = { name: `GC cycle ${e.cycle}`, from: e.time, args: { cycle: e.cycle, forced: e.forced } };
        this.#phase = { name: 'mark', from: e.time, args: { live: e.heapLive } };
        break;
      case 'markTermination':
        // A trace may begin in the middle of a cycle.
        this.#cycle ??= { name: `GC cycle ${e.cycle}`, from: 0, args: { cycle: e.cycle } };
        this.#phase ??= { name: 'mark', from: 0, args: {} };
        this.#endPhase(e.time, { marked: e.heapMarked });
        this.#setHeap(e.heapMarked, e.heapGoal, this.#heapInUse);
        this.#phase = { name: 'sweep', from: e.time, args: {} };
        break;
      case 'sweepDone':
        this.#endPhase(e.time, {});
        this.#endCycle(e.time, {});
        break;
      case 'stopEnd':
        this.#slice(TID_STOPS, STOPS[e.reason], e.time - e.duration, e.time, {
          thread: e.thread,
          'until all stood (µs)': micros(e.stopping),
        });
        break;
      case 'assistEnd':
      case 'mark':
        this.#thread(e);
        this.#slice(e.thread, e.kind === 'mark' ? 'mark' : 'assist', e.time - e.duration, e.time, { bytes: e.scanned });
        break;
    }
  }

  #endPhase(at: number, more: Args): void {
    if (this.#phase === undefined) return;
    this.#slice(TID_GC, this.#phase.name, this.#phase.from, at, { ...this.#phase.args, ...more });
    this.#phase = undefined;
  }

  #endCycle(at: number, more: Args): void {
    if (this.#cycle === undefined) return;
    this.#slice(TID_GC, this.#cycle.name, this.#cycle.from, at, { ...this.#cycle.args, ...more });
    this.#cycle = undefined;
  }

  #setHeap(live: number, goal: number, inUse: number): void {
    this.#heapLive = live;
    this.#heapGoal = goal;
    this.#heapInUse = inUse;
    this.#heapChanged = true;
  }

  /** Writes the counters of the millisecond that is over. */
  #closeBucket(next: number): void {
    const from = this.#bucket * BUCKET_NS;
    const any = this.#allocated + this.#freed + this.#swept > 0;
    if (any || this.#counting) this.#counters(from);
    // Zero from the first millisecond on in which nothing happened.
    if (any && next > this.#bucket + 1) {
      this.#allocated = this.#bytes = this.#freed = this.#swept = 0;
      this.#counters(from + BUCKET_NS);
    }
    this.#counting = any && next === this.#bucket + 1;
    if (this.#heapChanged) {
      const goal = Number.isFinite(this.#heapGoal) ? { goal: this.#heapGoal } : {};
      this.#counter('heap', from, { live: this.#heapLive, ...goal });
      this.#counter('heap in use', from, { bytes: this.#heapInUse });
    }
    this.#heapChanged = false;
    this.#allocated = this.#bytes = this.#freed = this.#swept = 0;
    this.#bucket = next;
  }

  #counters(at: number): void {
    this.#counter('bytes allocated per ms', at, { bytes: this.#bytes });
    this.#counter('objects per ms', at, { allocated: this.#allocated, freed: this.#freed, swept: this.#swept });
    this.#counter('live objects', at, { objects: Math.max(0, this.live) });
  }

  /** Attached before the trace began, or unknown because events were lost. */
  #thread(e: AllocEvent): void {
    if (!this.#named.has(e.thread)) this.#nameThread(e.thread, -1);
  }

  #nameThread(id: number, worker: number): void {
    this.#named.add(id);
    const who = worker < 0 ? '' : worker === 0 ? ' (main)' : ` (worker ${worker})`;
    this.#track(id, `thread ${id}${who}`, id);
  }

  #track(tid: number, name: string, order: number): void {
    this.#meta('thread_name', tid, { name });
    this.#meta('thread_sort_index', tid, { sort_index: order });
  }

  #meta(name: string, tid: number, args: Args): void {
    this.#put(
      `{"ph":"M","pid":${PID},"tid":${tid},"ts":0,"name":${JSON.stringify(name)},"args":${JSON.stringify(args)}}`,
    );
  }

  #instant(name: string, e: AllocEvent, args: Args): void {
    this.#thread(e);
    const at = `"ts":${micros(e.time)},"name":${JSON.stringify(name)},"args":${JSON.stringify(args)}`;
    this.#put(`{"ph":"i","s":"t","pid":${PID},"tid":${e.thread},${at}}`);
  }

  #slice(tid: number, name: string, from: number, to: number, args: Args): void {
    const begin = micros(from);
    const dur = Math.round(Math.max(0, micros(to) - begin) * 1000) / 1000;
    const what = `"name":${JSON.stringify(name)},"args":${JSON.stringify(args)}`;
    this.#put(`{"ph":"X","cat":"gc","pid":${PID},"tid":${tid},"ts":${begin},"dur":${dur},${what}}`);
  }

  #counter(name: string, at: number, args: Args): void {
    this.#put(
      `{"ph":"C","pid":${PID},"tid":0,"ts":${micros(at)},"name":${JSON.stringify(name)},"args":${JSON.stringify(args)}}`,
    );
  }

  #put(text: string): void {
    this.#file.write(`${this.events === 0 ? '\n' : ',\n'}${text}`);
    this.events++;
  }
}
