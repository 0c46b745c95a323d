/** Answers of the server for a view that is open: fetched at once, and again while the heap changes. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ErrorAnswer } from '../../serve/explorer/protocol.ts';
import { api, heapId, paused, samples, status } from './connection.ts';

export interface Resource<T> {
  readonly data: Signal<T | null>;
  /** Why the last request failed; null: it did not. */
  readonly error: Signal<string | null>;
  /** Asks now. */
  readonly reload: () => void;
}

/** What the server answers to one request. Throws Error in words when it refuses, or does not answer. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, signal === undefined ? {} : { signal });
  const answer = (await response.json()) as T & Partial<ErrorAnswer>;
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

/** Params make the request; another one replaces it. `everyMs`: how often it is asked again at most; 0: never. */
export function useResource<T>(
  path: string | null,
  params: Readonly<Record<string, string | number>> = {},
  everyMs = 1000,
): Resource<T> {
  const data = useSignal<T | null>(null);
  const error = useSignal<string | null>(null);
  const again = useSignal(0);
  const url = path === null ? null : api(path, params);
  useEffect(() => {
    data.value = null;
  }, [url]);
  useEffect(() => {
    if (url === null) return undefined;
    const request = new AbortController();
    let last = 0;
    let busy = false;
    const load = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      last = performance.now();
      try {
        data.value = await ask<T>(url, request.signal);
        error.value = null;
      } catch (failed) {
        if (!request.signal.aborted) error.value = failed instanceof Error ? failed.message : String(failed);
      }
      busy = false;
    };
    void load();
    const stop = samples.subscribe(() => {
      if (everyMs === 0 || paused.peek() || status.peek() !== 'live') return;
      if (performance.now() - last >= everyMs && last > 0) void load();
    });
    return () => {
      stop();
      request.abort();
    };
  }, [url, again.value, heapId.value]);
  return { data, error, reload: () => again.value++ };
}
