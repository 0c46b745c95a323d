/** The page map without a browser: where cells are, what colour, what an update changes. */
import { describe, expect, test } from 'vitest';
import { FRESH, PageStore, readPages } from '../../../src/explorer/data/page-store.ts';
import {
  colourOf,
  colourTable,
  countClasses,
  countStyles,
  LEGEND,
  ramp,
  SMALL_NOSCAN,
  styleColour,
  styleOf,
} from '../../../src/explorer/map/colours.ts';
import {
  CELL_SIZES,
  cellAt,
  fitCell,
  layoutMap,
  moveCursor,
  pageAt,
  visibleArenas,
  visibleRows,
} from '../../../src/explorer/map/layout.ts';
import {
  PAGE_FIRST,
  PAGE_LARGE,
  PAGE_SMALL,
  PAGE_STATE_SHIFT,
  PAGE_STATES,
  PAGES_CHUNK_BYTES,
  PAGES_HEADER_BYTES,
  PAGES_MAGIC,
} from '../../../src/serve/explorer/protocol.ts';

describe('layout', () => {
  const shapes = [
    [512, 1000, 16],
    [9000, 1100, 4],
    [131072, 1000, 2],
    [524288, 700, 1],
    [1000, 90, 24],
  ] as const;

  test.each(shapes)(
    '%i pages, %i px, cells of %i: every page has its place, and the place its page',
    (pages, width, cell) => {
      const l = layoutMap(pages, width, cell);
      for (let page = 0; page < pages; page += page < 2000 ? 1 : 97) {
        const { x, y } = cellAt(l, page);
        expect(x + cell).toBeLessThanOrEqual(Math.max(width, 8 * cell));
        expect(y + cell).toBeLessThanOrEqual(l.height);
        expect(pageAt(l, x, y)).toBe(page);
        expect(pageAt(l, x + cell - 1, y + cell - 1)).toBe(page);
      }
      expect(pageAt(l, -1, 30)).toBe(-1);
      expect(pageAt(l, 2, 2)).toBe(-1);
      expect(pageAt(l, 2, l.height + 1)).toBe(-1);
      expect(pageAt(l, l.width, 30)).toBe(-1);
    },
  );

  test.each(shapes)(
    '%i pages, %i px, cells of %i: a window shows the rows in it and no others',
    (pages, width, cell) => {
      const l = layoutMap(pages, width, cell);
      for (const top of [0, 5, 700, Math.max(0, l.height - 300)]) {
        const rows = visibleRows(l, top, 300);
        for (const row of rows) {
          expect(row.y).toBe(cellAt(l, row.page).y);
          expect(row.y + cell).toBeGreaterThanOrEqual(top);
          expect(row.y).toBeLessThanOrEqual(top + 300);
        }
        const shown = new Set(rows.map((row) => row.page));
        for (let page = 0; page < pages; page += l.perRow) {
          const { y } = cellAt(l, page);
          if (y >= top && y + cell <= top + 300) expect(shown).toContain(page - (page % l.perRow));
        }
        for (const { arena, y } of visibleArenas(l, top, 300)) expect(y).toBe(arena * l.arenaHeight);
      }
      const all = visibleRows(l, 0, l.height);
      expect(all.reduce((n, row) => n + row.pages, 0)).toBe(pages);
    },
  );

  test('the largest cells that fit are chosen', () => {
    const cell = fitCell(20_000, 1000, 600);
    expect(layoutMap(20_000, 1000, cell).height).toBeLessThanOrEqual(600);
    const larger = CELL_SIZES[CELL_SIZES.indexOf(cell) + 1]!;
    expect(layoutMap(20_000, 1000, larger).height).toBeGreaterThan(600);
    expect(fitCell(524288, 400, 300)).toBe(CELL_SIZES[0]);
    expect(fitCell(512, 1000, 600)).toBe(CELL_SIZES.at(-1));
  });

  test('keys move the cursor, and never off the map', () => {
    const l = layoutMap(2000, 1024, 16);
    expect(moveCursor(l, 100, 'ArrowRight')).toBe(101);
    expect(moveCursor(l, 100, 'ArrowDown')).toBe(164);
    expect(moveCursor(l, 100, 'PageDown')).toBe(612);
    expect(moveCursor(l, 0, 'ArrowLeft')).toBe(0);
    expect(moveCursor(l, 10, 'ArrowUp')).toBe(0);
    expect(moveCursor(l, 1990, 'PageDown')).toBe(1999);
    expect(moveCursor(l, 5, 'End')).toBe(1999);
    expect(moveCursor(l, 5, 'Home')).toBe(0);
    expect(moveCursor(l, 5, 'a')).toBeNull();
  });
});

