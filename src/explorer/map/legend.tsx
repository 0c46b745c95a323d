/** What the colours of the page map mean, and how many pages there are of each. */
import type { JSX } from 'preact';
import { PAGE_UNKNOWN } from '../../serve/explorer/protocol.ts';
import { info } from '../data/connection.ts';
import type { PageStore } from '../data/page-store.ts';
import { dark } from '../data/settings.ts';
import { count, percent, t } from '../i18n/index.ts';
import { classText } from '../parts/common.tsx';
import { type Colouring, countClasses, countStyles, css, LEGEND, ramp, styleColour, styleKey } from './colours.ts';

interface Entry {
  readonly key: number;
  readonly colour: string;
  readonly text: string;
  readonly pages: number;
}

export function Legend(props: {
  readonly store: PageStore;
  readonly by: Colouring;
  /** That of the store: another one, and the pages are counted again. */
  readonly version: number;
}): JSX.Element {
  return (
    <ul class="legend" aria-label={t('pages.legend')}>
      {entries(props.store, props.by).map((e) => (
        <li key={e.key}>
          <span class="swatch" style={{ backgroundColor: e.colour }} aria-hidden="true" />
          <span>{e.text}</span>
          <span class="number">{count(e.pages)}</span>
        </li>
      ))}
    </ul>
  );
}

function entries({ pages, grown }: PageStore, by: Colouring): Entry[] {
  if (by === 'state') {
    const counts = countStyles(pages, grown);
    return LEGEND.filter((style) => style !== PAGE_UNKNOWN && counts[style]! > 0).map((style) => ({
      key: style,
      colour: css(styleColour(style, dark.value)),
      text: t(styleKey(style)),
      pages: counts[style]!,
    }));
  }
  const { classes, fills } = countClasses(pages, grown);
  if (by === 'fill') {
    return fills.map((n, fill) => ({
      key: fill,
      colour: css(ramp(fill / 7)),
      text: fill === 7 ? t('fill.full') : fill === 0 ? t('fill.empty') : percent(fill / 7),
      pages: n,
    }));
  }
  const spanClasses = info.value?.spanClasses ?? 2;
  return [...classes]
    .sort(([a], [b]) => a - b)
    .map(([spanClass, n]) => ({
      key: spanClass,
      colour:
        spanClass < 2 ? css(styleColour(6, dark.value)) : css(ramp((spanClass >>> 1) / Math.max(1, spanClasses >>> 1))),
      text: classText(spanClass),
      pages: n,
    }));
}
