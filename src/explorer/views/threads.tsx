/** What each thread holds, what nobody holds, and the page allocator's tree. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { ViewCentral, ViewPageAlloc, ViewSummary, ViewThread } from '../../serve/explorer/protocol.ts';
import { useResource } from '../data/resource.ts';
import { bytes, count, duration, t } from '../i18n/index.ts';
import { Bits } from '../parts/bits.tsx';
import { classText, Facts, Loaded, Section, SpanLink, Table } from '../parts/common.tsx';

const PAGE = 8192;

export function ThreadsView(): JSX.Element {
  const threads = useResource<readonly ViewThread[]>('threads');
  const central = useResource<readonly ViewCentral[]>('central', {}, 2000);
  const pages = useResource<ViewPageAlloc>('pagealloc', {}, 2000);
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('threads.title')}</h2>
      </div>
      <Loaded resource={threads}>
        {(list) =>
          list.length === 0 ? (
            <p class="quiet">{t('threads.none')}</p>
          ) : (
            list.map((thread) => <Thread key={thread.id} thread={thread} />)
          )
        }
      </Loaded>
      <Section title={t('central.title')}>
        <Loaded resource={central}>{(list) => <Central list={list} />}</Loaded>
      </Section>
      <Section title={t('pagealloc.title')}>
        <Loaded resource={pages}>{(alloc) => <PageAllocator alloc={alloc} />}</Loaded>
      </Section>
    </>
  );
}

function rolesOf(thread: ViewThread): string {
  const roles = [
    thread.background && t('threads.background'),
    thread.marking && t('threads.marking'),
    thread.awaiting && t('threads.waiting'),
    thread.sweeping && t('threads.sweeping'),
    thread.pausing > 0 && t('threads.pausing'),
  ].filter((role) => role !== false);
  return roles.length === 0 ? '–' : roles.join(', ');
}

function Thread({ thread }: { readonly thread: ViewThread }): JSX.Element {
  const open = useSignal(!thread.background);
  const node = thread.threadId === null ? '' : ` · ${t('threads.node', { id: thread.threadId })}`;
  return (
    <details
      class="thread"
      open={open.value}
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary>
        <h3>
          {t('threads.id')} {thread.id}
          {node}
        </h3>
        <span class="mono">{thread.status}</span>
        <span>{thread.background ? t('threads.background') : ''}</span>
        <span class="number">{bytes(thread.freeBytes)}</span>
      </summary>
      {open.value && <ThreadDetail thread={thread} />}
    </details>
  );
}

function ThreadDetail({ thread }: { readonly thread: ViewThread }): JSX.Element {
  const { tiny, pageCache } = thread;
  const tinyText =
    tiny === null
      ? t('threads.tinyNone')
      : t('threads.tinyAt', { address: `0x${tiny.address.toString(16)}`, offset: tiny.offset });
  return (
    <>
      <Facts
        facts={[
          [t('threads.role'), rolesOf(thread)],
          [t('threads.free'), `${count(thread.freeSlots)}, ${bytes(thread.freeBytes)}`],
          [t('threads.refills'), count(thread.refills)],
          [t('threads.tiny'), tinyText],
          [t('threads.wb'), `${thread.writeBarrier} / 512`],
          [t('threads.assist'), bytes(thread.assistBytes)],
          [t('threads.records'), count(thread.spanRecords)],
          [t('threads.emptyPages'), count(thread.emptyPages)],
          [t('threads.shadow'), count(thread.shadowSlots)],
          [t('threads.handles'), count(thread.handleSegments)],
          [t('threads.large'), `${count(thread.largeAllocs)} / ${count(thread.largeFrees)}`],
          [t('threads.remote'), count(thread.remoteFrees)],
          [t('threads.swept'), `${count(thread.sweptObjects)}, ${bytes(thread.sweptBytes)}`],
          [t('threads.cpu'), `${duration(thread.markNs)} / ${duration(thread.assistNs)} / ${duration(thread.sweepNs)}`],
        ]}
      />
      <p class="page-cache">
        <span class="label">{t('threads.pageCache')}</span>
        {pageCache === null ? (
          <span class="quiet">{t('threads.pageCacheNone')}</span>
        ) : (
          <Bits
            bits={[...pageCache.bits].map((c) => (c === 'f' ? 'on' : c === 's' ? 'half' : 'off'))}
            label={t('threads.pageCacheText', { free: pageCache.free, page: pageCache.page })}
          />
        )}
      </p>
      <Classes thread={thread} />
    </>
  );
}

function Classes({ thread }: { readonly thread: ViewThread }): JSX.Element {
  if (thread.classes.length === 0) return <p class="quiet">{t('threads.mcacheNone')}</p>;
  return (
    <Table
      caption={t('threads.mcache', { id: thread.id })}
      rows={thread.classes}
      rowKey={(c) => c.spanClass}
      columns={[
        { title: t('threads.class'), cell: (c) => classText(c.spanClass, c.size) },
        { title: t('threads.span'), end: true, cell: (c) => (c.span === null ? '–' : <SpanLink page={c.span} />) },
        {
          title: t('threads.window'),
          cell: (c) => (
            <Bits
              bits={Array.from({ length: 32 }, (_, i) => ((c.windowBits >>> i) & 1 ? 'on' : 'off'))}
              label={`${c.window} / 32`}
            />
          ),
        },
        {
          title: t('threads.stack'),
          cell: (c) => (
            <>
              <meter min={0} max={Math.max(1, c.stackLimit)} value={c.stack} aria-hidden="true" /> {c.stack} /{' '}
              {c.stackLimit} {c.stackAddresses.length > 0 && <ObjectLinkPlain address={c.stackAddresses.at(-1)!} />}
            </>
          ),
        },
        { title: t('threads.partial'), end: true, cell: (c) => count(c.partial) },
        { title: t('threads.full'), end: true, cell: (c) => count(c.full) },
      ]}
    />
  );
}

/** A free slot's address: there is no object to open. */
function ObjectLinkPlain({ address }: { readonly address: number }): JSX.Element {
  return <span class="mono quiet">0x{address.toString(16)}</span>;
}

