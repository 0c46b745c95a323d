/** One span: its record, its slots, the objects in them. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import {
  type NoSpan,
  SLOT_AHEAD,
  SLOT_LIVE,
  SLOT_MARKED,
  SLOT_NOTED,
  SLOT_SPECIAL,
  SLOT_STACK,
  SLOT_WINDOW,
  type ViewSpanDetail,
} from '../../serve/explorer/protocol.ts';
import { useResource } from '../data/resource.ts';
import { go, linkTo, route } from '../data/route.ts';
import type { TextKey } from '../i18n/en.ts';
import { bytes, count, hex, t } from '../i18n/index.ts';
import { type Cell, CellGrid } from '../parts/cell-grid.tsx';
import { classText, Facts, Loaded, ObjectLink, Section, Table } from '../parts/common.tsx';
import { typeColour } from '../parts/type-colours.ts';

/** Objects that the table below the slots lists. */
const LISTED = 40;
/** Slots in one answer. */
const PIECE = 4096;

export function SpanView(): JSX.Element {
  const page = Number(route.value.argument);
  const from = useSignal(0);
  useEffect(() => {
    from.value = 0;
  }, [page]);
  const valid = Number.isInteger(page) && page >= 0;
  const span = useResource<ViewSpanDetail | NoSpan>(valid ? 'span' : null, { page, from: from.value });
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('span.title', { page: route.value.argument })}</h2>
        <a href={linkTo('pages')}>{t('span.map')}</a>
      </div>
      <Loaded resource={span}>
        {(detail) =>
          'nothing' in detail ? (
            <p class="quiet">{t('span.none', { page: route.value.argument, why: detail.nothing })}</p>
          ) : (
            <Detail
              span={detail}
              onFrom={(slot) => {
                from.value = slot;
              }}
            />
          )
        }
      </Loaded>
    </>
  );
}

function Detail({
  span,
  onFrom,
}: {
  readonly span: ViewSpanDetail;
  readonly onFrom: (slot: number) => void;
}): JSX.Element {
  const end = span.address + span.npages * 8192;
  const owner = span.owner === 0 ? t('span.f.nobody') : t('span.f.thread', { id: span.owner });
  return (
    <>
      <Section title={t('span.fields')}>
        <Facts
          facts={[
            [t('span.f.address'), <span class="mono">{`${hex(span.address)} – ${hex(end - 1)}`}</span>],
            [t('span.f.pages'), count(span.npages)],
            [t('span.f.state'), span.state],
            [t('span.f.class'), `${span.spanClass}: ${classText(span.spanClass)}`],
            [t('span.f.elemsize'), bytes(span.elemsize)],
            [t('span.f.nelems'), count(span.nelems)],
            [t('span.f.freeindex'), count(span.freeindex)],
            [t('span.f.allocCount'), count(span.allocCount)],
            [t('span.f.live'), count(span.live)],
            [t('span.f.marked'), count(span.marked)],
            [t('span.f.sweepgen'), `${span.sweepgen} / ${span.heapSweepgen} (${span.sweep})`],
            [t('span.f.owner'), owner],
            [t('span.f.list'), span.list],
            [t('span.f.waste'), `${bytes(span.freeBytes)} / ${bytes(span.tailBytes)}`],
            [t('span.f.needzero'), span.needzero ? '1' : '0'],
            [t('span.f.record'), count(span.record)],
          ]}
        />
      </Section>
      {span.slots.length > 0 && <Slots span={span} onFrom={onFrom} />}
    </>
  );
}

function addressOf(span: ViewSpanDetail, slot: number): number {
  return span.large ? span.address : span.address + slot * span.elemsize;
}

