/** Slots of a span on a canvas: a cell each, with colour and marks; arrow keys and a line that tells what the cursor is on. */
import { useSignal } from '@preact/signals';
import type { JSX, RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { dark } from '../data/settings.ts';

export interface Cell {
  /** CSS colour; null: an empty place. */
  readonly fill: string | null;
  /** A dot in it; a frame around it; a line through it. */
  readonly dot?: boolean;
  readonly frame?: boolean;
  readonly struck?: boolean;
}

interface CellGridProps {
  readonly label: string;
  readonly describedBy: string;
  readonly cells: readonly Cell[];
  readonly textOf: (index: number) => string;
  readonly onOpen: (index: number) => void;
}

function cellSize(n: number): number {
  if (n <= 64) return 30;
  if (n <= 512) return 20;
  return n <= 1024 ? 16 : 12;
}

/** Where cells are: their size, and how many are in a row. */
interface Grid {
  readonly n: number;
  readonly size: number;
  readonly perRow: number;
}

/** The cell at a point of the canvas; −1: none. */
function cellUnder(event: MouseEvent, { n, size, perRow }: Grid): number {
  const area = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const column = Math.floor((event.clientX - area.left) / size);
  const index = Math.floor((event.clientY - area.top) / size) * perRow + column;
  return column >= 0 && column < perRow && index < n ? index : -1;
}

/** Where a key takes the cursor; null: the key is none of these. */
function moved(cursor: number, key: string, { n, perRow }: Grid): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -perRow,
    ArrowDown: perRow,
    Home: -n,
    End: n,
  };
  const by = steps[key];
  return by === undefined ? null : Math.min(Math.max(cursor + by, 0), n - 1);
}

/** The grid for the width that there is; `box` is what it is in. */
function useGrid(box: RefObject<HTMLElement | null>, n: number): Grid {
  const width = useSignal(600);
  const size = cellSize(n);
  useEffect(() => {
    const resize = new ResizeObserver(([entry]) => {
      width.value = Math.floor(entry!.contentRect.width);
    });
    resize.observe(box.current!);
    return () => resize.disconnect();
  }, []);
  return { n, size, perRow: Math.max(1, 2 ** Math.floor(Math.log2(Math.max(size, width.value) / size))) };
}

export function CellGrid(props: CellGridProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useSignal(-1);
  const grid = useGrid(box, props.cells.length);
  const { n, size, perRow } = grid;
  useEffect(
    () => paintCells(canvas.current!, props.cells, size, perRow, cursor.value),
    [props.cells, size, perRow, cursor.value, dark.value],
  );
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = moved(cursor.value, event.key, grid);
    if (to !== null) cursor.value = to;
    else if (event.key === 'Enter' && cursor.value >= 0) props.onOpen(cursor.value);
    else return;
    event.preventDefault();
  };
  return (
    <div ref={box} class="cells">
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it has keys of its own, which a reader must pass on */}
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label={props.label}
        aria-describedby={`${props.describedBy} cell-text`}
        style={{ width: `${perRow * size}px`, height: `${Math.ceil(n / perRow) * size}px` }}
        onFocus={() => {
          if (cursor.value < 0) cursor.value = 0;
        }}
        onKeyDown={onKeyDown}
        onMouseMove={(event) => {
          const index = cellUnder(event, grid);
          if (index >= 0) cursor.value = index;
        }}
        onClick={(event) => {
          const index = cellUnder(event, grid);
          if (index >= 0) props.onOpen(index);
        }}
      />
      <p id="cell-text" class="map-cell" role="status" aria-live="polite">
        {cursor.value >= 0 && cursor.value < n ? props.textOf(cursor.value) : ' '}
      </p>
    </div>
  );
}

function paintCells(
  canvas: HTMLCanvasElement,
  cells: readonly Cell[],
  size: number,
  perRow: number,
  cursor: number,
): void {
  const ratio = window.devicePixelRatio;
  const rows = Math.ceil(cells.length / perRow);
  canvas.width = Math.round(perRow * size * ratio);
  canvas.height = Math.max(1, Math.round(rows * size * ratio));
  const ctx = canvas.getContext('2d')!;
  ctx.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const [rule, text, focus, ground] = [colour('--rule-strong'), colour('--text'), colour('--focus'), colour('--page')];
  cells.forEach((cell, i) => {
    const x = (i % perRow) * size + 1;
    const y = Math.floor(i / perRow) * size + 1;
    const inner = size - 2;
    ctx.fillStyle = cell.fill ?? ground;
    ctx.fillRect(x, y, inner, inner);
    ctx.lineWidth = 1;
    ctx.strokeStyle = cell.frame === true ? text : rule;
    if (cell.fill === null || cell.frame === true) ctx.strokeRect(x + 0.5, y + 0.5, inner - 1, inner - 1);
    if (cell.struck === true) {
      ctx.beginPath();
      ctx.moveTo(x, y + inner);
      ctx.lineTo(x + inner, y);
      ctx.stroke();
    }
    if (cell.dot === true) {
      ctx.fillStyle = cell.fill === null ? text : ground;
      ctx.beginPath();
      ctx.arc(x + inner / 2, y + inner / 2, Math.max(1.5, size / 8), 0, 7);
      ctx.fill();
    }
    if (i !== cursor) return;
    ctx.lineWidth = 2;
    ctx.strokeStyle = focus;
    ctx.strokeRect(x, y, inner, inner);
  });
}
