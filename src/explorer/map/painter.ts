/**
 * Paints the page map. There is one picture of the whole heap with a pixel a page, a row a chunk, in which only chunks that
 * changed are painted again; what the window shows is made of it by stretching pieces of rows. So a frame costs a few
 * hundred copies by the browser, however large the heap is.
 */
import { PAGE_FIRST } from '../../serve/explorer/protocol.ts';
import { CHUNK, FRESH, type PageStore } from '../data/page-store.ts';
import { type Colouring, colourTable, type Rgb } from './colours.ts';
import { cellAt, LABEL, type MapLayout, type MapRow, visibleArenas, visibleRows } from './layout.ts';

/** Cells of this size and larger have lines between spans. */
const LINES_FROM = 6;

export interface PaintOptions {
  readonly by: Colouring;
  readonly dark: boolean;
  readonly spanClasses: number;
  readonly changes: boolean;
  /** Changes do not fade: they are shown for one update. */
  readonly still: boolean;
}

export interface Frame {
  readonly layout: MapLayout;
  /** What the window shows of the map: from where, its size; and canvas pixels a CSS pixel. */
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  readonly cursor: number;
  readonly ground: string;
  readonly text: string;
  readonly focus: string;
  readonly arenaLabel: (arena: number) => string;
}

export class MapPainter {
  readonly #store: PageStore;
  readonly #pixels: HTMLCanvasElement;
  readonly #marks: HTMLCanvasElement;
  #table: Uint32Array = new Uint32Array(0);
  #options: PaintOptions | undefined;

  constructor(store: PageStore) {
    this.#store = store;
    this.#pixels = document.createElement('canvas');
    this.#marks = document.createElement('canvas');
  }

  /** Paints chunks that changed into the picture of the heap. */
  refresh(options: PaintOptions): void {
    const store = this.#store;
    if (!sameOptions(options, this.#options)) {
      this.#table = colourTable(options.by, options.dark, options.spanClasses);
      this.#options = options;
      for (let chunk = 0; chunk < store.chunks; chunk++) store.dirty.add(chunk);
    }
    if (this.#pixels.height < store.chunks || this.#pixels.width !== CHUNK) {
      // A canvas that gets another size is empty.
      for (const canvas of [this.#pixels, this.#marks]) {
        canvas.width = CHUNK;
        canvas.height = Math.max(16, store.chunks);
      }
      for (let chunk = 0; chunk < store.chunks; chunk++) store.dirty.add(chunk);
    }
    const pixels = this.#pixels.getContext('2d')!;
    const marks = this.#marks.getContext('2d')!;
    const row = pixels.createImageData(CHUNK, 1);
    const words = new Uint32Array(row.data.buffer);
    const [r, g, b] = freshColour(options.dark);
    const mark = (b << 16) | (g << 8) | r;
    for (const chunk of store.dirty) {
      const from = chunk * CHUNK;
      for (let i = 0; i < CHUNK; i++) words[i] = this.#table[store.pages[from + i]!]!;
      pixels.putImageData(row, 0, chunk);
      for (let i = 0; i < CHUNK; i++) {
        const age = store.fresh[from + i]!;
        const fresh = !options.changes || (options.still && age < FRESH) ? 0 : age;
        words[i] = fresh === 0 ? 0 : (((Math.round((fresh / FRESH) * 150) << 24) >>> 0) | mark) >>> 0;
      }
      marks.putImageData(row, 0, chunk);
    }
    store.dirty.clear();
  }

  /** Paints one frame. */
  paint(ctx: CanvasRenderingContext2D, f: Frame): void {
    const { layout: l } = f;
    ctx.setTransform(f.scale, 0, 0, f.scale, 0, 0);
    ctx.fillStyle = f.ground;
    ctx.fillRect(0, 0, f.width, f.height);
    ctx.imageSmoothingEnabled = false;
    const rows = visibleRows(l, f.top, f.height);
    this.#paintRows(ctx, this.#pixels, rows, f);
    if (l.cell < LINES_FROM && this.#store.hasFresh) this.#paintRows(ctx, this.#marks, rows, f);
    if (l.cell >= LINES_FROM) {
      this.#paintLines(ctx, rows, f);
      this.#paintFresh(ctx, rows, f);
    }
    ctx.fillStyle = f.text;
    ctx.font = '11px system-ui, sans-serif';
    for (const { arena, y } of visibleArenas(l, f.top, f.height)) {
      ctx.fillText(f.arenaLabel(arena), 0, y - f.top + LABEL - 7);
    }
    if (f.cursor >= 0) this.#paintCursor(ctx, f);
  }

  #paintRows(ctx: CanvasRenderingContext2D, picture: HTMLCanvasElement, rows: readonly MapRow[], f: Frame): void {
    const { cell, perRow } = f.layout;
    for (let i = 0; i < rows.length; ) {
      const row = rows[i]!;
      let n = 1;
      if (perRow === CHUNK) {
        // A row is a chunk, here as in the picture: those of an arena are one piece.
        while (rows[i + n]?.y === row.y + n * cell && rows[i + n]!.pages === CHUNK) n++;
      }
      if (n > 1) ctx.drawImage(picture, 0, row.page / CHUNK, CHUNK, n, 0, row.y - f.top, CHUNK * cell, n * cell);
      else this.#paintRow(ctx, picture, row, f);
      i += n;
    }
  }

  #paintRow(ctx: CanvasRenderingContext2D, picture: HTMLCanvasElement, row: MapRow, f: Frame): void {
    const { cell } = f.layout;
    // A row may be a piece of one chunk, or several chunks.
    for (let done = 0; done < row.pages; ) {
      const page = row.page + done;
      const n = Math.min(row.pages - done, CHUNK - (page % CHUNK));
      const chunk = Math.floor(page / CHUNK);
      ctx.drawImage(picture, page % CHUNK, chunk, n, 1, done * cell, row.y - f.top, n * cell, cell);
      done += n;
    }
  }

  /** Lines between rows, and where a span begins. */
  #paintLines(ctx: CanvasRenderingContext2D, rows: readonly MapRow[], f: Frame): void {
    const { cell } = f.layout;
    const { pages } = this.#store;
    // Rectangle by rectangle: one path of them all takes the browser longer.
    ctx.fillStyle = f.ground;
    for (const row of rows) {
      const y = row.y - f.top;
      ctx.fillRect(0, y + cell - 1, row.pages * cell, 1);
      for (let i = 0; i < row.pages; i++) {
        const code = pages[row.page + i]!;
        const next = pages[row.page + i + 1] ?? PAGE_FIRST;
        if ((next & PAGE_FIRST) !== 0 || (code ^ next) & 0xf00) ctx.fillRect((i + 1) * cell - 1, y, 1, cell - 1);
      }
    }
  }

