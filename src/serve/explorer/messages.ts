/** What goes between a program and the thread that its explorer runs in. */
import type { SharedHeap } from '../../runtime/init.ts';
import type { ServerOptions } from './server.ts';

/** What the worker is started with. */
export interface ExplorerStart {
  readonly options: ServerOptions;
  readonly version: string;
  /** Name of a BroadcastChannel on which other threads announce heaps as well. */
  readonly channel?: string | undefined;
}

/** To the worker. `key` is the sender's own name for the heap. */
export type ToExplorer =
  | { readonly do: 'add'; readonly key: string; readonly shared: SharedHeap; readonly name?: string | undefined }
  | { readonly do: 'remove'; readonly key: string }
  | { readonly do: 'close' };

/** To all threads that have announced heaps: the worker has ended, in whatever it did. */
export interface ExplorerEnded {
  readonly do: 'reap';
  readonly threadId: number;
}

/** From the worker: first 'listening' or 'failed', then what was answered to `add`. */
export type FromExplorer =
  | { readonly is: 'listening'; readonly url: string }
  | { readonly is: 'failed'; readonly message: string; readonly code?: string | undefined }
  | { readonly is: 'refused'; readonly key: string; readonly message: string }
  | { readonly is: 'closed' };
