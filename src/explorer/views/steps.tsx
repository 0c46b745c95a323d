/** Step mode: lessons, and calls of the reader's own, on a small heap in this page. */
import { batch, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { LESSONS, recordFree, recordMalloc, type Step, type Walk } from '../../observe/steps.ts';
import { linkTo, route } from '../data/route.ts';
import { hex, type Key, t } from '../i18n/index.ts';
import { Segments } from '../parts/common.tsx';
import { CardView } from '../steps/card-view.tsx';
import type { Card } from '../steps/cards.ts';
import { Diagram } from '../steps/diagram.tsx';
import { Player } from '../steps/player.ts';
import { makeSandbox, type Sandbox } from '../steps/sandbox.ts';

/** Bytes of the heap for the reader's own calls. */
const OWN_BYTES = 32 << 20;
/** The lesson that is shown at first. */
const FIRST = 'window';

const player = signal<Player | null>(null);
const at = signal(0);
const failure = signal<string | null>(null);
let shownLesson = '';

/** The reader's own heap, and what he has in it. */
let own: Sandbox | null = null;
const ownObjects = signal<readonly number[]>([]);
const ownSize = signal('48');
const ownKind = signal<'noscan' | 'scan'>('noscan');
const ownPick = signal('');

function show(box: Sandbox, walk: Walk): void {
  batch(() => {
    player.value = new Player(box, walk);
    at.value = 0;
    failure.value = null;
  });
}

function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    failure.value = error instanceof Error ? error.message : String(error);
  }
}

function startLesson(id: string): void {
  const lesson = LESSONS.find((l) => l.id === id);
  if (lesson === undefined || shownLesson === id) return;
  shownLesson = id;
  attempt(() => {
    const box = makeSandbox(lesson.maxBytes);
    show(box, lesson.run(box));
  });
}

function ownMalloc(): void {
  const size = Number(ownSize.value);
  if (!Number.isInteger(size) || size < 1 || size > OWN_BYTES) {
    failure.value = t('steps.badSize', { max: OWN_BYTES });
    return;
  }
  attempt(() => {
    own ??= makeSandbox(OWN_BYTES);
    const walk = recordMalloc(own.malloc, size, ownKind.value === 'scan' ? own.node : null);
    shownLesson = '';
    show(own, walk);
    if (walk.address !== 0) ownObjects.value = [...ownObjects.value, walk.address];
  });
}

function ownFree(): void {
  const address = Number(ownPick.value === '' ? ownObjects.value.at(-1) : ownPick.value);
  if (own === null || !ownObjects.value.includes(address)) return;
  attempt(() => {
    const walk = recordFree(own!.malloc, address);
    shownLesson = '';
    show(own!, walk);
    ownObjects.value = ownObjects.value.filter((a) => a !== address);
    ownPick.value = '';
  });
}

function ownReset(): void {
  own = null;
  ownObjects.value = [];
  ownPick.value = '';
}

export function StepsView(): JSX.Element {
  const { argument } = route.value;
  const lesson = LESSONS.some((l) => l.id === argument) ? argument : '';
  useEffect(() => {
    if (lesson !== '') startLesson(lesson);
    else if (player.value === null) startLesson(FIRST);
  }, [lesson]);
  return (
    <>
      <div class="view-head">
        <h2 class="title">{t('steps.title')}</h2>
        <p class="quiet">{t('steps.intro')}</p>
      </div>
      <div class="steps">
        <div class="steps-choice">
          <Lessons current={shownLesson} />
          <Own />
        </div>
        <div class="steps-main">
          {failure.value !== null && (
            <p class="failed" role="alert">
              {failure.value}
            </p>
          )}
          {player.value !== null && <Play player={player.value} />}
        </div>
      </div>
    </>
  );
}