  /** Cells that are large enough keep their colour when they change, and get a dot. */
  #paintFresh(ctx: CanvasRenderingContext2D, rows: readonly MapRow[], f: Frame): void {
    const { cell } = f.layout;
    const { fresh } = this.#store;
    const options = this.#options;
    if (options === undefined || !options.changes || !this.#store.hasFresh) return;
    const size = Math.max(2, Math.round(cell / 4));
    const off = Math.floor((cell - 1 - size) / 2);
    for (let age = options.still ? FRESH : 1; age <= FRESH; age++) {
      ctx.fillStyle = freshCss(options.dark, age / FRESH);
      for (const row of rows) {
        for (let i = 0; i < row.pages; i++) {
          if (fresh[row.page + i] === age) ctx.fillRect(i * cell + off, row.y - f.top + off, size, size);
        }
      }
    }
  }

  #paintCursor(ctx: CanvasRenderingContext2D, f: Frame): void {
    const { x, y } = cellAt(f.layout, f.cursor);
    const size = Math.max(f.layout.cell, 6);
    const off = (size - f.layout.cell) / 2;
    ctx.lineWidth = 2;
    ctx.strokeStyle = f.ground;
    ctx.strokeRect(x - off - 3, y - f.top - off - 3, size + 6, size + 6);
    ctx.strokeStyle = f.focus;
    ctx.strokeRect(x - off - 1, y - f.top - off - 1, size + 2, size + 2);
  }
}

function sameOptions(a: PaintOptions, b: PaintOptions | undefined): boolean {
  return (
    b !== undefined && a.by === b.by && a.dark === b.dark && a.spanClasses === b.spanClasses && a.changes === b.changes
  );
}

/** What lies over cells that have just changed. */
function freshColour(isDark: boolean): Rgb {
  return isDark ? [255, 255, 255] : [20, 20, 24];
}

/** As CSS, with how opaque it is. */
function freshCss(isDark: boolean, opacity: number): string {
  const [r, g, b] = freshColour(isDark);
  return `rgb(${r} ${g} ${b} / ${opacity})`;
}
