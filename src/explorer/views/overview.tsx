/** Live heap, goal and limits over time with the collector's phases, what it costs, and what the heap is full of. */
import { useComputed, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { CycleRecord, NumberedSample, ViewThread, ViewType, ViewTypes } from '../../serve/explorer/protocol.ts';
import { cycles, info, paused, samples } from '../data/connection.ts';
import { useResource } from '../data/resource.ts';
import { bytes, count, duration, percent, t } from '../i18n/index.ts';
import { Chart, type ChartLine } from '../parts/chart.tsx';
import { Facts, Loaded, PauseButton, Section, Segments, Table } from '../parts/common.tsx';
import { column, costs, rates } from '../parts/series.ts';

/** Seconds that the charts show; 0: all there is. */
const SPANS = [30, 120, 0] as const;

export function OverviewView(): JSX.Element {
  const seconds = useSignal<(typeof SPANS)[number]>(120);
  // What stands still while the stream is paused.
  const frozen = useRef({ samples: samples.peek(), cycles: cycles.peek() });
  const shown = useComputed(() => {
    if (!paused.value) frozen.current = { samples: samples.value, cycles: cycles.value };
    return frozen.current;
  });
  const all = shown.value.samples;
  const last = all.at(-1);
  const from = seconds.value === 0 || last === undefined ? 0 : last.at - seconds.value * 1000;
  const window = all.filter((s) => s.at >= from);
  const spans = SPANS.map((s) => [s, spanText(s)] as const);
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('overview.title')}</h2>
        <Segments
          label={t('overview.span')}
          value={seconds.value}
          options={spans}
          onChange={(s) => {
            seconds.value = s;
          }}
        />
        <PauseButton />
      </div>
      {last === undefined ? <p class="quiet">{t('overview.empty')}</p> : <Now sample={last} />}
      <Charts samples={window} cycles={shown.value.cycles} />
      <CyclesTable cycles={shown.value.cycles} />
      <div class="columns">
        <TypesTable />
        <ThreadsTable />
      </div>
    </>
  );
}

function spanText(seconds: number): string {
  if (seconds === 0) return t('overview.span.all');
  return seconds < 60 ? t('overview.span.seconds', { n: seconds }) : t('overview.span.minutes', { n: seconds / 60 });
}

/** The numbers of now. */
function Now({ sample }: { readonly sample: NumberedSample }): JSX.Element {
  const known = (n: number | null): string => (n === null ? '–' : bytes(n));
  return (
    <Facts
      facts={[
        [t('overview.live'), bytes(sample.liveBytes)],
        [t('overview.goal'), known(sample.goalBytes)],
        [t('overview.trigger'), known(sample.triggerBytes)],
        [t('overview.limit'), known(sample.limitBytes)],
        [t('overview.inUse'), bytes(sample.inUseBytes)],
        [t('overview.committed'), bytes(sample.sysBytes - sample.releasedBytes)],
        [t('overview.metadata'), bytes(sample.metadataBytes)],
        [t('overview.reserved'), known(info.value?.maxBytes ?? null)],
        [t('overview.threads'), count(sample.threads)],
        [t('overview.cycles'), `${count(sample.cycles)}, ${t(`phase.${sample.phase}`)}`],
        [t('overview.pause'), `${count(sample.pauses)}, ${duration(sample.pauseTotalNs)}`],
      ]}
    />
  );
}

function Charts(props: {
  readonly samples: readonly NumberedSample[];
  readonly cycles: readonly CycleRecord[];
}): JSX.Element {
  const { samples: list } = props;
  const times = list.map((s) => s.at / 1000);
  const heap: ChartLine[] = [
    { key: 'live', label: t('overview.live'), values: column(list, (s) => s.liveBytes), fill: true },
    { key: 'goal', label: t('overview.goal'), values: column(list, (s) => s.goalBytes), dash: true },
    { key: 'trigger', label: t('overview.trigger'), values: column(list, (s) => s.triggerBytes), dash: true },
    { key: 'limit', label: t('overview.limit'), values: column(list, (s) => s.limitBytes) },
    { key: 'inUse', label: t('overview.inUse'), values: column(list, (s) => s.inUseBytes) },
    {
      key: 'committed',
      label: t('overview.committed'),
      values: column(list, (s) => s.sysBytes - s.releasedBytes),
    },
  ];
  const rate = rates(list);
  const cost = costs(list);
  const lines: ChartLine[] = [
    { key: 'live', label: t('overview.allocated'), values: rate.allocated, fill: true },
    { key: 'goal', label: t('overview.freed'), values: rate.freed },
  ];
  const cpu: ChartLine[] = [
    { key: 'live', label: t('overview.mark'), values: cost.mark, fill: true },
    { key: 'goal', label: t('overview.assist'), values: cost.assist },
    { key: 'committed', label: t('overview.sweep'), values: cost.sweep },
  ];
  return (
    <>
      <Section title={t('overview.heap')} note={t('overview.heap.help')}>
        <Chart
          label={t('overview.heap')}
          times={times}
          lines={heap}
          cycles={props.cycles}
          show={bytes}
          height={270}
          binary
        />
      </Section>
      <div class="columns">
        <Section title={t('overview.rate')}>
          <Chart
            label={t('overview.rate')}
            times={times}
            lines={lines}
            cycles={props.cycles}
            show={(n) => `${bytes(n)}/s`}
            height={140}
            binary
          />
        </Section>
        <Section title={t('overview.cpu')}>
          <Chart
            label={t('overview.cpu')}
            times={times}
            lines={cpu}
            cycles={props.cycles}
            show={percent}
            height={140}
          />
        </Section>
      </div>
    </>
  );
}

