/** A value as its type says: text only, whatever is in it. */
import type { JSX } from 'preact';
import type { ViewValue } from '../../serve/explorer/protocol.ts';
import { t } from '../i18n/index.ts';
import { ObjectLink } from './common.tsx';

/** Elements and fields that are shown at once. */
const SHOWN = 100;

export function Value({ value }: { readonly value: ViewValue }): JSX.Element {
  switch (value.is) {
    case 'number':
      return <span class="mono">{value.text}</span>;
    case 'boolean':
      return <span class="mono">{String(value.value)}</span>;
    case 'string':
      return <q class="text">{value.text}</q>;
    case 'bytes':
      return (
        <span>
          <code class="hex">{value.hex.replaceAll(/(..)/g, '$1 ').trim()}</code>{' '}
          <span class="quiet">{t('object.bytes', { n: value.length })}</span>
        </span>
      );
    case 'nil':
      return <span class="quiet mono">nil</span>;
    case 'ref':
      return (
        <span>
          <ObjectLink address={value.address} /> <span class="quiet mono">{value.type}</span>
        </span>
      );
    case 'invalid':
      return <span class="wrong">{value.text}</span>;
    case 'slice':
      return (
        <div>
          <ObjectLink address={value.address} />{' '}
          <span class="quiet">{t('object.elements', { n: value.length, cap: value.capacity })}</span>
          <Elements elements={value.elements} all={value.length} />
        </div>
      );
    case 'array':
      return <Elements elements={value.elements} all={value.elements.length} />;
    case 'map':
      return (
        <div>
          <ObjectLink address={value.address} /> <span class="quiet">{t('object.entries', { n: value.size })}</span>
          <Entries value={value} />
        </div>
      );
    case 'struct':
      return (
        <dl class="fields">
          {value.fields.map((field) => (
            <div key={field.name}>
              <dt class="mono">{field.name}</dt>
              <dd>
                <Value value={field.value} />
              </dd>
            </div>
          ))}
        </dl>
      );
  }
}

function Elements(props: { readonly elements: readonly ViewValue[]; readonly all: number }): JSX.Element {
  const shown = props.elements.slice(0, SHOWN);
  return (
    <ol class="elements" start={0}>
      {shown.map((element, i) => (
        <li key={i}>
          <Value value={element} />
        </li>
      ))}
      {props.all > shown.length && <li class="quiet more">{t('object.more')}</li>}
    </ol>
  );
}

function Entries({ value }: { readonly value: Extract<ViewValue, { is: 'map' }> }): JSX.Element {
  const shown = value.entries.slice(0, SHOWN);
  return (
    <dl class="fields">
      {shown.map(([key, entry], i) => (
        <div key={i}>
          <dt>
            <Value value={key} />
          </dt>
          <dd>
            <Value value={entry} />
          </dd>
        </div>
      ))}
      {value.size > shown.length && <div class="quiet">{t('object.more')}</div>}
    </dl>
  );
}
