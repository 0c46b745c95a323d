/**
 * Reads a recording of any of the three formats, told apart by the first line and not by the file's name, and checks all
 * of it. Whatever is wrong becomes an `InputError` with file, line and reason.
 */
import { InputError, quoted } from '../../errors.ts';
import type { Recording } from '../recording.ts';
import { HeaptrackReader } from './heaptrack.ts';
import type { LineReader } from './line-reader.ts';
import { MtraceReader } from './mtrace.ts';
import { type ReadProgress, recordingBytes, SourceError } from './source.ts';
import { SPANHEAP_TRACE_HEADER, SpanheapTraceReader } from './spanheap-trace.ts';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
/** No line of a recording is longer; more without a newline is not text. */
const LONGEST_LINE = 1 << 20;

export async function readRecording(file: string, onRead: ReadProgress = () => {}): Promise<Recording> {
  const lines = new LineSplitter(file);
  try {
    for await (const chunk of recordingBytes(file, onRead)) lines.add(chunk);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new InputError(file, error.opened ? Math.max(1, lines.lineNumber) : 0, error.message);
  }
  return lines.finish();
}

/** Cuts chunks into lines; the piece of a line at the end of a chunk is carried to the next. */
class LineSplitter {
  private readonly file: string;
  private reader: LineReader | null = null;
  private carried: Uint8Array = new Uint8Array(0);

  constructor(file: string) {
    this.file = file;
  }

  /** Line on which reading stands; 0 before the first byte came. */
  get lineNumber(): number {
    if (this.reader === null) return this.carried.length > 0 ? 1 : 0;
    return this.reader.lineNumber + (this.carried.length > 0 ? 1 : 0);
  }

  add(chunk: Uint8Array): void {
    const bytes = this.carried.length === 0 ? chunk : Buffer.concat([this.carried, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.line(bytes, start, end);
      start = end + 1;
    }
    this.carried = bytes.subarray(start);
    if (this.carried.length > LONGEST_LINE) {
      throw new InputError(this.file, this.lineNumber, `a line of more than ${LONGEST_LINE} bytes: not a recording`);
    }
  }

  finish(): Recording {
    const { carried } = this;
    if (carried.length > 0) this.line(carried, 0, carried.length);
    if (this.reader === null) throw new InputError(this.file, 1, 'no events: the file is empty');
    return this.reader.finish();
  }

  /** Lines may end as Windows ends them. */
  private line(bytes: Uint8Array, start: number, newline: number): void {
    const end = newline > start && bytes[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    this.reader ??= readerFor(this.file, Buffer.from(bytes.subarray(start, end)).toString('utf8'));
    this.reader.read(bytes, start, end);
  }
}

function readerFor(file: string, firstLine: string): LineReader {
  if (firstLine === SPANHEAP_TRACE_HEADER) return new SpanheapTraceReader(file);
  if (firstLine.startsWith('# spanheap-trace')) {
    throw new InputError(
      file,
      1,
      `${quoted(firstLine)}: this program reads version 1, ${quoted(SPANHEAP_TRACE_HEADER)}`,
    );
  }
  if (firstLine === '= Start' || /^(@ .+ )?([-<] 0x[0-9a-f]+|[+>!] \S+ (0x[0-9a-f]+|0))$/.test(firstLine))
    return new MtraceReader(file);
  if (/^v [0-9a-f]+( [0-9a-f]+)?$/.test(firstLine)) return new HeaptrackReader(file);
  const expected = `"${SPANHEAP_TRACE_HEADER}", "= Start" (mtrace) or "v …" (heaptrack)`;
  throw new InputError(file, 1, `unknown format: the first line is ${quoted(firstLine)}, expected ${expected}`);
}
