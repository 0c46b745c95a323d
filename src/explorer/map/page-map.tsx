/**
 * The page map on a canvas that shows a window of it: mouse, wheel and keys, a line that tells what the cursor is on.
 * Nothing is painted unless something changed.
 */
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { info } from '../data/connection.ts';
import type { PageStore } from '../data/page-store.ts';
import { go } from '../data/route.ts';
import { dark, reducedMotion } from '../data/settings.ts';
import { hex, t } from '../i18n/index.ts';
import { type Colouring, holdsObjects } from './colours.ts';
import { CELL_SIZES, cellAt, fitCell, LABEL, layoutMap, type MapLayout, moveCursor, pageAt } from './layout.ts';
import { pageText } from './page-text.ts';
import { MapPainter } from './painter.ts';

interface PageMapProps {
  readonly store: PageStore;
  /** Raised when the store has changed. */
  readonly version: Signal<number>;
  readonly by: Colouring;
  readonly cell: number;
  /** The cells are to be as large as all of the map can be seen with; `onFit` is told how large that is. */
  readonly fit: boolean;
  readonly onFit: (cell: number) => void;
  readonly changes: boolean;
  readonly cursor: Signal<number>;
  readonly onCell: (cell: number) => void;
  /** Told of frames painted, for those who measure. */
  readonly onFrame: () => void;
}

/** The most height that the window gives the map. */
function roomFor(box: Element): number {
  return Number.parseFloat(getComputedStyle(box).maxHeight) || box.clientHeight;
}

/** Rows of pixels above the cursor that stay in sight. */
const MARGIN = LABEL + 8;

function cssColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

interface MapState {
  painter: MapPainter;
  layout: MapLayout;
  wanted: boolean;
  colours: { ground: string; text: string; focus: string };
}

export function PageMap(props: PageMapProps): JSX.Element {
  const { store, cursor } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useRef<MapState | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const width = useSignal(0);
  const height = useSignal(0);
  const hover = useSignal<{ page: number; x: number; y: number } | null>(null);
  const layout = layoutMap(store.grown, Math.max(64, width.value), props.cell);

  const paint = (): void =>
    paintSoon(state, () => paintNow(state.current!, box.current, canvas.current, latest.current));

  useEffect(() => {
    const resize = new ResizeObserver(([entry]) => {
      width.value = Math.floor(entry!.contentRect.width);
      height.value = roomFor(entry!.target);
      paint();
    });
    resize.observe(box.current!);
    const stopVersion = props.version.subscribe(paint);
    const stopCursor = cursor.subscribe(paint);
    return () => {
      resize.disconnect();
      stopVersion();
      stopCursor();
    };
  }, []);
  useEffect(() => {
    if (props.fit && width.value > 0) props.onFit(fitCell(store.grown, width.value, height.value));
  });
  useEffect(() => {
    const colours = { ground: cssColour('--page'), text: cssColour('--muted'), focus: cssColour('--focus') };
    const painter = state.current?.painter ?? new MapPainter(store);
    state.current = { painter, layout, wanted: state.current?.wanted ?? false, colours };
    paint();
  });

  const at = (event: MouseEvent): number => {
    const area = canvas.current!.getBoundingClientRect();
    return pageAt(layout, event.clientX - area.left, event.clientY - area.top + box.current!.scrollTop);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = moveCursor(layout, Math.max(0, cursor.value), event.key);
    if (to !== null) {
      cursor.value = to;
      keepInSight(box.current!, cellAt(layout, to).y, layout.cell);
    } else if (event.key === 'Enter' && cursor.value >= 0) openPage(store, cursor.value);
    else if (event.key === '+' || event.key === '=') props.onCell(nextCell(props.cell, 1));
    else if (event.key === '-') props.onCell(nextCell(props.cell, -1));
    else return;
    event.preventDefault();
  };
  return (
    <div class="map-box" ref={box} onScroll={paint}>
      <div class="map-height" style={{ height: `${layout.height}px` }}>
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it has keys of its own, which a reader must pass on */}
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-roledescription={t('pages.title')}
          aria-label={t('pages.map')}
          aria-describedby="map-keys map-cell"
          onKeyDown={onKeyDown}
          onFocus={() => {
            if (cursor.value < 0) cursor.value = 0;
          }}
          onMouseMove={(event) => {
            const page = at(event);
            hover.value = page < 0 ? null : { page, x: event.clientX, y: event.clientY };
          }}
          onMouseLeave={() => {
            hover.value = null;
          }}
          onClick={(event) => {
            const page = at(event);
            if (page >= 0) cursor.value = page;
          }}
          onDblClick={(event) => openPage(store, at(event))}
        />
      </div>
      {hover.value !== null && <Tip store={store} {...hover.value} />}
    </div>
  );
}

function Tip(props: {
  readonly store: PageStore;
  readonly page: number;
  readonly x: number;
  readonly y: number;
}): JSX.Element {
  const right = props.x > window.innerWidth - 320;
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={{
        top: `${props.y + 16}px`,
        left: right ? 'auto' : `${props.x + 12}px`,
        right: right ? `${window.innerWidth - props.x + 12}px` : 'auto',
      }}
    >
      {pageText(props.page, props.store.pages[props.page] ?? 0)}
    </div>
  );
}

/** A larger or smaller size of cells. */
export function nextCell(cell: number, by: 1 | -1): number {
  const i = CELL_SIZES.indexOf(cell) + by;
  return CELL_SIZES[Math.min(Math.max(i, 0), CELL_SIZES.length - 1)]!;
}

function openPage(store: PageStore, page: number): void {
  if (page >= 0 && holdsObjects(store.pages[page] ?? 0)) go('span', page);
}

function keepInSight(box: HTMLElement, y: number, cell: number): void {
  if (y < box.scrollTop + MARGIN) box.scrollTop = Math.max(0, y - MARGIN);
  else if (y + cell > box.scrollTop + box.clientHeight - 8) box.scrollTop = y + cell + 8 - box.clientHeight;
}

/** At most once a frame. */
function paintSoon(state: { current: MapState | null }, now: () => void): void {
  const s = state.current;
  if (s === null || s.wanted) return;
  s.wanted = true;
  requestAnimationFrame(() => {
    if (state.current === null) return;
    state.current.wanted = false;
    now();
  });
}

function paintNow(s: MapState, box: HTMLElement | null, canvas: HTMLCanvasElement | null, props: PageMapProps): void {
  if (box === null || canvas === null) return;
  const ratio = window.devicePixelRatio;
  const width = box.clientWidth;
  const height = Math.min(box.clientHeight, Math.max(LABEL, s.layout.height));
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  s.painter.refresh({
    by: props.by,
    dark: dark.value,
    spanClasses: info.value?.spanClasses ?? 2,
    changes: props.changes,
    still: reducedMotion.value,
  });
  s.painter.paint(canvas.getContext('2d')!, {
    layout: s.layout,
    top: box.scrollTop,
    width,
    height,
    scale: ratio,
    cursor: props.cursor.value,
    ...s.colours,
    arenaLabel: (arena) => `${t('pages.arena', { n: arena })}   ${hex(arena * 2 ** 26)}`,
  });
  props.onFrame();
}
