/**
 * Where the collector, the profiler, the trace and the sanitizers attach. None costs the fast path anything: a hook
 * that must see every allocation or free makes all calls take the guarded way in (see Malloc), the others run where
 * a lock was about to be taken anyway. Wired by `runtime`; see `Heap.setHooks`.
 */
import type { Addr, SpanClass } from '../base/brand.ts';
import { checkFunction, checkNames } from '../base/check.ts';
import type { SpanHooks } from '../spans/hooks.ts';
import type { Proc } from '../sync/proc.ts';

/**
 * What `heap.setHooks` takes: functions of a program that the slow paths of this thread call. All but `onOutOfMemory` may
 * only read the heap. What they throw goes to whoever called the library; of `onFree` and those of spans it is an uncaught
 * error.
 */
export interface AllocHooks extends SpanHooks {
  /** Trace, sanitizers: every object, after it was allocated. `size` is what was asked for, in bytes. */
  onAlloc?: ((addr: Addr, size: number, type: number) => void) | undefined;
  /** Trace, sanitizers: every object, before it is freed; its content is still there. */
  onFree?: ((addr: Addr) => void) | undefined;
  /** Profiler: one object in about `sampleRate` allocated bytes. `size` is that of its slot; its type comes later. */
  onSample?: ((addr: Addr, size: number) => void) | undefined;
  /** A window of free slots is about to be handed out; `bytes` is what they hold. */
  onRefill?: ((spanClass: SpanClass, bytes: number) => void) | undefined;
  /** A large object is about to be allocated. */
  onLargeAlloc?: ((bytes: number) => void) | undefined;
  /** Memory is out for a request of so many bytes. True: something was freed, try again. */
  onOutOfMemory?: ((bytes: number) => boolean) | undefined;
}

/** What `heap.setHooks` knows: all there are, which the compiler sees to. */
const KNOWN: Record<keyof AllocHooks | 'sampleRate' | 'onDelay', true> = {
  onAlloc: true,
  onFree: true,
  onSample: true,
  sampleRate: true,
  onRefill: true,
  onLargeAlloc: true,
  onOutOfMemory: true,
  onSpanAlloc: true,
  onSpanFree: true,
  onGrow: true,
  onDelay: true,
};

type HookName = keyof AllocHooks;
/** Called while pages are in hand. */
const OF_SPANS: readonly string[] = ['onSpanAlloc', 'onSpanFree', 'onGrow'] satisfies HookName[];
/** What these are called for is brought to an end whatever becomes of them: others rely on it. */
const NOT_STOPPED: readonly string[] = [...OF_SPANS, 'onFree' satisfies HookName];

/**
 * The hooks of a program as the slow paths call them. None is called for what a hook does itself, or another does.
 * `scope`: what readers make references in.
 */
export function calledOut(t: Proc, hooks: AllocHooks, scope: (fn: () => void) => void): AllocHooks {
  checkNames('setHooks', hooks, Object.keys(KNOWN), 'hook');
  let inside = false;
  const call = (name: string, hook: () => unknown): unknown => {
    if (inside) return undefined;
    inside = true;
    try {
      if (name === 'onOutOfMemory') return t.callOuts.call(hook);
      t.callOuts.callReader(name, OF_SPANS.includes(name), () => scope(() => void hook()));
    } catch (error) {
      if (!NOT_STOPPED.includes(name)) throw error;
      queueMicrotask(() => {
        throw error;
      });
    } finally {
      inside = false;
    }
    return undefined;
  };
  const called = Object.entries(hooks)
    .filter(([name, hook]) => name.startsWith('on') && name !== 'onDelay' && hook !== undefined)
    .map(([name, hook]) => {
      checkFunction(hook, `setHooks: ${name}`);
      return [name, (...args: unknown[]) => call(name, () => (hook as (...args: unknown[]) => unknown)(...args))];
    });
  return Object.fromEntries(called) as AllocHooks;
}

/** What the allocator asks of the collector, in its slow paths. */
export interface Collector {
  /**
   * The thread is about to take a span, or a large object of so many bytes: the collector may begin a cycle, make the
   * thread assist with one, or make it sweep. A safepoint.
   */
  beforeSpan(bytes: number): void;
  /** Memory is out. True: garbage was freed, try again. A safepoint. */
  onOutOfMemory(): boolean;
  /** After so many calls of it memory is still out. True: call it again, what it freed may have gone to other threads. */
  mayFindMore(calls: number): boolean;
  /** An object is freed by hand while the collector marks. Its content is still there. No safepoint. */
  beforeFree(addr: number): void;
}

export const NO_COLLECTOR: Collector = {
  beforeSpan: () => {},
  onOutOfMemory: () => false,
  mayFindMore: () => false,
  beforeFree: () => {},
};
