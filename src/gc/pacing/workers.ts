/**
 * How many workers mark in the background (Go: `gcControllerState.startCycle`): as many whole CPUs as come near a
 * quarter of them, and where that is more than 30 % off (1, 2, 3 and 6 CPUs) a share of each other one besides.
 */
import { GC_BACKGROUND_UTILIZATION } from './goals.ts';

const MAX_UTIL_ERROR = 0.3;

function isOff(workers: number, target: number): boolean {
  return Math.abs(workers / target - 1) > MAX_UTIL_ERROR;
}

/** Workers with a CPU of their own, on `procs` CPUs. */
export function dedicatedMarkWorkers(procs: number): number {
  const target = procs * GC_BACKGROUND_UTILIZATION;
  const rounded = Math.floor(target + 0.5);
  return rounded > target && isOff(rounded, target) ? rounded - 1 : rounded;
}

/** Share of each CPU's time, 0 … 1, that a fractional worker takes besides. */
export function fractionalUtilizationGoal(procs: number): number {
  const target = procs * GC_BACKGROUND_UTILIZATION;
  return isOff(Math.floor(target + 0.5), target) ? (target - dedicatedMarkWorkers(procs)) / procs : 0;
}

/** Most workers in idle time. A `periodic` cycle is in no hurry: it gets one, if nobody else would mark. */
export function idleMarkWorkersMax(procs: number, periodic: boolean): number {
  const dedicated = dedicatedMarkWorkers(procs);
  if (!periodic) return procs - dedicated;
  return dedicated > 0 ? 0 : 1;
}