function Central({ list }: { readonly list: readonly ViewCentral[] }): JSX.Element {
  if (list.length === 0) return <p class="quiet">{t('central.none')}</p>;
  return (
    <Table
      caption={t('central.title')}
      captionHidden
      rows={list}
      rowKey={(c) => c.spanClass}
      columns={[
        {
          title: t('threads.class'),
          cell: (c) =>
            `${classText(c.spanClass, c.size)}${c.lockedBy === 0 ? '' : ` (${t('central.locked', { id: c.lockedBy })})`}`,
        },
        { title: t('central.partialSwept'), end: true, cell: (c) => count(c.partialSwept) },
        { title: t('central.partialUnswept'), end: true, cell: (c) => count(c.partialUnswept) },
        { title: t('central.fullSwept'), end: true, cell: (c) => count(c.fullSwept) },
        { title: t('central.fullUnswept'), end: true, cell: (c) => count(c.fullUnswept) },
        {
          title: t('central.spans'),
          cell: (c) =>
            [...c.partial, ...c.full].slice(0, 6).map((page) => (
              <span key={page}>
                <SpanLink page={page} />{' '}
              </span>
            )),
        },
      ]}
    />
  );
}

function PageAllocator({ alloc }: { readonly alloc: ViewPageAlloc }): JSX.Element {
  const { searchPage } = alloc;
  return (
    <>
      <Facts
        facts={[
          [t('pagealloc.grown'), bytes(alloc.grownPages * PAGE)],
          [t('pagealloc.inUse'), bytes(alloc.inUsePages * PAGE)],
          [t('pagealloc.released'), bytes(alloc.releasedPages * PAGE)],
          [
            t('pagealloc.search'),
            searchPage === null ? t('pagealloc.searchNone') : <ObjectLinkPlain address={searchPage * PAGE} />,
          ],
        ]}
      />
      <h3>{t('pagealloc.levels')}</h3>
      <p class="quiet small">{t('pagealloc.help')}</p>
      <div class="pyramid">
        {alloc.levels.map((level, i) => (
          <div key={i} class="level">
            <span class="label">{t('pagealloc.level', { level: i, size: bytes(level.pages * PAGE) })}</span>
            <ol>
              {level.entries.map((entry, k) => (
                <Summary key={`${i} ${k}`} entry={entry} number={k} pages={level.pages} />
              ))}
            </ol>
          </div>
        ))}
      </div>
    </>
  );
}

function Summary(props: { readonly entry: ViewSummary; readonly number: number; readonly pages: number }): JSX.Element {
  const [start, max, end] = props.entry;
  const text = t('pagealloc.entry', { entry: props.number, start, max, end });
  const share = Math.min(1, max / props.pages);
  return (
    <li
      title={text}
      style={{ backgroundColor: `color-mix(in srgb, var(--accent) ${Math.round(share * 85)}%, var(--card))` }}
    >
      <span class="hidden">{text}</span>
    </li>
  );
}