function CyclesTable(props: { readonly cycles: readonly CycleRecord[] }): JSX.Element {
  const rows = props.cycles.slice(-12).reverse();
  return (
    <Section title={t('cycles.title')}>
      {rows.length === 0 ? (
        <p class="quiet">{t('cycles.none')}</p>
      ) : (
        <Table
          caption={t('cycles.title')}
          captionHidden
          rows={rows}
          rowKey={(c) => c.cycle}
          columns={[
            { title: t('cycles.number'), cell: (c) => `${c.cycle}${c.forced ? ` (${t('cycles.forced')})` : ''}` },
            { title: t('cycles.at'), end: true, cell: (c) => duration(c.at) },
            { title: t('cycles.stop1'), end: true, cell: (c) => duration(c.sweepTermination) },
            { title: t('cycles.mark'), end: true, cell: (c) => duration(c.mark) },
            { title: t('cycles.stop2'), end: true, cell: (c) => duration(c.markTermination) },
            { title: t('cycles.cpu'), end: true, cell: (c) => `${duration(c.assist)} / ${duration(c.background)}` },
            {
              title: t('cycles.heap'),
              end: true,
              cell: (c) => `${bytes(c.heapBefore)} → ${bytes(c.heapAfter)} → ${bytes(c.heapMarked)}`,
            },
            { title: t('cycles.goal'), end: true, cell: (c) => bytes(c.goal) },
          ]}
        />
      )}
    </Section>
  );
}

function TypesTable(): JSX.Element {
  const types = useResource<ViewTypes>('top', {}, 2000);
  return (
    <Section title={t('types.title')}>
      <Loaded resource={types}>
        {(top) =>
          top.types.length === 0 ? (
            <p class="quiet">
              {top.endedAt === null && top.pages > 0
                ? t('types.progress', { done: top.walkedPages, all: top.pages })
                : t('types.none')}
            </p>
          ) : (
            <Table
              caption={t('types.title')}
              captionHidden
              rows={[
                ...top.types.slice(0, 12).map((type) => ({ ...type, share: type.bytes / Math.max(1, top.bytes) })),
                ...others(top),
              ]}
              rowKey={(type) => `${type.number} ${type.name} ${type.slotSize}`}
              columns={[
                { title: t('types.type'), cell: (type) => <TypeName type={type} /> },
                { title: t('types.objects'), end: true, cell: (type) => count(type.objects) },
                { title: t('types.bytes'), end: true, cell: (type) => bytes(type.bytes) },
                { title: '%', end: true, cell: (type) => <Share share={type.share} /> },
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  );
}

/** A type's name; objects without pointers have none, and are told by their size. */
function TypeName({ type }: { readonly type: ViewType }): JSX.Element {
  if (type.slotSize === null) return <span class={type.number < 0 ? 'quiet' : 'mono'}>{type.name}</span>;
  if (type.slotSize < 0) return <span>{t('types.tiny')}</span>;
  return (
    <span>{type.slotSize === 0 ? t('types.noscanLarge') : t('types.noscan', { size: bytes(type.slotSize) })}</span>
  );
}

/** Those behind the first twelve, and what the server itself put together, as one row. */
function others(top: ViewTypes): (ViewType & { readonly share: number })[] {
  const rest = top.types.slice(12);
  const types = rest.length + top.others.types;
  if (types === 0) return [];
  const sum = (pick: (type: { objects: number; bytes: number }) => number): number =>
    rest.reduce((n, type) => n + pick(type), pick(top.others));
  const total = sum((type) => type.bytes);
  const name = t('types.others', { n: types });
  return [
    {
      number: -1,
      slotSize: null,
      name,
      objects: sum((type) => type.objects),
      bytes: total,
      share: total / Math.max(1, top.bytes),
    },
  ];
}

/** A share as a bar and in figures. */
export function Share({ share }: { readonly share: number }): JSX.Element {
  return (
    <span class="share">
      <meter min={0} max={1} value={share} aria-hidden="true" />
      {percent(share)}
    </span>
  );
}

function ThreadsTable(): JSX.Element {
  const threads = useResource<readonly ViewThread[]>('threads', {}, 2000);
  return (
    <Section title={t('threads.short')}>
      <Loaded resource={threads}>
        {(list) => (
          <Table
            caption={t('threads.short')}
            captionHidden
            rows={list}
            rowKey={(thread) => thread.id}
            columns={[
              {
                title: t('threads.id'),
                cell: (thread) => `${thread.id}${thread.background ? ` (${t('threads.background')})` : ''}`,
              },
              { title: t('threads.status'), cell: (thread) => <span class="mono">{thread.status}</span> },
              { title: t('threads.free'), end: true, cell: (thread) => bytes(thread.freeBytes) },
              { title: t('threads.refills'), end: true, cell: (thread) => count(thread.refills) },
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}
