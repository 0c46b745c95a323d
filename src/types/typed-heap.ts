/**
 * The typed side of a heap, as one thread holds it: what `Heap` hands its calls to.
 */
import { checkFunction } from '../base/check.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Barrier } from '../gc/barrier.ts';
import type { Malloc } from '../malloc/malloc.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { type Frame, NO_SCOPE } from '../threads/frame.ts';
import type { HandleTable } from '../threads/handles.ts';
import type { ShadowStack } from '../threads/shadow-stack.ts';
import { Binder } from './binder.ts';
import { Callbacks } from './callbacks.ts';
import type { Codec } from './codec.ts';
import { makeNodeCursors } from './cursor.ts';
import { type Env, inRegion, inScope } from './env.ts';
import { Interner } from './interned.ts';
import { describeNoKind, isKind, type Kind } from './kinds.ts';
import { layoutOf } from './layout-of.ts';
import { type Maker, makeMaker } from './maker.ts';
import { asReference, carry, type Place } from './reference.ts';
import { RootTable } from './roots.ts';
import { allocElements, writeHeader } from './slices.ts';
import { makeText } from './text.ts';

/** Where the references of one thread are rooted, and the barrier of its stores. */
export interface HeapRoots {
  readonly barrier: Barrier;
  readonly shadow: ShadowStack;
  readonly handles: HandleTable;
}

export class TypedHeap {
  readonly env: Env;
  readonly roots: RootTable;
  readonly callbacks: Callbacks;
  readonly interner: Interner;
  readonly #binder: Binder;
  /** What `create` does for each kind: one look-up finds all that is constant. */
  readonly #makers = new WeakMap<object, Maker>();
  readonly #cursors = new Map<Codec, () => unknown>();

  constructor(malloc: Malloc, table: TypeTable, roots: HeapRoots) {
    const { t } = malloc;
    const { barrier, shadow, handles } = roots;
    const dropped = new FinalizationRegistry<Frame>((frame) => handles.remove(frame));
    const { mem } = t;
    this.env = { mem, t, malloc, table, shadow, handles, barrier, text: makeText(t), dropped };
    // What a program's function refers to in the middle of a call ends with it: the call may take back a root below, or be
    // about to put one there.
    t.callOuts.scratches.push(() => {
      if (shadow.cur === NO_SCOPE) return () => {};
      const frame = shadow.open();
      return () => shadow.close(frame);
    });
    this.roots = new RootTable(this.env);
    this.callbacks = new Callbacks(this.env);
    this.interner = new Interner(this.env);
    this.#binder = new Binder(this.env);
  }

  /** `call`: what it was passed to, for messages. */
  codec(kind: Kind, call: string): Codec {
    const known = this.#binder.known(kind);
    if (known !== undefined) return known;
    if (!isKind(kind)) {
      const text = `${call}: expected a type, such as struct(…) or slice(…), got ${describeNoKind(kind)}`;
      throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
    }
    return inRegion(this.env, () => this.#binder.bind(kind));
  }

  /** See Heap.new. */
  create(kind: Kind, init: unknown): Place {
    return (this.#makers.get(kind) ?? this.#maker(kind))(init);
  }

  #maker(kind: Kind): Maker {
    const codec = this.codec(kind, 'new');
    if (codec.place === undefined || codec.indirect || kind.kind === 'atomic' || kind.kind === 'mutex') {
      throw new ArgumentError('ERR_INVALID_ARGUMENT', `new: ${codec.name} is no struct, slice, array or map`);
    }
    const maker = inRegion(this.env, () => makeMaker(this.env, codec));
    this.#makers.set(kind, maker);
    return maker;
  }

  /** See Heap.make. */
  makeSlice(kind: Kind, len: number, cap: number): Place {
    if (!isKind(kind) || kind.kind !== 'slice') {
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        `make: expected a slice type, got ${describeNoKind(kind)}; new() makes everything else`,
      );
    }
    return inRegion(this.env, () => {
      const ref = this.create(kind, undefined);
      writeHeader(this.env, ref.$a, allocElements(this.env, this.codec(kind.elem, 'make'), len, cap), len, cap);
      return ref;
    });
  }

  scope<T>(fn: () => T): T {
    checkFunction(fn, 'scope');
    const result = inScope(this.env, fn, carry);
    if (this.callbacks.waiting) this.callbacks.notice();
    return result;
  }

  cursor(kind: Kind): unknown {
    const codec = this.codec(kind, 'cursor');
    if (kind.kind !== 'struct') throw new ArgumentError('ERR_INVALID_ARGUMENT', 'cursor: expected a struct type');
    if (this.env.shadow.cur === NO_SCOPE) {
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        'cursor: only inside a scope, whose end is the end of the cursor',
      );
    }
    let make = this.#cursors.get(codec);
    if (make === undefined)
      this.#cursors.set(codec, (make = makeNodeCursors(this.env, codec, this.#links(kind, codec))));
    return make();
  }

  /** Offsets of a struct's references to its own kind, by field. */
  #links(kind: Kind, codec: Codec): ReadonlyMap<string, number> {
    const { fields = [] } = layoutOf(kind);
    const own = fields.filter((f) => f.kind.kind === 'ref' && this.codec(f.kind.elem, 'cursor') === codec);
    return new Map(own.map((f) => [f.name, f.offset]));
  }

  addressOf(ref: unknown): number {
    return asReference(this.env, ref, 'addressOf').$a >>> 0;
  }

  /** Ends all references and gives their memory back. In a region. */
  release(): void {
    this.callbacks.release();
    this.env.shadow.release();
    this.env.handles.release();
  }
}
