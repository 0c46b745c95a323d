/** `--json`: the figures for programs; the format is `IndexOutcome`. */
import type { IndexOutcome } from './outcome.ts';

export function indexJson(outcome: IndexOutcome): string {
  return `${JSON.stringify(outcome, null, 2)}\n`;
}
