/** What holds of every reading of `heap.memStats()`, whoever else uses the heap meanwhile. */
import { expect } from 'vitest';
import type { MemStats } from '../../src/index.ts';

/** What does not hold of a reading, and of one and the next; plain comparisons, for readings by the thousand. */
function broken(s: MemStats, last: MemStats | undefined): string[] {
  const wrong: string[] = [];
  const holds = (what: string, ok: boolean): void => {
    if (!ok) wrong.push(what);
  };
  const { HeapSys, StackSys, MSpanSys, MCacheSys, BuckHashSys, GCSys, OtherSys } = s;
  holds('HeapObjects = Mallocs − Frees', s.HeapObjects === s.Mallocs - s.Frees && s.HeapObjects >= 0);
  holds('HeapSys = HeapInuse + HeapIdle', HeapSys === s.HeapInuse + s.HeapIdle);
  holds(
    `HeapIdle ${s.HeapIdle} ≥ HeapReleased ${s.HeapReleased} ≥ 0`,
    s.HeapIdle >= s.HeapReleased && s.HeapReleased >= 0,
  );
  holds(`0 ≤ HeapAlloc ${s.HeapAlloc} ≤ HeapInuse ${s.HeapInuse}`, s.HeapAlloc >= 0 && s.HeapAlloc <= s.HeapInuse);
  holds('Alloc = HeapAlloc', s.Alloc === s.HeapAlloc);
  holds('Sys', s.Sys === HeapSys + StackSys + MSpanSys + MCacheSys + BuckHashSys + GCSys + OtherSys);
  holds('MSpanInuse ≤ MSpanSys', s.MSpanInuse <= MSpanSys);
  holds('MCacheInuse ≤ MCacheSys', s.MCacheInuse <= MCacheSys);
  s.BySize.forEach(({ Size, Mallocs, Frees }, c) => {
    holds(`Frees ${Frees} ≤ Mallocs ${Mallocs} of size ${Size}`, Frees <= Mallocs);
    if (last === undefined) return;
    holds(`Mallocs of size ${Size} never fall`, Mallocs >= last.BySize[c]!.Mallocs);
    holds(`Frees of size ${Size} never fall`, Frees >= last.BySize[c]!.Frees);
  });
  if (last === undefined) return wrong;
  for (const key of ['TotalAlloc', 'Mallocs', 'Frees', 'NumGC', 'PauseTotalNs'] as const) {
    holds(`${key} never falls`, s[key] >= last[key]);
  }
  return wrong;
}

/** `last`: a reading before this one, by the same thread. */
export function checkReading(s: MemStats, last?: MemStats): void {
  expect(broken(s, last)).toEqual([]);
}
