/** What Node has beyond the language. The library imports nothing from outside. */
export interface NodeBuffer {
  fill(value: boolean, start: number, end: number): unknown;
}

export interface Node {
  readonly Buffer: { from(buffer: ArrayBufferLike, byteOffset: number, length: number): NodeBuffer };
  readonly hrtime: () => [seconds: number, nanoseconds: number];
}

interface Globals {
  readonly Buffer?: Node['Buffer'];
  readonly Deno?: unknown;
  readonly process?: {
    readonly hrtime: Node['hrtime'];
    readonly versions?: { readonly node?: string; readonly bun?: string };
  };
}

/** Undefined in browsers, Deno and Bun. */
export const node: Node | undefined = find(globalThis as unknown as Globals);

function find({ Buffer: buffer, process: nodeProcess, Deno: deno }: Globals): Node | undefined {
  const versions = nodeProcess?.versions;
  if (buffer === undefined || versions?.node === undefined || versions.bun !== undefined || deno !== undefined) return;
  return { Buffer: buffer, hrtime: nodeProcess!.hrtime };
}
