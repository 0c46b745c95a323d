/** Text into HTML, safely: file names and messages come from outside and may hold anything. */

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For element content and for attribute values in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c]);
}

/** JSON for a `<script type="application/json">`: nothing in it can end the script or begin a comment. */
export function escapeJson(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c');
}

export interface Column<Row> {
  readonly head: string;
  /** Numbers are set to the right. */
  readonly numeric?: boolean;
  /** HTML of the cell. */
  readonly cell: (row: Row) => string;
}

/** A table whose first column names the row, for readers that cannot see it whole. */
export function htmlTable<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const align = (column: Column<Row>): string => (column.numeric === true ? ' class="n"' : '');
  const head = columns.map((column) => `<th scope="col"${align(column)}>${escapeHtml(column.head)}</th>`).join('');
  const body = rows
    .map((row) => {
      const [first, ...rest] = columns;
      const cells = rest.map((column) => `<td${align(column)}>${column.cell(row)}</td>`).join('');
      return `<tr><th scope="row"${align(first)}>${first.cell(row)}</th>${cells}</tr>`;
    })
    .join('\n');
  return `<table><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}
