/**
 * The formulas of the heap goal and the trigger, each a function of nothing but its arguments (Go: mgcpacer.go). All
 * sizes are in bytes.
 *
 *   heapMarked            lo         trigger        hi    goal
 *       ├──────────────────┼────────────┼────────────┼──────┤
 *                        45/64          ◀── runway ──▶      the program allocates this much while the collector marks
 *
 * Go counts in 64-bit integers. Doubles give the same results below 2⁵³; above there are only "no limit" and "off",
 * which are powers of two here, so that the arithmetic stays finite and every size is below them.
 */

/** "Not set" where Go has the largest uint64: no goal by gcPercent, no cycle running. */
export const UNSET = 2 ** 64;
/** No memory limit (Go: the largest int64). */
export const NO_LIMIT = 2 ** 63;

const MIB = 1 << 20;

/** Heap goal of gcPercent 100 below which no cycle starts (Go: `defaultHeapMinimum`). */
const DEFAULT_HEAP_MINIMUM = 4 * MIB;
/** Bytes between the live heap at `commit` and the next trigger, for the sweeper to finish (Go: `sweepMinHeapDistance`). */
export const SWEEP_MIN_HEAP_DISTANCE = MIB;
/** CPU share of background marking, and of all marking in the steady state (Go: `gcBackgroundUtilization`). */
export const GC_BACKGROUND_UTILIZATION = 0.25;
/** Least bytes between the start of a cycle and its goal. */
const MIN_RUNWAY = 64 << 10;

const TRIGGER_RATIO_DEN = 64;
const MIN_TRIGGER_RATIO_NUM = 45;
const MAX_TRIGGER_RATIO_NUM = 61;

/** The heap minimum that gcPercent scales; 0 when it is off, and nothing asks for it. */
export function heapMinimum(gcPercent: number): number {
  return gcPercent < 0 ? 0 : percentOf(DEFAULT_HEAP_MINIMUM, gcPercent);
}

/** floor(bytes · percent / 100), exact where the product alone would not be. */
function percentOf(bytes: number, percent: number): number {
  const rest = bytes % 100;
  return ((bytes - rest) / 100) * percent + Math.floor((rest * percent) / 100);
}

/** What the heap may grow to after `marked` bytes, and `roots` bytes of stacks and globals, were found live. */
export function gcPercentGoal(gcPercent: number, marked: number, roots: number, minimum: number): number {
  return gcPercent < 0 ? UNSET : Math.max(marked + percentOf(marked + roots, gcPercent), minimum);
}

/**
 * What the heap may grow to so that all memory stays within `limit`: the limit less everything that is not heap, less
 * what is used beyond the limit already, less `headroom(goal)`. Never below `marked`, since what is live cannot go.
 */
export function memoryLimitGoal(
  limit: number,
  nonHeap: number,
  mappedReady: number,
  marked: number,
  headroom: (goal: number) => number,
): number {
  const taken = nonHeap + Math.max(mappedReady - limit, 0);
  if (taken >= limit) return marked;
  const goal = limit - taken;
  const room = headroom(goal);
  return Math.max(goal < room || goal - room < room ? room : goal - room, marked);
}

/** Goal of gcPercent, moved so that the sweeper and a running cycle have room. `triggered` is UNSET without a cycle. */
export function extendedGoal(goal: number, sweepDistMinTrigger: number, triggered: number): number {
  const swept = Math.max(goal, sweepDistMinTrigger);
  return triggered !== UNSET ? Math.max(swept, triggered + MIN_RUNWAY) : swept;
}

/**
 * Bytes the program will allocate while `scan` bytes are scanned at the goal utilization. Go converts to uint64, where
 * a negative number becomes one above every goal.
 */
export function runwayFor(consMark: number, scan: number): number {
  const u = GC_BACKGROUND_UTILIZATION;
  const bytes = Math.trunc(((consMark * (1 - u)) / u) * scan);
  // The sum turns −0 into 0.
  return bytes < 0 ? UNSET + bytes : bytes + 0;
}

/** Live heap at which the next cycle starts: `runway` before the goal, within the bounds of the picture above. */
export function triggerBefore(goal: number, minTrigger: number, marked: number, runway: number): number {
  if (marked >= goal) return goal;
  const step = Math.floor((goal - marked) / TRIGGER_RATIO_DEN);
  const lo = Math.max(minTrigger, marked + step * MIN_TRIGGER_RATIO_NUM);
  const hi = Math.max(lo, marked + step * MAX_TRIGGER_RATIO_NUM, goal - DEFAULT_HEAP_MINIMUM);
  return Math.min(Math.max(runway > goal ? lo : goal - runway, lo), hi);
}
