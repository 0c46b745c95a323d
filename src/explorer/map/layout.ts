/**
 * Where each page's cell is on the page map. Arenas below each other with a gap and a line of text between them; in an
 * arena its 16 chunks; a chunk is 512 cells in one or more rows, or several chunks share a row when cells are small. All
 * in CSS pixels, from the top of the whole map, of which a window is shown.
 *
 *      gutter │ arena 0                       ← LABEL high
 *             │ ■■■■■■■■■■■■■■■■■■■■■■■■■■    ← a row: `perRow` cells of `cell` pixels
 *             │ ■■■■■■■■■■■■■■■■■■■■■■■■■■
 */
export const CHUNK_PAGES = 512;
const ARENA_CHUNKS = 16;
const ARENA_PAGES = CHUNK_PAGES * ARENA_CHUNKS;

/** Height of the line of text above an arena. */
export const LABEL = 22;
/** Sizes of a cell that can be chosen. */
export const CELL_SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24];

export interface MapLayout {
  readonly cell: number;
  /** Cells in a row: a power of two. */
  readonly perRow: number;
  readonly arenaHeight: number;
  readonly width: number;
  readonly height: number;
  readonly pages: number;
}

/** For `pages` pages in a window of `width` pixels. */
export function layoutMap(pages: number, width: number, cell: number): MapLayout {
  const fits = Math.max(8, Math.floor(width / cell));
  const perRow = Math.min(ARENA_PAGES, 2 ** Math.floor(Math.log2(fits)));
  const whole = Math.floor(pages / ARENA_PAGES);
  const arenaHeight = LABEL + (ARENA_PAGES / perRow) * cell;
  const rest = pages % ARENA_PAGES;
  const restHeight = rest === 0 ? 0 : LABEL + Math.ceil(rest / perRow) * cell;
  return { cell, perRow, arenaHeight, width: perRow * cell, height: whole * arenaHeight + restHeight, pages };
}

/** The largest cells with which the whole map can be seen in a window of that size; the smallest if none. */
export function fitCell(pages: number, width: number, height: number): number {
  return CELL_SIZES.findLast((cell) => layoutMap(pages, width, cell).height <= height) ?? CELL_SIZES[0]!;
}

/** Left upper corner of a page's cell. */
export function cellAt(l: MapLayout, page: number): { x: number; y: number } {
  const arena = Math.floor(page / ARENA_PAGES);
  const i = page % ARENA_PAGES;
  const y = arena * l.arenaHeight + LABEL + Math.floor(i / l.perRow) * l.cell;
  return { x: (i % l.perRow) * l.cell, y };
}

/** The page at a point, −1 if there is none. */
export function pageAt(l: MapLayout, x: number, y: number): number {
  const arena = Math.floor(y / l.arenaHeight);
  const inArena = y - arena * l.arenaHeight - LABEL;
  if (x < 0 || x >= l.width || inArena < 0 || y < 0) return -1;
  const page = arena * ARENA_PAGES + Math.floor(inArena / l.cell) * l.perRow + Math.floor(x / l.cell);
  return page < l.pages ? page : -1;
}

/** A row of cells: its first page, how many, and where it is. */
export interface MapRow {
  readonly page: number;
  readonly pages: number;
  readonly y: number;
}

/** Rows that a window from `top` on, `height` high, shows a part of. */
export function visibleRows(l: MapLayout, top: number, height: number): MapRow[] {
  const rows: MapRow[] = [];
  for (let arena = Math.floor(top / l.arenaHeight); arena * ARENA_PAGES < l.pages; arena++) {
    const start = arena * l.arenaHeight + LABEL;
    if (start - LABEL > top + height) break;
    const first = Math.max(0, Math.floor((top - start) / l.cell));
    const last = Math.min(ARENA_PAGES / l.perRow - 1, Math.floor((top + height - start) / l.cell));
    for (let row = first; row <= last; row++) {
      const page = arena * ARENA_PAGES + row * l.perRow;
      if (page >= l.pages) break;
      rows.push({ page, pages: Math.min(l.perRow, l.pages - page), y: start + row * l.cell });
    }
  }
  return rows;
}

/** Arenas that such a window shows the text line of. */
export function visibleArenas(l: MapLayout, top: number, height: number): { arena: number; y: number }[] {
  const found: { arena: number; y: number }[] = [];
  for (let arena = Math.max(0, Math.floor(top / l.arenaHeight)); arena * ARENA_PAGES < l.pages; arena++) {
    const y = arena * l.arenaHeight;
    if (y > top + height) break;
    found.push({ arena, y });
  }
  return found;
}

/** Where a key takes the cursor; null: the key is none of the map's. */
export function moveCursor(l: MapLayout, page: number, key: string): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: page - 1,
    ArrowRight: page + 1,
    ArrowUp: page - l.perRow,
    ArrowDown: page + l.perRow,
    PageUp: page - CHUNK_PAGES,
    PageDown: page + CHUNK_PAGES,
    Home: 0,
    End: l.pages - 1,
  };
  const to = steps[key];
  return to === undefined ? null : Math.min(Math.max(to, 0), l.pages - 1);
}
