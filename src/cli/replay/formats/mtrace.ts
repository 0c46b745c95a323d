/**
 * Reader of what glibc's `mtrace()` writes (MALLOC_TRACE=file):
 *
 *   = Start                          also = End
 *   @ CALLER + ADDRESS SIZE          malloc, calloc, memalign
 *   @ CALLER - ADDRESS               free
 *   @ CALLER < OLD                   realloc, always followed by
 *   @ CALLER > NEW SIZE              … where it went
 *   @ CALLER ! ADDRESS SIZE          a realloc that failed: the object stays as it was
 *
 * `@ CALLER` is left out when the caller is unknown, and CALLER can hold spaces, so lines are read from their end.
 * ADDRESS is hexadecimal with 0x, or `(nil)` for a malloc that failed. What the format does not tell: the thread (all
 * events count as one thread's) and whether memory came from calloc (none is replayed as such).
 */
import { NumberMap } from '../../../base/number-map.ts';
import { quoted } from '../../errors.ts';
import { MAX_OBJECT_BYTES, OP_ALLOC } from '../recording.ts';
import { hexDigit, LineReader } from './line-reader.ts';

const SPACE = 32;
const PLUS = 43;
const MINUS = 45;
const LESS = 60;
const EQUALS = 61;
const GREATER = 62;
const AT = 64;
const BANG = 33;

export class MtraceReader extends LineReader {
  /** Live objects by address. */
  private readonly objects = new NumberMap();
  /** The object of a `<` line whose `>` line has not come, or -1. */
  private resizing = -1;
  private readonly thread = this.builder.threadNumber(0);

  constructor(file: string) {
    super(file, 'mtrace');
  }

  protected line(): void {
    const { bytes, start, end } = this;
    if (bytes[start] === EQUALS) {
      if (end - start < 2 || bytes[start + 1] !== SPACE) this.unknownLine();
      return;
    }
    const lastField = this.fieldBefore(end);
    const lastOp = this.operatorBefore(lastField);
    if (lastOp === MINUS || lastOp === LESS) {
      this.expectNoResize();
      const address = this.address(lastField, end);
      if (lastOp === MINUS) this.free(address);
      else this.resizing = this.takeLive(address, 'resize');
      return;
    }
    const addressField = this.fieldBefore(lastField - 1);
    const op = this.operatorBefore(addressField);
    if (op !== PLUS && op !== GREATER && op !== BANG) this.unknownLine();
    const address = this.address(addressField, lastField - 1);
    const size = this.hex(lastField, end);
    if (size < 0) this.fail(`SIZE ${quoted(this.text(lastField, end))} is not a hexadecimal number of bytes`);
    if (op !== GREATER) this.expectNoResize();
    if (op === PLUS) this.allocate(address, size);
    else if (op === GREATER) this.moveTo(address, size);
  }

  protected override atEnd(): void {
    if (this.resizing >= 0) this.fail('the recording ends between the two lines of a resize');
  }

  private allocate(address: number, size: number): void {
    if (address === 0) return; // a malloc that failed
    this.checkFits(size);
    if (this.objects.get(address) >= 0) this.fail(`0x${address.toString(16)} is allocated twice without a free`);
    this.objects.set(address, this.builder.allocate(OP_ALLOC, address, size, this.thread));
  }

  private free(address: number): void {
    if (address === 0) return;
    this.builder.free(this.takeLive(address, 'free'), this.thread);
  }

  private moveTo(address: number, size: number): void {
    if (this.resizing < 0) this.fail('a ">" line without the "<" line before it');
    if (address === 0) this.fail('a resize to (nil)');
    this.checkFits(size);
    if (this.objects.get(address) >= 0) this.fail(`0x${address.toString(16)} is allocated twice without a free`);
    this.objects.set(address, this.builder.resize(this.resizing, address, size, this.thread));
    this.resizing = -1;
  }

  private takeLive(address: number, verb: 'free' | 'resize'): number {
    const object = this.objects.get(address);
    if (object < 0) {
      this.fail(`${verb} of 0x${address.toString(16)}, which is not live (already freed, or older than the recording)`);
    }
    this.objects.delete(address);
    return object;
  }

  private expectNoResize(): void {
    if (this.resizing >= 0) this.fail('a "<" line must be followed by its ">" line');
  }

  private checkFits(size: number): void {
    if (size > MAX_OBJECT_BYTES) this.fail(`SIZE ${size} is more than a 32-bit heap can hold`);
  }

  /** Start of the field that ends at `end`. */
  private fieldBefore(end: number): number {
    let at = end;
    while (at > this.start && this.bytes[at - 1] !== SPACE) at--;
    return at;
  }

  /** The single character before the field at `field`, if it is a field of its own and of this format; else 0. */
  private operatorBefore(field: number): number {
    const { bytes, start } = this;
    const at = field - 2;
    if (at < start || bytes[field - 1] !== SPACE) return 0;
    // In front of it: nothing, or a caller that begins the line.
    if (at > start && (bytes[at - 1] !== SPACE || bytes[start] !== AT)) return 0;
    return bytes[at];
  }

  private address(start: number, end: number): number {
    if (end - start === 5 && this.text(start, end) === '(nil)') return 0;
    const address = this.hex(start, end);
    if (address < 0 || address > Number.MAX_SAFE_INTEGER)
      this.fail(`${quoted(this.text(start, end))} is not an address`);
    return address;
  }

  /** As C's %p and %#lx print: `0x` and digits, or `0`; -1 for anything else. Rounded above 2⁵³. */
  private hex(start: number, end: number): number {
    const { bytes } = this;
    if (end - start === 1 && bytes[start] === 48) return 0;
    if (end - start < 3 || end - start > 18 || bytes[start] !== 48 || bytes[start + 1] !== 120) return -1;
    let value = 0;
    for (let at = start + 2; at < end; at++) {
      const digit = hexDigit(bytes[at]);
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    return value;
  }
}
