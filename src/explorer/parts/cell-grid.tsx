/** Slots of a span on a canvas: a cell each, with colour and marks; arrow keys and a line that tells what the cursor is on. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
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

export function CellGrid(props: CellGridProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useSignal(600);
  const cursor = useSignal(-1);
  const n = props.cells.length;
  const size = cellSize(n);
  const perRow = Math.max(1, 2 ** Math.floor(Math.log2(width.value / size)));
  const rows = Math.ceil(n / perRow);
  useEffect(() => {
    const resize = new ResizeObserver(([entry]) => {
      width.value = Math.max(size, Math.floor(entry!.contentRect.width));
    });
    resize.observe(box.current!);
    return () => resize.disconnect();
  }, []);
  useEffect(
    () => paintCells(canvas.current!, props.cells, size, perRow, cursor.value),
    [props.cells, size, perRow, cursor.value, dark.value],
  );
  const at = (event: MouseEvent): number => {
    const area = canvas.current!.getBoundingClientRect();
    const column = Math.floor((event.clientX - area.left) / size);
    const index = Math.floor((event.clientY - area.top) / size) * perRow + column;
    return column >= 0 && column < perRow && index < n ? index : -1;
  };
  const keys: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -perRow,
    ArrowDown: perRow,
    Home: -n,
    End: n,
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
        style={{ width: `${perRow * size}px`, height: `${rows * size}px` }}
        onFocus={() => {
          if (cursor.value < 0) cursor.value = 0;
        }}
        onKeyDown={(event) => {
          const by = keys[event.key];
          if (by !== undefined) cursor.value = Math.min(Math.max(cursor.value + by, 0), n - 1);
          else if (event.key === 'Enter' && cursor.value >= 0) props.onOpen(cursor.value);
          else return;
          event.preventDefault();
        }}
        onMouseMove={(event) => {
          const index = at(event);
          if (index >= 0) cursor.value = index;
        }}
        onClick={(event) => {
          const index = at(event);
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
