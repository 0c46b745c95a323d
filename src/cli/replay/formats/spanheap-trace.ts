/**
 * Reader of spanheap's own text, one event a line behind `# spanheap-trace 1`:
 *
 *   a ID SIZE THREAD         allocate SIZE bytes; the object is ID from here on
 *   c ID SIZE THREAD         the same, the memory must read as zero
 *   f ID THREAD              free ID
 *   r OLD NEW SIZE THREAD    resize OLD to SIZE bytes; it is NEW from here on
 *
 * IDs are positive integers, never used twice; fields are decimal, one space apart.
 */
import { NumberMap } from '../../../base/number-map.ts';
import { quoted } from '../../errors.ts';
import { OP_ALLOC, OP_CALLOC } from '../recording.ts';
import { LineReader } from './line-reader.ts';

export const SPANHEAP_TRACE_HEADER = '# spanheap-trace 1';

const SPACE = 32;
const LETTER_A = 97;
const LETTER_C = 99;
const LETTER_F = 102;
const LETTER_R = 114;

export class SpanheapTraceReader extends LineReader {
  /** Objects by ID; dead ones stay, to catch an ID that is used again. */
  private readonly objects = new NumberMap();

  constructor(file: string) {
    super(file, 'spanheap-trace');
  }

  protected line(): void {
    if (this.lineNumber === 1) return; // the header, which brought us here
    const { bytes, start } = this;
    if (this.end - start < 2 || bytes[start + 1] !== SPACE) this.unknownLine();
    this.at = start + 2;
    const kind = bytes[start];
    if (kind === LETTER_A) this.allocate(OP_ALLOC);
    else if (kind === LETTER_C) this.allocate(OP_CALLOC);
    else if (kind === LETTER_F) this.free();
    else if (kind === LETTER_R) this.resize();
    else this.unknownLine();
  }

  private allocate(op: number): void {
    const id = this.newId();
    const size = this.size();
    const thread = this.thread();
    this.objects.set(id, this.builder.allocate(op, id, size, thread));
  }

  private free(): void {
    const object = this.liveObject('free');
    this.builder.free(object, this.thread());
  }

  private resize(): void {
    const old = this.liveObject('resize');
    const id = this.newId();
    const size = this.size();
    const thread = this.thread();
    this.objects.set(id, this.builder.resize(old, id, size, thread));
  }

  private id(): number {
    const field = this.at;
    if (field > this.end) this.fail(`${quoted(this.text(this.start, this.end))} is cut short: the ID is missing`);
    const id = this.decimal();
    if (id <= 0) this.fail(`ID ${quoted(this.fieldText(field))} is not a positive integer`);
    return id;
  }

  private newId(): number {
    const id = this.id();
    const object = this.objects.get(id);
    if (object >= 0) this.fail(`ID ${id} is used twice, first on line ${lineOf(this.builder.bornAt(object))}`);
    return id;
  }

  private liveObject(verb: 'free' | 'resize'): number {
    const id = this.id();
    const object = this.objects.get(id);
    if (object < 0) this.fail(`${verb} of ${id}, which is not live: it was never allocated`);
    if (!this.builder.isLive(object)) {
      this.fail(`${verb} of ${id}, which is not live: it ended on line ${lineOf(this.builder.diedAt(object))}`);
    }
    return object;
  }

  private size(): number {
    const field = this.at;
    if (field > this.end) this.fail(`${quoted(this.text(this.start, this.end))} is cut short: the SIZE is missing`);
    const size = this.decimal();
    this.checkSize(size, field);
    return size;
  }

  private thread(): number {
    const field = this.at;
    if (field > this.end) this.fail(`${quoted(this.text(this.start, this.end))} is cut short: the THREAD is missing`);
    const id = this.decimal();
    if (id < 0) this.fail(`THREAD ${quoted(this.fieldText(field))} is not a whole number`);
    this.endOfLine();
    const thread = this.builder.threadNumber(id);
    if (thread < 0) this.fail('more than 65535 threads');
    return thread;
  }
}

/** Every line behind the header is one event. */
function lineOf(event: number): number {
  return event + 2;
}
