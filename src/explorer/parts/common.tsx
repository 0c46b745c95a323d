/** Small parts that the views share. */
import type { ComponentChildren, JSX } from 'preact';
import { info, paused } from '../data/connection.ts';
import type { Resource } from '../data/resource.ts';
import { linkTo } from '../data/route.ts';
import { bytes, hex, t } from '../i18n/index.ts';

/** A piece of a view with a heading. */
export function Section(props: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={props.class}>
      <div class="section-head">
        <h2>{props.title}</h2>
        {props.note !== undefined && <div class="note">{props.note}</div>}
      </div>
      {props.children}
    </section>
  );
}

/** What a resource holds, or why there is nothing yet. What was there before stays while it is asked again. */
export function Loaded<T>(props: {
  readonly resource: Resource<T>;
  readonly children: (data: T) => ComponentChildren;
}): JSX.Element {
  const { data, error, reload } = props.resource;
  const failed = error.value !== null && (
    <p class="failed" role="alert">
      {t('app.failed', { why: error.value })}{' '}
      <button type="button" onClick={reload}>
        {t('app.retry')}
      </button>
    </p>
  );
  if (data.value === null) return failed === false ? <p class="quiet">{t('app.loading')}</p> : failed;
  return (
    <>
      {failed}
      {props.children(data.value)}
    </>
  );
}

export function ObjectLink(props: { readonly address: number }): JSX.Element {
  return (
    <a class="mono" href={linkTo('object', hex(props.address))}>
      {hex(props.address)}
    </a>
  );
}

export function SpanLink(props: { readonly page: number }): JSX.Element {
  return (
    <a class="mono" href={linkTo('span', props.page)}>
      {props.page}
    </a>
  );
}

/** A span class in words: slots of 48 B, no pointers. */
export function classText(spanClass: number, size?: number): string {
  if (spanClass < 2) return `${t('class.large')}, ${t(spanClass === 1 ? 'class.noscan' : 'class.scan')}`;
  if (spanClass === info.value?.tinySpanClass) return t('class.tiny');
  const slot = size ?? info.value?.sizeClasses[spanClass >>> 1]?.size ?? 0;
  return `${bytes(slot)} ${t((spanClass & 1) === 1 ? 'class.noscan' : 'class.scan')}`;
}

/** Name and value, below each other in columns. */
export function Facts(props: { readonly facts: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {props.facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => ComponentChildren;
  /** Numbers stand at the right. */
  readonly end?: boolean;
}

/** A table with a caption, headings with scope, and the first column as heading of its row. */
export function Table<T>(props: {
  readonly caption: string;
  readonly captionHidden?: boolean;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string | number;
}): JSX.Element {
  const { columns } = props;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be within reach of the keyboard
    <section class="table-scroll" tabIndex={0} aria-label={props.caption}>
      <table>
        <caption class={props.captionHidden === true ? 'hidden' : undefined}>{props.caption}</caption>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.title} scope="col" class={c.end === true ? 'end' : undefined}>
                {c.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {columns.map((c, i) => {
                const look = c.end === true ? 'end' : undefined;
                return i === 0 ? (
                  <th key={c.title} scope="row" class={look}>
                    {c.cell(row)}
                  </th>
                ) : (
                  <td key={c.title} class={look}>
                    {c.cell(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Buttons of which one is chosen. */
export function Segments<T extends string | number>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}): JSX.Element {
  return (
    <fieldset class="segments">
      <legend>{props.label}</legend>
      {props.options.map(([option, text]) => (
        <button key={option} type="button" aria-pressed={option === props.value} onClick={() => props.onChange(option)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** Lets what changes stand still, or go on. */
export function PauseButton(): JSX.Element {
  return (
    <button
      type="button"
      aria-pressed={paused.value}
      onClick={() => {
        paused.value = !paused.value;
      }}
    >
      {t(paused.value ? 'app.resume' : 'app.pause')}
    </button>
  );
}
