import type { RType } from './rtype.ts';
export interface RawSlice {
  readonly type: RType;
  readonly ptr: number;
  readonly len: number;
  readonly cap: number;
}
export class SliceOps {
  constructor(_a: unknown) {}
  newarray(_t: RType, _n: number): number {
    return 0;
  }
  makeslice(t: RType, _l: number, _c: number): RawSlice {
    return { type: t, ptr: 0, len: 0, cap: 0 };
  }
  growslice(s: RawSlice, _n: number): RawSlice {
    return s;
  }
  copy(_d: RawSlice, _s: RawSlice): number {
    return 0;
  }
}
