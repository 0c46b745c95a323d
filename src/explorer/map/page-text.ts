/** A page in words. */
import { PAGE_FIRST, PAGE_LARGE, PAGE_SMALL, PAGE_UNSWEPT } from '../../serve/explorer/protocol.ts';
import { info } from '../data/connection.ts';
import { bytes, hex, percent, t } from '../i18n/index.ts';
import { fillOf, holdsObjects, spanClassOf, stateOf, styleKey, styleOf } from './colours.ts';

const PAGE = 8192;

export function pageText(page: number, code: number): string {
  const state = t(styleKey(styleOf(code)));
  const address = hex(page * PAGE);
  const parts = [t('pages.cell', { page, address, state: detail(code, state) })];
  if (holdsObjects(code) && (code & PAGE_FIRST) !== 0) parts.push(t('pages.first'));
  return parts.join('; ');
}

function detail(code: number, state: string): string {
  const which = stateOf(code);
  const spanClass = spanClassOf(code);
  if ((which !== PAGE_SMALL && which !== PAGE_UNSWEPT && which !== PAGE_LARGE) || spanClass < 2) return state;
  const size = info.value?.sizeClasses[spanClass >>> 1]?.size ?? 0;
  const fill = fillOf(code);
  return t('pages.cellClass', {
    state: t(which === PAGE_SMALL ? 'state.small' : styleKey(styleOf(code))),
    size: bytes(size),
    pointers: t((spanClass & 1) === 1 ? 'class.noscan' : 'class.scan'),
    fill: fill === 7 ? percent(1) : `≤ ${percent((fill + 1) / 7)}`,
  });
}
