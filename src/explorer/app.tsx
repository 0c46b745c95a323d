/** The frame around the views: title, navigation, connection, language, colours. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import {
  connect,
  heapId,
  heaps,
  info,
  lastEvent,
  lookAt,
  outdated,
  paused,
  samples,
  status,
} from './data/connection.ts';
import { go, linkTo, parseAddress, route, VIEWS, type ViewName } from './data/route.ts';
import { setTheme, THEMES, theme } from './data/settings.ts';
import { duration, LANGUAGE_NAMES, LANGUAGES, language, setLanguage, t } from './i18n/index.ts';
import { ClassesView } from './views/classes.tsx';
import { ObjectView } from './views/object.tsx';
import { OverviewView } from './views/overview.tsx';
import { PagesView } from './views/pages.tsx';
import { SpanView } from './views/span.tsx';
import { StepsView } from './views/steps.tsx';
import { ThreadsView } from './views/threads.tsx';

const SHOWN: Readonly<Record<ViewName, () => JSX.Element>> = {
  overview: OverviewView,
  pages: PagesView,
  span: SpanView,
  object: ObjectView,
  threads: ThreadsView,
  classes: ClassesView,
  steps: StepsView,
};

export function App(): JSX.Element {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(route.value.view);
  const View = SHOWN[route.value.view];
  useEffect(() => {
    // Another view: the keyboard goes on at its beginning.
    if (shown.current !== route.value.view) main.current?.focus();
    shown.current = route.value.view;
  }, [route.value.view]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {t('app.skip')}
      </button>
      <Head />
      <Banner />
      <main id="main" ref={main} tabIndex={-1}>
        <View />
      </main>
    </>
  );
}

function Head(): JSX.Element {
  const current = route.value.view === 'span' ? 'pages' : route.value.view;
  return (
    <header class="head">
      <h1>
        <a
          href={linkTo('overview')}
          title={info.value === null ? undefined : t('app.version', { version: info.value.version })}
        >
          spanheap
        </a>
      </h1>
      <nav aria-label={t('app.views')}>
        <ul>
          {VIEWS.map((view) => (
            <li key={view}>
              <a href={linkTo(view)} aria-current={current === view ? 'page' : undefined}>
                {t(`nav.${view}`)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <GoTo />
      <div class="head-end">
        <HeapChoice />
        <Connection />
        <Choice
          label={t('app.language')}
          value={language.value}
          options={LANGUAGES.map((l) => [l, LANGUAGE_NAMES[l]])}
          onChange={setLanguage}
        />
        <Choice
          label={t('app.theme')}
          value={theme.value}
          options={THEMES.map((name) => [name, t(`app.theme.${name}`)])}
          onChange={setTheme}
        />
      </div>
    </header>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>): JSX.Element {
  return (
    <select
      aria-label={label}
      title={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value as T)}
    >
      {options.map(([option, text]) => (
        <option key={option} value={option} selected={option === value} lang={option === 'zh-CN' ? option : undefined}>
          {text}
        </option>
      ))}
    </select>
  );
}

function HeapChoice(): JSX.Element | null {
  if (heaps.value.length < 2) return null;
  const current = heapId.value ?? info.value?.heap.id ?? heaps.value[0]!.id;
  return (
    <Choice
      label={t('app.heap')}
      value={String(current)}
      options={heaps.value.map((h) => [String(h.id), h.name])}
      onChange={(id) => lookAt(Number(id))}
    />
  );
}

function Connection(): JSX.Element {
  return (
    <span class={`status ${status.value}`} role="status">
      <span class="dot" aria-hidden="true" />
      {t(`status.${status.value}`)}
    </span>
  );
}

/** What is wrong, or not as usual, with what is seen. */
function Banner(): JSX.Element | null {
  const now: ReadonlySignal<number> = useNow();
  if (outdated.value) return <p class="banner bad">{t('status.old')}</p>;
  if (status.value === 'lost') {
    const seen = lastEvent.value > 0;
    const ago = duration(Math.max(0, Math.round((now.value - lastEvent.value) / 1000)) * 1e9);
    return (
      <p class="banner bad" role="alert">
        {seen ? t('status.lostLong', { ago }) : t('status.lostNever')}{' '}
        <button type="button" onClick={connect}>
          {t('status.reconnect')}
        </button>
      </p>
    );
  }
  if (paused.value) {
    return (
      <p class="banner">
        {t('app.paused')}{' '}
        <button
          type="button"
          onClick={() => {
            paused.value = false;
          }}
        >
          {t('app.resume')}
        </button>
      </p>
    );
  }
  return null;
}

/** Milliseconds of `performance.now`, once a second while the connection is lost. */
function useNow(): ReadonlySignal<number> {
  const now = useSignal(performance.now());
  const lost = status.value === 'lost';
  useEffect(() => {
    if (!lost) return undefined;
    const timer = setInterval(() => {
      now.value = performance.now();
    }, 1000);
    return () => clearInterval(timer);
  }, [lost, samples.value.length === 0]);
  return now;
}

/** An address to look at. */
function GoTo(): JSX.Element {
  const text = useSignal('');
  const wrong = useSignal(false);
  return (
    <form
      class="goto"
      onSubmit={(event) => {
        event.preventDefault();
        const address = parseAddress(text.value);
        wrong.value = address === null;
        if (address !== null) go('object', `0x${address.toString(16)}`);
      }}
    >
      <input
        type="text"
        class="mono"
        size={12}
        placeholder="0x…"
        aria-label={t('app.go')}
        aria-invalid={wrong.value}
        aria-describedby={wrong.value ? 'goto-wrong' : undefined}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          wrong.value = false;
        }}
      />
      {wrong.value && (
        <span id="goto-wrong" class="wrong" role="alert">
          {t('app.badAddress')}
        </span>
      )}
    </form>
  );
}
