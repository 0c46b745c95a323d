/** The parts of the allocator, from the program down to the pages; the one at work is lit. */
import type { JSX } from 'preact';
import { BOXES, type Box, type Step } from '../../observe/steps.ts';
import { t } from '../i18n/index.ts';

export function Diagram(props: { readonly steps: readonly Step[]; readonly at: number }): JSX.Element {
  const { box, lock } = props.steps[props.at]!;
  const visited = new Set<Box>(props.steps.slice(0, props.at + 1).map((step) => step.box));
  const shown = BOXES.filter((name) => name !== 'gc' || props.steps.some((step) => step.box === 'gc'));
  return (
    <ol class="boxes" aria-label={t('steps.picture', { box: t(`steps.box.${box}`) })}>
      {shown.map((name) => (
        <li
          key={name}
          class={`${name === box ? 'now' : ''} ${visited.has(name) ? 'visited' : ''}`}
          aria-current={name === box ? 'step' : undefined}
        >
          {t(`steps.box.${name}`)}
          {name === box && lock !== null && <span class="lock">{t('steps.lock', { lock })}</span>}
        </li>
      ))}
    </ol>
  );
}
