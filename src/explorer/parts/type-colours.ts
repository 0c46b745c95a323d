/** A colour for each type: the same one wherever the type is shown. */

/** Colours that can be told apart, on light and dark ground; 0 is for objects without a type. */
const PALETTE = [
  'rgb(0 158 115)',
  'rgb(0 114 178)',
  'rgb(230 159 0)',
  'rgb(204 121 167)',
  'rgb(86 180 233)',
  'rgb(213 94 0)',
  'rgb(138 106 190)',
  'rgb(120 140 60)',
  'rgb(170 90 90)',
  'rgb(90 130 150)',
];

export function typeColour(type: number): string {
  return type === 0 ? PALETTE[0]! : PALETTE[1 + ((type - 1) % (PALETTE.length - 1))]!;
}
