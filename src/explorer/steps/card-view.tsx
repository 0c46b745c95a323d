/** A structure of the allocator on a card. */
import type { JSX } from 'preact';
import type { TextKey } from '../i18n/en.ts';
import { bytes, t } from '../i18n/index.ts';
import { Bits } from '../parts/bits.tsx';
import type { BitRow, Card, FieldRow } from './cards.ts';
import type { Player } from './player.ts';

/** Words beyond the card's fields that are listed. */
const LISTED = 8;

function title(card: Card, player: Player): string {
  const { kind, id, page } = card;
  if (kind === 'class' || kind === 'central') {
    const size = id < 2 ? t('class.large') : player.isTiny(id) ? t('class.tiny') : bytes(player.sizeOf(id));
    const pointers = player.isTiny(id) ? '' : t(id % 2 === 1 ? 'class.noscan' : 'class.scan');
    return t(`steps.card.${kind}`, { size, pointers }).trim();
  }
  if (kind === 'span') return page < 0 ? t('steps.card.spanNew', { id: String(id) }) : t('steps.card.span', { page });
  if (kind === 'chunk') return t('steps.card.chunk', { id });
  return t(`steps.card.${kind}`);
}

export function CardView({ card, player }: { readonly card: Card; readonly player: Player }): JSX.Element {
  const changed = card.fields.some((f) => f.lit === 'changed') || card.others.length > 0;
  const written = changed || card.bits.some((row) => row.lit.includes('changed'));
  return (
    <article class={`card ${card.kind} ${card.active ? 'active' : ''} ${written ? 'written' : ''}`}>
      <h4>
        {title(card, player)}
        {card.active && <span class="tag">{t(written ? 'steps.changed' : 'steps.looked')}</span>}
      </h4>
      {card.bits.map((row) => (
        <BitsOf key={row.name} row={row} />
      ))}
      {card.fields.length > 0 && (
        <dl class={card.kind === 'summary' ? 'words levels' : 'words'}>
          {card.fields.map((field) => (
            <Field key={field.name} field={field} />
          ))}
        </dl>
      )}
      {card.others.length > 0 && (
        <dl class="words others">
          {card.others.slice(0, LISTED).map((field, i) => (
            <Field key={`${field.name} ${i}`} field={field} />
          ))}
          {card.others.length > LISTED && (
            <div class="quiet">{t('steps.wordsMore', { n: card.others.length - LISTED })}</div>
          )}
        </dl>
      )}
    </article>
  );
}

function Field({ field }: { readonly field: FieldRow }): JSX.Element {
  return (
    <div class={field.lit ?? ''}>
      <dt>{field.name}</dt>
      <dd>
        {field.before !== null && field.before !== field.value && (
          <>
            <del>{field.before}</del> <span aria-hidden="true">→</span>{' '}
          </>
        )}
        {field.lit === 'changed' ? <ins>{field.value}</ins> : field.value}
      </dd>
    </div>
  );
}

const BIT_LABELS: Readonly<Record<string, TextKey>> = { on: 'steps.used', half: 'steps.scavenged' };

function BitsOf({ row }: { readonly row: BitRow }): JSX.Element {
  const ones = row.bits.filter((bit) => bit === 'on').length;
  const label = `${row.name}: ${ones} / ${row.bits.length}${row.name === 'pallocBits' ? ` ${t(BIT_LABELS['on']!)}` : ''}`;
  return (
    <div class={`bit-row w${row.wrap} ${row.bits.length > row.wrap ? 'many' : ''}`}>
      <span class="label">{row.name}</span>
      <Bits bits={row.bits} label={label} lit={(i) => row.lit[i] ?? null} />
    </div>
  );
}
