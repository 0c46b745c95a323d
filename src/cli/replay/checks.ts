/**
 * --verify: fills objects with their pattern, checks them, and keeps count of what was wrong. The first few mistakes are
 * kept for the report, the rest is only counted.
 */
import { fillPattern, nonZeroOffset, type ObjectMemory, patternMismatch } from './pattern.ts';

export type MistakeKind = 'not-zero' | 'changed' | 'lost-by-resize';

export interface Mistake {
  readonly kind: MistakeKind;
  readonly object: number;
  readonly address: number;
  /** First wrong byte, from the start of the object. */
  readonly offset: number;
}

const KEPT = 10;

export class ContentChecks {
  errors = 0;
  mistakes: Mistake[] = [];
  private readonly memory: ObjectMemory;

  constructor(memory: ObjectMemory) {
    this.memory = memory;
  }

  fill(address: number, size: number, object: number): void {
    fillPattern(this.memory, address, size, object);
  }

  /** Memory from calloc, before it is filled. */
  expectZero(address: number, size: number, object: number): void {
    const offset = nonZeroOffset(this.memory, address, size);
    if (offset >= 0) this.note('not-zero', object, address, offset);
  }

  /** A live object, before it is freed or resized, or at the end. */
  expectPattern(address: number, size: number, object: number): void {
    const offset = patternMismatch(this.memory, address, size, object);
    if (offset >= 0) this.note('changed', object, address, offset);
  }

  /** What a resize kept of `old`, at its new address. */
  expectKept(address: number, size: number, old: number): void {
    const offset = patternMismatch(this.memory, address, size, old);
    if (offset >= 0) this.note('lost-by-resize', old, address, offset);
  }

  /** Adds another lane's findings. */
  join(other: Pick<ContentChecks, 'errors' | 'mistakes'>): void {
    this.errors += other.errors;
    this.mistakes = [...this.mistakes, ...other.mistakes].slice(0, KEPT);
  }

  private note(kind: MistakeKind, object: number, address: number, offset: number): void {
    this.errors++;
    if (this.mistakes.length < KEPT) this.mistakes.push({ kind, object, address, offset });
  }
}
