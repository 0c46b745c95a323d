// What every allocator under test looks like to a case. A process loads exactly one of them, so that the calls in the
// hot loops stay monomorphic and V8 may inline them, as it would in a program that uses one allocator.

export interface Peer {
  readonly malloc: (size: number) => number;
  readonly free: (ptr: number) => void;
  /** Memory that reads as zero, whatever was there before. Absent where the allocator has no such call. */
  readonly zalloc?: (size: number) => number;
  /** The same for objects of which half the words are pointers; only where the allocator knows pointers. */
  readonly scanAlloc?: (size: number) => (size: number) => number;
  /** The memory, as words. To be asked for anew after allocating: WebAssembly's moves when it grows. */
  readonly words: () => Int32Array;
  /** Runs the measured code where the allocator wants it run (a scope of ours); plain call elsewhere. */
  readonly run: <T>(fn: () => T) => T;
}

export interface PeerOptions {
  /** Memory that the peer may use. */
  readonly bytes: number;
  /** File of the WebAssembly module, for peers that are one. */
  readonly wasm?: string | undefined;
}

const PEERS = ['spanheap', 'floor', 'mimalloc', 'tlsf', 'thing', 'loop'] as const;
export type PeerName = (typeof PEERS)[number];

export async function openPeer(name: PeerName, options: PeerOptions): Promise<Peer> {
  switch (name) {
    case 'spanheap':
      return (await import('./spanheap.ts')).openSpanheap(options.bytes);
    case 'floor':
      return (await import('./floor.ts')).openFloor(options.bytes);
    case 'mimalloc':
    case 'tlsf':
      if (options.wasm === undefined) throw new Error(`${name} needs its WebAssembly file`);
      return await (await import('./wasm.ts')).openWasm(options.wasm);
    case 'thing':
      return (await import('./thing.ts')).openThing(options.bytes);
    case 'loop':
      return emptyLoop();
  }
}

/** No allocator: what the loop, the tables and the call cost by themselves. */
function emptyLoop(): Peer {
  let next = 0;
  const words = new Int32Array(1);
  return { malloc: (size) => (next = (next + size) | 0), free: () => {}, words: () => words, run: (fn) => fn() };
}
