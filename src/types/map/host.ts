/** What the map needs of one heap as one thread holds it, and of its values. */
import type { Barrier } from '../../gc/barrier.ts';
import type { RType, RTypeSpec } from '../../malloc/rtype.ts';
import type { Proc } from '../../sync/proc.ts';
import type { Mem } from '../../sys/mem.ts';
import type { Text } from '../text.ts';

export interface MapHost {
  readonly mem: Mem;
  readonly t: Proc;
  /** Zeroed memory for values of a type. A safepoint. Throws OutOfMemoryError. */
  readonly alloc: (size: number, type: RType | null) => number;
  /** Frees an object that nothing refers to any more. */
  readonly free: (addr: number) => void;
  readonly barrier: Barrier;
  readonly registerType: (spec: RTypeSpec) => RType;
  readonly text: Text;
}
