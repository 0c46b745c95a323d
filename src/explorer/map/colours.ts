/**
 * Colours of the page map. States: a palette that people who see colours differently can tell apart (Okabe and Ito's).
 * Size classes and fill: one ramp from dark blue over green to yellow (viridis), whose lightness grows all the way.
 */
import { sizeClassOf } from '../../layout/span-class.ts';
import {
  PAGE_CACHED,
  PAGE_CLASS_MASK,
  PAGE_FILL_SHIFT,
  PAGE_FREEING,
  PAGE_IDLE,
  PAGE_LARGE,
  PAGE_MANUAL,
  PAGE_OTHER,
  PAGE_SCAVENGED,
  PAGE_SMALL,
  PAGE_STATE_MASK,
  PAGE_STATE_SHIFT,
  PAGE_TINY,
  PAGE_UNKNOWN,
  PAGE_UNSWEPT,
} from '../../serve/explorer/protocol.ts';
import type { TextKey } from '../i18n/en.ts';

export const COLOURINGS = ['state', 'class', 'fill'] as const;
export type Colouring = (typeof COLOURINGS)[number];

/** Red, green, blue: 0 … 255. */
export type Rgb = readonly [number, number, number];

interface StateStyle {
  readonly key: TextKey;
  readonly light: Rgb;
  readonly dark: Rgb;
}

/** By state; small objects with pointers are state PAGE_SMALL, those without are SMALL_NOSCAN. */
export const SMALL_NOSCAN = 11;
const STYLES: readonly StateStyle[] = [
  { key: 'state.unknown', light: [248, 248, 245], dark: [20, 22, 26] },
  { key: 'state.free', light: [205, 208, 203], dark: [66, 72, 80] },
  { key: 'state.scavenged', light: [230, 232, 227], dark: [38, 42, 48] },
  { key: 'state.cached', light: [86, 180, 233], dark: [86, 180, 233] },
  { key: 'state.small.scan', light: [0, 114, 178], dark: [44, 140, 204] },
  { key: 'state.tiny', light: [204, 121, 167], dark: [214, 138, 180] },
  { key: 'state.large', light: [230, 159, 0], dark: [232, 168, 24] },
  { key: 'state.manual', light: [110, 110, 116], dark: [150, 152, 160] },
  { key: 'state.unswept', light: [213, 94, 0], dark: [226, 110, 24] },
  { key: 'state.freeing', light: [240, 228, 66], dark: [240, 228, 66] },
  { key: 'state.other', light: [40, 40, 44], dark: [222, 224, 228] },
  { key: 'state.small.noscan', light: [0, 158, 115], dark: [22, 176, 132] },
];

/** Points of viridis, evenly spaced. */
const RAMP: readonly Rgb[] = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/** `at` from 0 to 1. */
export function ramp(at: number): Rgb {
  const place = Math.min(Math.max(at, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(place), RAMP.length - 2);
  const mix = place - i;
  const [a, b] = [RAMP[i]!, RAMP[i + 1]!];
  return [0, 1, 2].map((k) => Math.round(a[k]! + (b[k]! - a[k]!) * mix)) as unknown as Rgb;
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r} ${g} ${b})`;
}

export function stateOf(code: number): number {
  return (code >>> PAGE_STATE_SHIFT) & PAGE_STATE_MASK;
}

export function spanClassOf(code: number): number {
  return code & PAGE_CLASS_MASK;
}

/** How full the page's span is, in sevenths. */
export function fillOf(code: number): number {
  return (code >>> PAGE_FILL_SHIFT) & 7;
}

/** Whether the page is in a span of objects. */
export function holdsObjects(code: number): boolean {
  const state = stateOf(code);
  return state === PAGE_SMALL || state === PAGE_TINY || state === PAGE_LARGE || state === PAGE_UNSWEPT;
}

/** What is told of a page in the legend: its state, small objects apart by whether they have pointers. */
export function styleOf(code: number): number {
  const state = stateOf(code);
  if (state === PAGE_SMALL && (code & 1) === 1) return SMALL_NOSCAN;
  return state < STYLES.length ? state : PAGE_OTHER;
}

export function styleKey(style: number): TextKey {
  return STYLES[style]!.key;
}

export function styleColour(style: number, isDark: boolean): Rgb {
  return isDark ? STYLES[style]!.dark : STYLES[style]!.light;
}

/** Order in the legend: what holds objects first. */
export const LEGEND: readonly number[] = [
  PAGE_SMALL,
  SMALL_NOSCAN,
  PAGE_TINY,
  PAGE_LARGE,
  PAGE_UNSWEPT,
  PAGE_MANUAL,
  PAGE_CACHED,
  PAGE_FREEING,
  PAGE_OTHER,
  PAGE_IDLE,
  PAGE_SCAVENGED,
  PAGE_UNKNOWN,
];

/** The colour of a page. `spanClasses`: how many there are. */
export function colourOf(code: number, by: Colouring, isDark: boolean, spanClasses: number): Rgb {
  const plain = styleColour(styleOf(code), isDark);
  if (by === 'state' || !holdsObjects(code)) return by === 'state' ? plain : muted(code, plain, isDark);
  if (by === 'fill') return ramp(fillOf(code) / 7);
  if (stateOf(code) === PAGE_LARGE) return plain;
  return ramp(sizeClassOf(spanClassOf(code)) / Math.max(1, sizeClassOf(spanClasses)));
}

/** In the other colourings, pages without objects keep to the background: their colours mean something else there. */
function muted(code: number, plain: Rgb, isDark: boolean): Rgb {
  const state = stateOf(code);
  if (state === PAGE_UNKNOWN || state === PAGE_SCAVENGED || state === PAGE_IDLE) return plain;
  return isDark ? [88, 92, 100] : [176, 178, 176];
}

/** Colours of all 65,536 codes, as the words of an RGBA picture on this (little-endian) machine. */
export function colourTable(by: Colouring, isDark: boolean, spanClasses: number): Uint32Array {
  const table = new Uint32Array(1 << 16);
  for (let code = 0; code < table.length; code++) {
    const [r, g, b] = colourOf(code, by, isDark, spanClasses);
    table[code] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return table;
}

/** Pages of each style. */
export function countStyles(pages: Uint16Array, grown: number): number[] {
  const counts = new Array<number>(STYLES.length).fill(0);
  for (let page = 0; page < grown; page++) counts[styleOf(pages[page]!)]!++;
  return counts;
}

/** Pages of each span class, of those that hold objects in slots; and of each fill. */
export function countClasses(pages: Uint16Array, grown: number): { classes: Map<number, number>; fills: number[] } {
  const classes = new Map<number, number>();
  const fills = new Array<number>(8).fill(0);
  for (let page = 0; page < grown; page++) {
    const code = pages[page]!;
    if (!holdsObjects(code)) continue;
    const spanClass = spanClassOf(code);
    classes.set(spanClass, (classes.get(spanClass) ?? 0) + 1);
    fills[fillOf(code)]!++;
  }
  return { classes, fills };
}
