/** `--json`: the figures of one replay as an object, of several as an array; the format is `ReplayOutcome`. */
import type { ReplayOutcome } from '../replay/outcome.ts';

export function jsonReport(outcomes: readonly ReplayOutcome[]): string {
  return `${JSON.stringify(outcomes.length === 1 ? outcomes[0] : outcomes, null, 2)}\n`;
}
