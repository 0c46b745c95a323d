/** The page map: each page of the heap a cell. */
import { signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ViewChunk } from '../../serve/explorer/protocol.ts';
import { PAGE_STATES } from '../../serve/explorer/protocol.ts';
import { api, heapId, info, pagesVersion, paused } from '../data/connection.ts';
import { CHUNK, PageStore, readPages } from '../data/page-store.ts';
import { useResource } from '../data/resource.ts';
import { bytes, count, percent, t } from '../i18n/index.ts';
import { COLOURINGS, type Colouring, styleKey } from '../map/colours.ts';
import { CELL_SIZES } from '../map/layout.ts';
import { Legend } from '../map/legend.tsx';
import { nextCell, PageMap } from '../map/page-map.tsx';
import { pageText } from '../map/page-text.ts';
import { classText, PauseButton, Section, SpanLink, Table } from '../parts/common.tsx';

/** One for the page: it is still there when the view is opened again. */
const store = new PageStore();
const version = signal(0);
const failure = signal<string | null>(null);
const cursor = signal(-1);
const colouring = signal<Colouring>('state');
/** 0: as large as all of the map can be seen with. */
const cell = signal(0);
/** What that comes to. */
const shownCell = signal(4);
const changes = signal(true);
function choose(size: number): void {
  cell.value = size;
  shownCell.value = size;
}
let storedHeap: number | null | string = 'none';

/** Fetches what has changed. One request at a time; whoever asks meanwhile is served by the next tick. */
let busy = false;
async function update(): Promise<void> {
  if (busy) return;
  busy = true;
  try {
    const key = `${heapId.value} ${info.value?.createdAt}`;
    const isOther = key !== storedHeap;
    const response = await fetch(api('pages', { since: isOther ? 0 : store.version }));
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const changed = readPages(await response.arrayBuffer());
    // Not before something else can take its place: without pages there is no map, and a reader's focus is gone.
    if (isOther) store.clear();
    storedHeap = key;
    store.update(changed);
    failure.value = null;
    version.value++;
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error);
  }
  busy = false;
}

export function PagesView(): JSX.Element {
  useEffect(() => {
    void update();
    return pagesVersion.subscribe((v) => {
      if (v !== store.version && !paused.peek()) void update();
    });
  }, []);
  // Legend and cursor's text follow the map.
  void version.value;
  const page = cursor.value;
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('pages.title')}</h2>
        <Toolbar />
      </div>
      {failure.value !== null && (
        <p class="failed" role="alert">
          {t('app.failed', { why: failure.value })}{' '}
          <button type="button" onClick={() => void update()}>
            {t('app.retry')}
          </button>
        </p>
      )}
      <div class="map-and-legend">
        <div>
          {store.grown === 0 ? (
            <p class="quiet">{t(version.value === 0 ? 'app.loading' : 'pages.none')}</p>
          ) : (
            <PageMap
              store={store}
              version={version}
              by={colouring.value}
              cell={shownCell.value}
              fit={cell.value === 0}
              onFit={(size) => {
                shownCell.value = size;
              }}
              changes={changes.value}
              cursor={cursor}
              onCell={choose}
              onFrame={countFrame}
            />
          )}
          <p id="map-cell" class="map-cell" role="status" aria-live="polite">
            {page >= 0 && page < store.grown ? pageText(page, store.pages[page]!) : ' '}
          </p>
          <p id="map-keys" class="quiet small">
            {t('pages.keys')}
          </p>
        </div>
        <Legend store={store} by={colouring.value} version={version.value} />
      </div>
      {store.grown > 0 && <ChunkTable chunk={Math.floor(Math.max(0, page) / CHUNK)} />}
    </>
  );
}

/** Frames painted so far, as an attribute, so that a script can count them. */
let frames = 0;
function countFrame(): void {
  document.documentElement.dataset['frames'] = String(++frames);
}

