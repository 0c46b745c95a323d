/** What `spanheap inspect` found: the JSON report, and what the other reports are made of. */
import type { SizeTotals } from '../../analyze/by-type.ts';
import type { TypeChange } from '../../analyze/diff.ts';

/** An object. Bytes are those of its slot. */
export interface ObjectLine {
  /** `0x…`, as the options take it. */
  readonly address: string;
  readonly type: string;
  readonly bytes: number;
  /** What would be garbage without it, itself included; null if it is garbage already: no root leads to it. */
  readonly retainedBytes: number | null;
}

export interface TypeLine {
  readonly type: string;
  readonly objects: number;
  readonly bytes: number;
  /** What would be garbage without all of them, themselves included. Null: not worked out (it is for those of most bytes). */
  readonly retainedBytes: number | null;
  readonly unreachableObjects: number;
  readonly unreachableBytes: number;
}

/** A named root, or all roots of one kind of one thread. */
export interface RootLine {
  readonly root: string;
  readonly kind: string;
  /** 0: of no thread. */
  readonly thread: number;
  /** How many pointers it consists of. */
  readonly pointers: number;
  /** What would be garbage without it. */
  readonly retainedBytes: number;
}

export interface Summary {
  /** When the heap stood still: ISO 8601. */
  readonly time: string;
  /** Off: objects that nothing leads to are in use all the same. */
  readonly gc: 'on' | 'off';
  readonly threads: number;
  /** --named-roots was given: what only threads hold counts as unreachable. */
  readonly namedRoots: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly pointers: number;
  /** Garbage that was not collected yet; also what only threads hold if they were left out. */
  readonly unreachableObjects: number;
  readonly unreachableBytes: number;
}

export interface Overview {
  /** By bytes. */
  readonly types: readonly TypeLine[];
  readonly biggestByRetained: readonly ObjectLine[];
  readonly biggestByOwn: readonly ObjectLine[];
  readonly roots: RootsView;
}

export interface RootsView {
  /** By retained bytes. */
  readonly roots: readonly RootLine[];
  /** Reachable from several of them. */
  readonly sharedBytes: number;
}

export interface TypeView {
  readonly total: TypeLine;
  readonly biggest: readonly ObjectLine[];
  /** Where pointers to them are, the most frequent first. */
  readonly heldBy: readonly { readonly place: string; readonly pointers: number }[];
}

/** A pointer, from one object to another. */
export interface FieldLine {
  /** `.replies`, `[3]`. */
  readonly place: string;
  readonly object: ObjectLine;
}

export interface ObjectView {
  readonly object: ObjectLine;
  /** How far into the object the address is that was asked for. */
  readonly offset: number;
  /** Its fields, or elements; null when the type does not say what they are. */
  readonly value: readonly ValueLine[] | null;
  readonly pointers: readonly FieldLine[];
  readonly morePointers: number;
  /** The objects, and at last the root, without which it would be garbage, from the nearest on. */
  readonly dominators: readonly (ObjectLine | RootLine)[];
  readonly moreDominators: number;
  /** What hangs on it alone, by retained bytes. */
  readonly dominates: readonly ObjectLine[];
  readonly moreDominated: number;
}

export interface ValueLine {
  readonly place: string;
  readonly type: string;
  readonly value: string;
}

/** One step on the way from a root: the place in the object before (or the root), and where it leads. */
export interface StepLine {
  readonly place: string;
  readonly object: ObjectLine;
}

export interface PathView {
  readonly object: ObjectLine;
  readonly paths: readonly (readonly StepLine[])[];
  readonly more: boolean;
  /** Where the paths meet, if that is before the object. */
  readonly meeting: ObjectLine | null;
}

export interface RetainersView {
  readonly object: ObjectLine;
  readonly count: number;
  /** `object`: the one that the pointer is in; null for roots. */
  readonly retainers: readonly { readonly place: string; readonly object: ObjectLine | null }[];
}

/** Texts that are more than once in the heap. */
export interface DuplicateText {
  /** Its first 1024 bytes; of bytes, which are no string, a few in hexadecimal. */
  readonly text: string;
  /** Bytes of the text itself. */
  readonly length: number;
  readonly copies: number;
  /** Bytes of the slots of all copies but one. */
  readonly wastedBytes: number;
  readonly addresses: readonly string[];
}

export interface StringsView {
  readonly strings: number;
  readonly bytes: number;
  readonly distinct: number;
  readonly wastedBytes: number;
  /** By wasted bytes. */
  readonly duplicates: readonly DuplicateText[];
}

/** New objects of one type in one kind of place; what hangs on them is counted with them. */
export interface NewLine {
  readonly type: string;
  /** `Post.replies`, `slice(ref(Post)) elements[…]`, `root "posts"`. */
  readonly heldBy: string;
  readonly objects: number;
  readonly retainedBytes: number;
  /** Address of the one that retains most. */
  readonly biggest: string;
}

export interface DiffView {
  readonly older: string;
  /** Null unless a third snapshot was given. */
  readonly middle: string | null;
  readonly objectsChange: number;
  readonly bytesChange: number;
  readonly newObjects: number;
  readonly newBytes: number;
  readonly goneObjects: number;
  readonly goneBytes: number;
  /** By change of bytes. */
  readonly types: readonly TypeChange[];
  /** New objects that hang on old ones or on roots, by retained bytes. */
  readonly held: readonly NewLine[];
}

/** What was asked for; the rest is absent. */
export interface InspectOutcome {
  readonly file: string;
  readonly summary: Summary;
  readonly overview?: Overview;
  readonly roots?: RootsView;
  readonly sizes?: readonly SizeTotals[];
  readonly type?: TypeView;
  readonly object?: ObjectView;
  readonly path?: PathView;
  readonly retainers?: RetainersView;
  readonly strings?: StringsView;
  readonly diff?: DiffView;
}
