/** A heap as a graph: what `loadGraph` returns, and all analyses work on. Node 0 is the root of all. */
export interface HeapGraph {
  /** Nodes: 1 … nodes-1 are objects, in order of address; node 0 stands for all roots. */
  readonly nodes: number;
  /** Byte address of each node's object; 0 for node 0. Ascending. */
  readonly address: Uint32Array;
  /** Bytes of each node: of its slot; what was asked for of a large object; the part of a tiny block. */
  readonly size: Uint32Array;
  /** Index in `types`; 0: not known (pointer-free, and nothing typed leads to it). */
  readonly type: Uint16Array;
  /** Edges of node i are edgeTo[firstEdge[i] … firstEdge[i+1]-1]: CSR. Only pointers into live objects. */
  readonly firstEdge: Uint32Array; // nodes + 1
  readonly edgeTo: Uint32Array;
  /** Byte offset in the source object of the pointer of each edge; for edges of node 0: index in `roots`. */
  readonly edgeOffset: Uint32Array;
  readonly types: readonly GraphType[]; // types[0] = unknown
  readonly roots: readonly GraphRoot[];
}
/** A type of objects in the graph. */
export interface GraphType {
  readonly name: string; // "Post", "slice(ref(Post)) elements", "string bytes", "map(string, u32) group" …
  readonly size: number;
  readonly kind: string;
  /** Names of fields by byte offset, for labels of edges; empty if not known. */
  readonly fields: readonly { readonly name: string; readonly offset: number; readonly type: string }[];
}
/** A root, from which an edge of node 0 leads to the object. */
export interface GraphRoot {
  readonly kind: 'named' | 'handle' | 'stack' | 'finalizer' | 'cleanup' | 'interned' | 'tiny' | 'other';
  /** Name of a named root; for others what a person understands: "local reference of thread 2". */
  readonly name: string;
  readonly thread: number; // 0: none
  readonly address: number;
}