function Toolbar(): JSX.Element {
  const options = COLOURINGS.map((by) => [by, t(`pages.colour.${by}`)] as const);
  return (
    <>
      <fieldset class="segments">
        <legend>{t('pages.colour')}</legend>
        {options.map(([by, text]) => (
          <button
            key={by}
            type="button"
            aria-pressed={by === colouring.value}
            onClick={() => {
              colouring.value = by;
            }}
          >
            {text}
          </button>
        ))}
      </fieldset>
      <fieldset class="segments">
        <legend>{t('pages.zoom')}</legend>
        <button
          type="button"
          aria-label={t('pages.zoomOut')}
          aria-disabled={shownCell.value === CELL_SIZES[0]}
          onClick={() => choose(nextCell(shownCell.value, -1))}
        >
          −
        </button>
        <button
          type="button"
          aria-pressed={cell.value === 0}
          onClick={() => {
            cell.value = 0;
          }}
        >
          {t('pages.zoomAll')}
        </button>
        <output class="number">{shownCell.value} px</output>
        <button
          type="button"
          aria-label={t('pages.zoomIn')}
          aria-disabled={shownCell.value === CELL_SIZES.at(-1)}
          onClick={() => choose(nextCell(shownCell.value, 1))}
        >
          +
        </button>
      </fieldset>
      <label class="check">
        <input
          type="checkbox"
          checked={changes.value}
          onChange={(event) => {
            changes.value = event.currentTarget.checked;
          }}
        />
        {t('pages.changes')}
      </label>
      <PauseButton />
    </>
  );
}

/** The chunk under the cursor as a table: what the map says in colours, in words. */
function ChunkTable({ chunk }: { readonly chunk: number }): JSX.Element {
  const open = useSignal(false);
  return (
    <details
      class="chunk"
      open={open.value}
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary>{t('pages.table', { chunk })}</summary>
      {open.value && <ChunkRuns chunk={chunk} />}
    </details>
  );
}

function ChunkRuns({ chunk }: { readonly chunk: number }): JSX.Element {
  const resource = useResource<ViewChunk>('chunk', { n: chunk }, 2000);
  const shown = useRef<ViewChunk | null>(null);
  shown.current = resource.data.value ?? shown.current;
  const data = shown.current;
  if (data === null) return <p class="quiet">{t(resource.error.value === null ? 'app.loading' : 'pages.none')}</p>;
  const first = data.firstPage;
  return (
    <Section title={t('pages.tableOf', { chunk: data.chunk, first, last: first + data.pages - 1 })}>
      <Table
        caption={t('pages.tableOf', { chunk: data.chunk, first, last: first + data.pages - 1 })}
        captionHidden
        rows={data.runs}
        rowKey={(run) => run.page}
        columns={[
          {
            title: t('pages.col.pages'),
            cell: (run) =>
              run.pages === 1 ? count(run.page) : `${count(run.page)} – ${count(run.page + run.pages - 1)}`,
          },
          { title: t('pages.col.state'), cell: (run) => stateText(run.state, run.span?.spanClass ?? 0) },
          { title: t('pages.col.span'), cell: (run) => run.span !== null && <SpanLink page={run.span.page} /> },
          {
            title: t('threads.class'),
            cell: (run) => run.span !== null && run.span.nelems > 0 && classText(run.span.spanClass),
          },
          {
            title: t('pages.col.use'),
            end: true,
            cell: (run) =>
              run.span !== null && run.span.nelems > 0
                ? `${run.span.live} / ${run.span.nelems} × ${bytes(run.span.elemsize)} (${percent(run.span.live / run.span.nelems)})`
                : '',
          },
        ]}
      />
    </Section>
  );
}

function stateText(state: number, spanClass: number): string {
  if (state >= PAGE_STATES.length) return String(state);
  return t(styleKey(PAGE_STATES[state] === 'small' && (spanClass & 1) === 1 ? 11 : state));
}
