/** One object: its fields by type, where its pointers lead. Or, with no address, the named roots to begin at. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type {
  ViewNothing,
  ViewObject,
  ViewPointer,
  ViewRoot,
  ViewTypeInfo,
  ViewValue,
} from '../../serve/explorer/protocol.ts';
import { useResource } from '../data/resource.ts';
import { linkTo, parseAddress, route } from '../data/route.ts';
import { bytes, count, hex, t } from '../i18n/index.ts';
import { classText, Facts, Loaded, ObjectLink, Section, SpanLink, Table } from '../parts/common.tsx';
import { Value } from '../parts/value.tsx';

export function ObjectView(): JSX.Element {
  const { argument } = route.value;
  const address = parseAddress(argument);
  if (argument === '') return <Start />;
  if (address === null) return <p class="failed">{t('app.badAddress')}</p>;
  return <At address={address} />;
}

function Start(): JSX.Element {
  const roots = useResource<readonly ViewRoot[]>('roots', {}, 3000);
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('object.start')}</h2>
      </div>
      <p>{t('object.enter')}</p>
      <Section title={t('object.roots')}>
        <Loaded resource={roots}>
          {(list) =>
            list.length === 0 ? (
              <p class="quiet">{t('object.noRoots')}</p>
            ) : (
              <Table
                caption={t('object.roots')}
                captionHidden
                rows={list}
                rowKey={(root) => root.name}
                columns={[
                  { title: t('object.root'), cell: (root) => root.name },
                  { title: t('object.type'), cell: (root) => <span class="mono">{root.type}</span> },
                  { title: t('object.leadsTo'), cell: (root) => <ObjectLink address={root.address} /> },
                  {
                    title: t('object.size'),
                    end: true,
                    cell: (root) => (root.target === null ? t('object.dead') : bytes(root.target.size)),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Section>
    </>
  );
}

function At({ address }: { readonly address: number }): JSX.Element {
  const type = useSignal('');
  useEffect(() => {
    type.value = '';
  }, [address]);
  const params: Record<string, string> = { address: hex(address) };
  if (type.value !== '') params['type'] = type.value;
  const object = useResource<ViewObject | ViewNothing>('object', params);
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('object.title', { address: hex(address) })}</h2>
        <button type="button" onClick={() => window.history.back()}>
          ← {t('object.back')}
        </button>
        <button type="button" onClick={() => window.history.forward()}>
          {t('object.forward')} →
        </button>
        <ReadAs
          value={type.value}
          onChange={(name) => {
            type.value = name;
          }}
        />
      </div>
      <Loaded resource={object}>
        {(found) =>
          'nothing' in found ? (
            <p class="quiet">
              {t('object.nothing', { address: hex(found.address), why: found.nothing })}
              {found.page !== null && (
                <>
                  {' '}
                  {t('object.span')}: <SpanLink page={found.page} />
                </>
              )}
            </p>
          ) : (
            <Found object={found} />
          )
        }
      </Loaded>
    </>
  );
}

/** The value read as another type: for memory that carries none. */
function ReadAs(props: { readonly value: string; readonly onChange: (name: string) => void }): JSX.Element {
  const types = useResource<readonly ViewTypeInfo[]>('types', {}, 0);
  return (
    <label class="check">
      {t('object.readAs')}{' '}
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <option value="">{t('object.readAsNone')}</option>
        {(types.data.value ?? []).map((type) => (
          <option key={type.number} value={type.name}>
            {type.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function typeFrom({ typeFrom: from, typeVia }: ViewObject): string {
  if (from === null) return '';
  const via = typeof typeVia === 'number' ? hex(typeVia) : (typeVia ?? '');
  return t(`object.typeFrom.${from}`, { via });
}

function Found({ object }: { readonly object: ViewObject }): JSX.Element {
  const neighbour = (address: number | null, text: string): JSX.Element | string =>
    address === null ? '–' : <a href={linkTo('object', hex(address))}>{text}</a>;
  return (
    <>
      <Facts
        facts={[
          [
            t('object.type'),
            object.type === null ? (
              t('object.noType')
            ) : (
              <>
                <span class="mono">{object.type}</span> <span class="quiet">{typeFrom(object)}</span>
              </>
            ),
          ],
          [t('object.size'), bytes(object.size)],
          [
            t('app.address'),
            <span class="mono">{`${hex(object.start)} – ${hex(object.start + object.size - 1)}`}</span>,
          ],
          [
            t('object.span'),
            <>
              <SpanLink page={object.page} /> <span class="quiet">{classText(object.spanClass)}</span>
            </>,
          ],
          [t('object.slot'), count(object.slot)],
          [t('object.previous'), neighbour(object.previous, `← ${t('object.previous')}`)],
          [t('object.next'), neighbour(object.next, `${t('object.next')} →`)],
        ]}
      />
      <Fields object={object} />
      <Pointers object={object} />
    </>
  );
}

function Fields({ object }: { readonly object: ViewObject }): JSX.Element {
  const { value } = object;
  if (value.is !== 'struct' || object.fields.length === 0) {
    return (
      <Section title={t('object.value')}>
        <Value value={value} />
      </Section>
    );
  }
  const values = new Map<string, ViewValue>(value.fields.map((field) => [field.name, field.value]));
  return (
    <Section title={t('object.fields')}>
      <Table
        caption={t('object.fields')}
        captionHidden
        rows={object.fields}
        rowKey={(field) => field.name}
        columns={[
          { title: t('object.field'), cell: (field) => <span class="mono">{field.name}</span> },
          { title: t('object.value'), cell: (field) => <Value value={values.get(field.name) ?? { is: 'nil' }} /> },
          { title: t('object.type'), cell: (field) => <span class="mono quiet">{field.type}</span> },
          { title: t('object.offset'), end: true, cell: (field) => field.offset },
        ]}
      />
    </Section>
  );
}

function Pointers({ object }: { readonly object: ViewObject }): JSX.Element {
  const { pointers, pointerCount } = object;
  if (pointerCount === 0) return <p class="quiet">{t('object.noPointers')}</p>;
  const title =
    pointers.length === pointerCount
      ? t('object.pointers')
      : t('object.pointersSome', { shown: pointers.length, all: pointerCount });
  return (
    <Section title={title}>
      <Table
        caption={title}
        captionHidden
        rows={pointers}
        rowKey={(pointer) => pointer.offset}
        columns={[
          { title: t('object.offset'), cell: (pointer) => pointer.offset },
          { title: t('object.leadsTo'), cell: (pointer) => <ObjectLink address={pointer.to} /> },
          { title: t('object.type'), cell: targetType },
          {
            title: t('object.size'),
            end: true,
            cell: (pointer) => (pointer.target === null ? '' : bytes(pointer.target.size)),
          },
        ]}
      />
    </Section>
  );
}

function targetType({ target }: ViewPointer): JSX.Element {
  if (target === null) return <span class="wrong">{t('object.dead')}</span>;
  if (target.type === null) return <span class="quiet">{t('object.noTarget')}</span>;
  return <span class="mono">{target.type}</span>;
}