function Lessons({ current }: { readonly current: string }): JSX.Element {
  const shown = player.value === null ? FIRST : current;
  return (
    <nav aria-labelledby="lessons">
      <h3 id="lessons">{t('steps.lessons')}</h3>
      <ol class="lessons">
        {LESSONS.map(({ id }) => (
          <li key={id}>
            <a
              href={linkTo('steps', id)}
              aria-current={shown === id ? 'true' : undefined}
              onClick={() => startLesson(id)}
            >
              {t(`lesson.${id}` as Key)}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Own(): JSX.Element {
  return (
    <form
      class="own"
      onSubmit={(event) => {
        event.preventDefault();
        ownMalloc();
      }}
    >
      <h3>{t('steps.try')}</h3>
      <label>
        {t('steps.size')}
        <input
          type="number"
          min={1}
          max={OWN_BYTES}
          value={ownSize.value}
          onInput={(event) => {
            ownSize.value = event.currentTarget.value;
          }}
        />
      </label>
      <Segments
        label={t('steps.kind')}
        value={ownKind.value}
        options={[
          ['noscan', t('steps.kind.noscan')],
          ['scan', t('steps.kind.scan')],
        ]}
        onChange={(kind) => {
          ownKind.value = kind;
        }}
      />
      <button type="submit" class="mono">
        {t('steps.malloc')}
      </button>
      {ownObjects.value.length > 0 && (
        <>
          <p class="quiet small">{t('steps.objects', { n: ownObjects.value.length })}</p>
          <span class="buttons">
            <select
              class="mono"
              aria-label={t('steps.pickObject')}
              value={ownPick.value === '' ? String(ownObjects.value.at(-1)) : ownPick.value}
              onChange={(event) => {
                ownPick.value = event.currentTarget.value;
              }}
            >
              {ownObjects.value.map((address) => (
                <option key={address} value={String(address)}>
                  {hex(address)}
                </option>
              ))}
            </select>
            <button type="button" class="mono" onClick={ownFree}>
              {t('steps.free')}
            </button>
            <button type="button" onClick={ownReset}>
              {t('steps.reset')}
            </button>
          </span>
        </>
      )}
    </form>
  );
}

/** Cards of words that come and go are there only while there are such. */
function hasContent(card: Card): boolean {
  return card.active || card.fields.length > 0 || card.bits.length > 0;
}

/** Parameters of a text: addresses as addresses. */
const ADDRESSES = new Set(['address', 'a', 'b', 'c', 'd', 'e']);
function textOf(step: Step): string {
  const params: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(step.params)) {
    params[name] = ADDRESSES.has(name) && typeof value === 'number' ? hex(value) : value;
  }
  return t(`step.${step.text}` as Key, params);
}

function Play({ player: shown }: { readonly player: Player }): JSX.Element {
  const { steps } = shown.walk;
  const index = Math.min(at.value, steps.length - 1);
  const step = shown.step(index);
  const list = useRef<HTMLOListElement>(null);
  const seek = (to: number): void => {
    at.value = Math.min(Math.max(to, 0), steps.length - 1);
  };
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [index, shown]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowRight') seek(index + 1);
    else if (event.key === 'ArrowLeft') seek(index - 1);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <Diagram steps={steps} at={index} />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys are a short cut of the buttons inside */}
      <div class="stage" onKeyDown={onKeyDown}>
        <div class="stage-text" role="status" aria-live="polite">
          <p class="step-name">
            <span class="mono">{step.fn}</span>
            <span class="quiet">{t('steps.count', { n: index + 1, all: steps.length })}</span>
          </p>
          <p class="step-text">{textOf(step)}</p>
          <p class="quiet small">
            {step.changes.length === 0 ? t('steps.noChange') : t('steps.words', { n: shown.written(index) })}
          </p>
        </div>
        <Buttons index={index} last={steps.length - 1} seek={seek} />
      </div>
      <div class="walk">
        <nav aria-label={t('steps.path')}>
          <ol ref={list} class="path">
            {steps.map((s, i) => (
              <li key={i}>
                <button
                  type="button"
                  class={`mono box-${s.box} ${i < index ? 'done' : ''}`}
                  aria-current={i === index ? 'step' : undefined}
                  onClick={() => seek(i)}
                >
                  {s.fn}
                </button>
              </li>
            ))}
          </ol>
        </nav>
        <div class="cards">
          {shown
            .cards(index)
            .filter(hasContent)
            .map((card) => (
              <CardView key={card.key} card={card} player={shown} />
            ))}
        </div>
      </div>
    </>
  );
}

function Buttons(props: {
  readonly index: number;
  readonly last: number;
  readonly seek: (to: number) => void;
}): JSX.Element {
  const { index, last, seek } = props;
  return (
    <div class="buttons">
      <button type="button" aria-disabled={index === 0} onClick={() => seek(0)}>
        ⇤ {t('steps.first')}
      </button>
      <button type="button" aria-disabled={index === 0} onClick={() => seek(index - 1)}>
        ← {t('steps.back')}
      </button>
      <button
        type="button"
        class="primary"
        aria-disabled={index === last}
        onClick={() => seek(index + 1)}
        title={t('steps.keys')}
      >
        {t('steps.forward')} →
      </button>
      <button type="button" aria-disabled={index === last} onClick={() => seek(last)}>
        {t('steps.last')} ⇥
      </button>
    </div>
  );
}
