/** A clock: nanoseconds that all threads of the process count alike (Go: `nanotime`). */
export function nanotime(): number {
  return (performance.timeOrigin + performance.now()) * 1e6;
}
