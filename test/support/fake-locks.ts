/** A browser's LockManager for tests: exclusive locks, granted from the microtask queue in the order of the requests. */
export class FakeLocks {
  /** What every request is rejected with. */
  refusal: Error | undefined = undefined;
  readonly #queues = new Map<string, Request[]>();

  /** Names that are held, and names that are waited for, once for each request. */
  get held(): string[] {
    return [...this.#queues].flatMap(([name, queue]) => (queue[0]?.isGranted ? [name] : []));
  }

  get pending(): string[] {
    return [...this.#queues].flatMap(([name, queue]) => queue.filter((r) => !r.isGranted).map(() => name));
  }

  request(name: string, options: { signal?: AbortSignal } | (() => unknown), fn?: () => unknown): Promise<unknown> {
    const { signal } = typeof options === 'function' ? {} : options;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    return new Promise((resolve, reject) => {
      const request: Request = { fn: (fn ?? options) as () => unknown, resolve, reject, isGranted: false };
      this.#queues.set(name, [...(this.#queues.get(name) ?? []), request]);
      signal?.addEventListener('abort', () => {
        if (request.isGranted) return;
        this.#drop(name, request);
        reject(signal.reason);
      });
      this.#grant(name);
    });
  }

  /** As when the thread ends that holds a lock: it hears nothing of it, and the next gets the lock. */
  endHolder(name: string): void {
    this.#drop(name, this.#queues.get(name)![0]!);
  }

  /** As when another takes the lock away: its holder is told. */
  steal(name: string): void {
    const holder = this.#queues.get(name)![0]!;
    this.#drop(name, holder);
    holder.reject(new Error('stolen'));
  }

  #drop(name: string, request: Request): void {
    this.#queues.set(
      name,
      this.#queues.get(name)!.filter((r) => r !== request),
    );
    this.#grant(name);
  }

  #grant(name: string): void {
    const first = this.#queues.get(name)![0];
    if (first === undefined || first.isGranted) return;
    queueMicrotask(async () => {
      if (first.isGranted || this.#queues.get(name)![0] !== first) return;
      first.isGranted = true;
      const fn = first.fn!;
      // As a browser, it keeps what was returned, and not who returned it.
      first.fn = undefined;
      try {
        first.resolve(await fn());
      } catch (error) {
        first.reject(error);
      }
      if (this.#queues.get(name)![0] === first) this.#drop(name, first);
    });
  }
}

interface Request {
  fn: (() => unknown) | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  isGranted: boolean;
}
