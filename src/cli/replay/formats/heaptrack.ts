/**
 * Reader of heaptrack's interpreted text (what `heaptrack` leaves behind, and `heaptrack_interpret` prints), file format
 * versions 1 to 3; all numbers are hexadecimal:
 *
 *   v HEAPTRACK FORMAT     versions             a SIZE TRACE    a kind of allocation, numbered from 0
 *   X COMMAND  I …  S …    what was recorded    + KIND          one allocation of that kind
 *   s …  i …  t …          strings, frames      - KIND          one of that kind was freed
 *   c TIME  R PAGES        clock, resident set  A               recording began in a running program
 *   # …                    comment
 *
 * What the format does not tell: which of the live objects of a kind a free meant (taken here: the youngest, the usual
 * case), the thread (all events count as one thread's), calloc (none), realloc (a free and an allocation).
 */
import { MAX_OBJECT_BYTES, OP_ALLOC } from '../recording.ts';
import { LineReader } from './line-reader.ts';

const SPACE = 32;
const NEWEST_FORMAT = 3;
/** Lines that say nothing about allocations. */
const IGNORED = 'sitcRXISA#';

export class HeaptrackReader extends LineReader {
  /** Size of each kind, and its youngest live object or -1. */
  private readonly kindSizes: number[] = [];
  private readonly youngest: number[] = [];
  /** By object: the next older live object of its kind, or -1. */
  private readonly older: number[] = [];
  private readonly thread = this.builder.threadNumber(0);

  constructor(file: string) {
    super(file, 'heaptrack');
  }

  protected line(): void {
    const { bytes, start, end } = this;
    if (start === end) return; // heaptrack ends with an empty line and its totals
    const mode = String.fromCharCode(bytes[start]);
    if (end - start > 1 && bytes[start + 1] !== SPACE) this.unknownLine();
    this.at = start + 2;
    if (mode === '+') this.allocate();
    else if (mode === '-') this.free();
    else if (mode === 'a') this.addKind();
    else if (mode === 'v') this.version();
    else if (mode === 'x' || mode === 'm') this.fail('raw heaptrack data; run it through heaptrack_interpret first');
    else if (!IGNORED.includes(mode)) this.unknownLine();
  }

  private version(): void {
    const version = this.hexadecimal();
    // heaptrack 1.2 before its release wrote format 1 without saying so.
    const format = this.at <= this.end ? this.hexadecimal() : version === 0x10200 ? 1 : 0;
    if (this.lineNumber !== 1 || format < 0) this.unknownLine();
    if (format === 0) this.fail('heaptrack file format 0 is too old; versions 1 to 3 can be read');
    if (format > NEWEST_FORMAT) this.fail(`heaptrack file format ${format} is too new; versions 1 to 3 can be read`);
  }

  private addKind(): void {
    const size = this.hexadecimal();
    const trace = size < 0 ? -1 : this.hexadecimal();
    if (trace < 0) this.unknownLine();
    this.endOfLine();
    if (size > MAX_OBJECT_BYTES) this.fail(`SIZE ${size} is more than a 32-bit heap can hold`);
    this.kindSizes.push(size);
    this.youngest.push(-1);
  }

  private allocate(): void {
    const kind = this.kind();
    const id = this.builder.objects + 1;
    const object = this.builder.allocate(OP_ALLOC, id, this.kindSizes[kind], this.thread);
    this.older[object] = this.youngest[kind];
    this.youngest[kind] = object;
  }

  private free(): void {
    const kind = this.kind();
    const object = this.youngest[kind];
    if (object < 0) this.fail(`free of an allocation of kind ${kind.toString(16)}, of which none is live`);
    this.youngest[kind] = this.older[object];
    this.builder.free(object, this.thread);
  }

  private kind(): number {
    const kind = this.hexadecimal();
    if (kind < 0) this.unknownLine();
    this.endOfLine();
    if (kind >= this.kindSizes.length)
      this.fail(`allocation kind ${kind.toString(16)} was not announced by an "a" line`);
    return kind;
  }
}
