/** A page in words. */
import { isLargeClass, isNoscan, sizeClassOf } from '../../layout/span-class.ts';
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
  if ((which !== PAGE_SMALL && which !== PAGE_UNSWEPT && which !== PAGE_LARGE) || isLargeClass(spanClass)) return state;
  const size = info.value?.sizeClasses[sizeClassOf(spanClass)]?.size ?? 0;
  const fill = fillOf(code);
  return t('pages.cellClass', {
    state: t(which === PAGE_SMALL ? 'state.small' : styleKey(styleOf(code))),
    size: bytes(size),
    pointers: t(isNoscan(spanClass) ? 'class.noscan' : 'class.scan'),
    fill: fill === 7 ? percent(1) : `≤ ${percent((fill + 1) / 7)}`,
  });
}