/** What the bits of a slot say, in words. */
function slotText(span: ViewSpanDetail, i: number): string {
  const bits = span.slots[i]!;
  const flags: [number, TextKey][] = [
    [SLOT_MARKED, 'span.flag.marked'],
    [SLOT_WINDOW, 'span.flag.window'],
    [SLOT_STACK, 'span.flag.stack'],
    [SLOT_NOTED, 'span.flag.noted'],
    [SLOT_AHEAD, 'span.flag.ahead'],
    [SLOT_SPECIAL, 'span.flag.special'],
  ];
  const type = span.typeNames[String(span.types[i] ?? 0)];
  const what = (bits & SLOT_LIVE) !== 0 ? (type ?? t('span.live')) : t('span.free');
  const told = flags.filter(([bit]) => (bits & bit) !== 0).map(([, key]) => t(key));
  const slot = span.from + i;
  return t('span.slot', { slot, address: hex(addressOf(span, slot)), what: [what, ...told].join(', ') });
}

function cellOf(span: ViewSpanDetail, i: number): Cell {
  const bits = span.slots[i]!;
  const live = (bits & SLOT_LIVE) !== 0;
  return {
    fill: live ? typeColour(span.types[i] ?? 0) : null,
    dot: (bits & SLOT_MARKED) !== 0,
    frame: !live && (bits & (SLOT_WINDOW | SLOT_STACK)) !== 0,
    struck: (bits & SLOT_NOTED) !== 0,
  };
}

function Slots({
  span,
  onFrom,
}: {
  readonly span: ViewSpanDetail;
  readonly onFrom: (slot: number) => void;
}): JSX.Element {
  const last = span.from + span.slots.length - 1;
  const cells = span.slots.map((_, i) => cellOf(span, i));
  const live = span.slots.flatMap((bits, i) => ((bits & SLOT_LIVE) === 0 ? [] : [i]));
  const open = (i: number): void => {
    if ((span.slots[i]! & SLOT_LIVE) !== 0) go('object', hex(addressOf(span, span.from + i)));
  };
  return (
    <>
      <Section title={t('span.slots')} note={t('span.slotsMap', { from: span.from, to: last, nelems: span.nelems })}>
        <p id="slots-help" class="quiet small">
          {t('span.slotsHelp')}
        </p>
        <CellGrid
          label={t('span.slots')}
          describedBy="slots-help"
          cells={cells}
          textOf={(i) => slotText(span, i)}
          onOpen={open}
        />
        <TypeLegend span={span} />
        {span.nelems > PIECE && (
          <p class="buttons">
            <button type="button" disabled={span.from === 0} onClick={() => onFrom(Math.max(0, span.from - PIECE))}>
              {t('span.less')}
            </button>
            <button type="button" disabled={last + 1 >= span.nelems} onClick={() => onFrom(last + 1)}>
              {t('span.more')}
            </button>
          </p>
        )}
      </Section>
      {live.length > 0 && (
        <Section title={t('span.objects')} note={`${count(Math.min(LISTED, live.length))} / ${count(live.length)}`}>
          <Table
            caption={t('span.objects')}
            captionHidden
            rows={live.slice(0, LISTED)}
            rowKey={(i) => i}
            columns={[
              { title: t('object.slot'), cell: (i) => span.from + i },
              { title: t('app.address'), cell: (i) => <ObjectLink address={addressOf(span, span.from + i)} /> },
              { title: t('object.type'), cell: (i) => span.typeNames[String(span.types[i] ?? 0)] ?? '–' },
            ]}
          />
        </Section>
      )}
    </>
  );
}

function TypeLegend({ span }: { readonly span: ViewSpanDetail }): JSX.Element | null {
  const counts = new Map<number, number>();
  span.slots.forEach((bits, i) => {
    const type = span.types[i] ?? 0;
    if ((bits & SLOT_LIVE) !== 0) counts.set(type, (counts.get(type) ?? 0) + 1);
  });
  if (counts.size === 0) return null;
  return (
    <ul class="legend flat" aria-label={t('span.legend')}>
      {[...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([type, n]) => (
          <li key={type}>
            <span class="swatch" style={{ backgroundColor: typeColour(type) }} aria-hidden="true" />
            <span class="mono">{span.typeNames[String(type)] ?? t('span.noscanType')}</span>
            <span class="number">{count(n)}</span>
          </li>
        ))}
    </ul>
  );
}
