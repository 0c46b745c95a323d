/** The largest of many, without sorting all of them. */

/**
 * Numbers from `from` to `to` − 1 of the greatest weights, the greatest first; of equal ones the first. Weight −1: not
 * meant.
 */
export function greatest(from: number, to: number, most: number, weightOf: (i: number) => number): number[] {
  // A heap with the least of those kept on top.
  const kept: number[] = [];
  const weights: number[] = [];
  const isLess = (a: number, b: number): boolean =>
    weights[a]! < weights[b]! || (weights[a]! === weights[b]! && kept[a]! > kept[b]!);
  const swap = (a: number, b: number): void => {
    [kept[a], kept[b]] = [kept[b]!, kept[a]!];
    [weights[a], weights[b]] = [weights[b]!, weights[a]!];
  };
  const sink = (): void => {
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < kept.length && isLess(child, least)) least = child;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  for (let i = from; i < to; i++) {
    const weight = weightOf(i);
    if (weight < 0 || (kept.length === most && !(weight > weights[0]!))) continue;
    if (kept.length < most) {
      kept.push(i);
      weights.push(weight);
      for (let at = kept.length - 1; at > 0 && isLess(at, (at - 1) >>> 1); at = (at - 1) >>> 1) {
        swap(at, (at - 1) >>> 1);
      }
    } else if (most > 0) {
      kept[0] = i;
      weights[0] = weight;
      sink();
    }
  }
  const order = [...kept.keys()].sort((a, b) => weights[b]! - weights[a]! || kept[a]! - kept[b]!);
  return order.map((at) => kept[at]!);
}