describe('colours', () => {
  const code = (state: number, spanClass = 0, fill = 0): number =>
    spanClass | (state << PAGE_STATE_SHIFT) | (fill << 13);

  test.each([false, true])('states can be told apart (dark: %s)', (dark) => {
    const seen = new Set(PAGE_STATES.map((_, state) => styleColour(state, dark).join()));
    seen.add(styleColour(SMALL_NOSCAN, dark).join());
    expect(seen.size).toBe(PAGE_STATES.length + 1);
  });

  test('small objects are told apart by whether they have pointers; all states are in the legend', () => {
    expect(styleOf(code(PAGE_SMALL, 10))).toBe(PAGE_SMALL);
    expect(styleOf(code(PAGE_SMALL, 11))).toBe(SMALL_NOSCAN);
    expect([...LEGEND].sort((a, b) => a - b)).toEqual([...PAGE_STATES.keys(), SMALL_NOSCAN]);
  });

  test('the ramp becomes lighter all the way', () => {
    const lightness = Array.from({ length: 21 }, (_, i) => {
      const [r, g, b] = ramp(i / 20);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
    for (let i = 1; i < lightness.length; i++) expect(lightness[i]).toBeGreaterThan(lightness[i - 1]!);
  });

  test.each(['state', 'class', 'fill'] as const)('the table by %s is what the function says, for every code', (by) => {
    const table = colourTable(by, false, 136);
    for (let c = 0; c < 1 << 16; c += 37) {
      const [r, g, b] = colourOf(c, by, false, 136);
      expect([...new Uint8Array(Uint32Array.of(table[c]!).buffer)]).toEqual([r, g, b, 255]);
    }
  });

  test('pages are counted by state, class and fill', () => {
    const pages = Uint16Array.of(
      code(PAGE_SMALL, 10, 3),
      code(PAGE_SMALL, 11, 7),
      code(PAGE_LARGE, 1, 7),
      code(1),
      code(1),
    );
    const counts = countStyles(pages, pages.length);
    expect([counts[PAGE_SMALL], counts[SMALL_NOSCAN], counts[PAGE_LARGE], counts[1]]).toEqual([1, 1, 1, 2]);
    const { classes, fills } = countClasses(pages, pages.length);
    expect([...classes]).toEqual([
      [10, 1],
      [11, 1],
      [1, 1],
    ]);
    expect(fills).toEqual([0, 0, 0, 1, 0, 0, 0, 2]);
  });
});

describe('the store', () => {
  function answer(version: number, grown: number, chunks: Record<number, (page: number) => number>): ArrayBuffer {
    const list = Object.entries(chunks);
    const buffer = new ArrayBuffer(PAGES_HEADER_BYTES + list.length * PAGES_CHUNK_BYTES);
    const view = new DataView(buffer);
    [PAGES_MAGIC, version, grown, 131072, list.length].forEach((word, i) => {
      view.setUint32(i * 4, word, true);
    });
    list.forEach(([chunk, of], k) => {
      const at = PAGES_HEADER_BYTES + k * PAGES_CHUNK_BYTES;
      view.setUint32(at, Number(chunk), true);
      for (let i = 0; i < 512; i++) view.setUint16(at + 4 + i * 2, of(i), true);
    });
    return buffer;
  }

  test('takes in what the server says, and knows what has changed', () => {
    const store = new PageStore();
    store.update(readPages(answer(3, 1024, { 0: () => 0x400, 1: () => 0x100 })));
    expect([store.version, store.grown, store.chunks]).toEqual([3, 1024, 2]);
    expect([...store.dirty]).toEqual([0, 1]);
    expect(store.fresh.every((age) => age === 0)).toBe(true);
    store.dirty.clear();

    store.update(readPages(answer(4, 1024, { 1: (i) => (i === 7 ? 0x400 | PAGE_FIRST : 0x100) })));
    expect(store.pages[512 + 7]).toBe(0x400 | PAGE_FIRST);
    expect([...store.dirty]).toEqual([1]);
    expect([...store.fresh].flatMap((age, page) => (age > 0 ? [[page, age]] : []))).toEqual([[519, FRESH]]);

    // It cools, update by update, and its chunk is painted again each time.
    for (let age = FRESH - 1; age >= 0; age--) {
      store.dirty.clear();
      store.update(readPages(answer(5, 1024, {})));
      expect(store.fresh[519]).toBe(age);
      expect([...store.dirty]).toEqual([1]);
    }
    store.dirty.clear();
    store.update(readPages(answer(6, 1024, {})));
    expect([...store.dirty]).toEqual([]);
  });

  test('how full a span is does not make its page another one', () => {
    const store = new PageStore();
    store.update(readPages(answer(1, 512, { 0: () => 0x400 })));
    store.update(readPages(answer(2, 512, { 0: () => 0x400 | (5 << 13) })));
    expect(store.pages[9]).toBe(0x400 | (5 << 13));
    expect(store.fresh[9]).toBe(0);
  });

  test('grows with the heap, and forgets another one', () => {
    const store = new PageStore();
    store.update(readPages(answer(1, 512, { 0: () => 0x400 })));
    store.update(readPages(answer(2, 2048, { 3: () => 0x600 })));
    expect([store.pages[5], store.pages[3 * 512]]).toEqual([0x400, 0x600]);
    store.clear();
    expect([store.grown, store.version, store.pages.length]).toEqual([0, 0, 0]);
  });

  test('a chunk beyond what is known is left out', () => {
    const store = new PageStore();
    store.update(readPages(answer(1, 512, { 0: () => 0x400, 9: () => 0x400 })));
    expect(store.pages.length).toBe(512);
  });

  test('bytes that are no page map are refused', () => {
    const good = answer(1, 512, { 0: () => 1 });
    expect(() => readPages(good.slice(0, good.byteLength - 1))).toThrow('cut off');
    expect(() => readPages(good.slice(0, 8))).toThrow('no page map');
    const other = good.slice(0);
    new DataView(other).setUint32(0, 1);
    expect(() => readPages(other)).toThrow('no page map');
    const many = good.slice(0);
    new DataView(many).setUint32(16, 0xffffffff, true);
    expect(() => readPages(many)).toThrow('cut off');
  });
});
