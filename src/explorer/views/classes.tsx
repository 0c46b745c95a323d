/** Where the memory of each size class goes: live objects, free slots, ends of spans; as a heat map and as a table. */
import { Fragment, type JSX } from 'preact';
import type { ViewClassUse } from '../../serve/explorer/protocol.ts';
import { info } from '../data/connection.ts';
import { useResource } from '../data/resource.ts';
import { bytes, count, percent, t } from '../i18n/index.ts';
import { css, ramp } from '../map/colours.ts';
import { classText, Loaded, Section, Table } from '../parts/common.tsx';

export function ClassesView(): JSX.Element {
  const classes = useResource<readonly ViewClassUse[]>('classes', {}, 2000);
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('nav.classes')}</h2>
      </div>
      <Loaded resource={classes}>
        {(list) =>
          list.length === 0 ? (
            <p class="quiet">{t('classes.none')}</p>
          ) : (
            <>
              <HeatMap list={list} />
              <Uses list={list} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

/** The share of a class's memory that is no live object. */
function waste(use: ViewClassUse): number {
  return use.spanBytes === 0 ? 0 : (use.freeBytes + use.tailBytes) / use.spanBytes;
}

/** Rows with pointers and without, a column a size class; the colour is the share that is no live object. */
function HeatMap({ list }: { readonly list: readonly ViewClassUse[] }): JSX.Element {
  const uses = new Map(list.map((use) => [use.spanClass, use]));
  const classes = info.value?.sizeClasses ?? [];
  const columns = classes.map((_, i) => i);
  return (
    <figure class="heat">
      <div class="heat-grid" style={{ gridTemplateColumns: `110px repeat(${columns.length}, minmax(0, 1fr))` }}>
        {[0, 1].map((noscan) => (
          <Fragment key={noscan}>
            <span class="label">{t(noscan === 1 ? 'class.noscan' : 'class.scan')}</span>
            {columns.map((i) => (
              <HeatCell key={i} use={uses.get(i * 2 + noscan)} />
            ))}
          </Fragment>
        ))}
        <span class="label">{t('classes.size')}</span>
        {columns.map((i) => (
          <span key={i} class="tick" aria-hidden="true">
            {i % 8 === 1 ? bytes(classes[i]!.size) : ''}
          </span>
        ))}
      </div>
      <figcaption class="note">
        <span class="ramp" aria-hidden="true" style={{ background: RAMP }} /> 0 – {percent(1)}: {t('classes.waste')}
      </figcaption>
    </figure>
  );
}

const RAMP = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map((at) => css(ramp(at))).join(', ')})`;

function HeatCell({ use }: { readonly use: ViewClassUse | undefined }): JSX.Element {
  if (use === undefined) return <span class="heat-cell" aria-hidden="true" />;
  const share = waste(use);
  const detail = `${classText(use.spanClass, use.size)}: ${percent(share)}, ${bytes(use.freeBytes + use.tailBytes)}`;
  return (
    <span
      class="heat-cell used"
      role="img"
      aria-label={detail}
      title={t('classes.heat', { detail })}
      style={{ backgroundColor: css(ramp(share)) }}
    />
  );
}

function Uses({ list }: { readonly list: readonly ViewClassUse[] }): JSX.Element {
  const sum = (pick: (use: ViewClassUse) => number): number => list.reduce((n, use) => n + pick(use), 0);
  const total: ViewClassUse = {
    spanClass: -1,
    size: 0,
    spans: sum((use) => use.spans),
    spanBytes: sum((use) => use.spanBytes),
    objects: sum((use) => use.objects),
    liveBytes: sum((use) => use.liveBytes),
    freeSlots: sum((use) => use.freeSlots),
    freeBytes: sum((use) => use.freeBytes),
    tailBytes: sum((use) => use.tailBytes),
    unswept: sum((use) => use.unswept),
  };
  return (
    <Section title={t('classes.title')} note={t('classes.help')}>
      <Table
        caption={t('classes.title')}
        captionHidden
        rows={[...list, total]}
        rowKey={(use) => use.spanClass}
        columns={[
          {
            title: t('classes.class'),
            cell: (use) => (use.spanClass < 0 ? t('classes.total') : classText(use.spanClass, use.size)),
          },
          { title: '', cell: (use) => <Bar use={use} /> },
          { title: t('classes.spans'), end: true, cell: (use) => count(use.spans) },
          { title: t('types.objects'), end: true, cell: (use) => count(use.objects) },
          { title: t('classes.bytes'), end: true, cell: (use) => bytes(use.spanBytes) },
          { title: t('classes.live'), end: true, cell: (use) => bytes(use.liveBytes) },
          { title: t('classes.free'), end: true, cell: (use) => bytes(use.freeBytes) },
          { title: t('classes.tail'), end: true, cell: (use) => bytes(use.tailBytes) },
          { title: t('classes.waste'), end: true, cell: (use) => percent(waste(use)) },
          { title: t('classes.unswept'), end: true, cell: (use) => (use.unswept === 0 ? '' : count(use.unswept)) },
        ]}
      />
    </Section>
  );
}

function Bar({ use }: { readonly use: ViewClassUse }): JSX.Element {
  const part = (n: number): string => `${(100 * n) / Math.max(1, use.spanBytes)}%`;
  return (
    <span class="bar" aria-hidden="true">
      <i class="live" style={{ width: part(use.liveBytes) }} />
      <i class="free" style={{ width: part(use.freeBytes) }} />
      <i class="tail" style={{ width: part(use.tailBytes) }} />
    </span>
  );
}
