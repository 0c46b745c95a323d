/** The reader's choice of colours, and what the system asks for. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORED = 'spanheap.theme';
const inBrowser = typeof window !== 'undefined';

function stored(): Theme {
  try {
    const value = inBrowser ? window.localStorage.getItem(STORED) : null;
    return THEMES.find((theme) => theme === value) ?? 'auto';
  } catch {
    return 'auto';
  }
}

export const theme: Signal<Theme> = signal(stored());

function media(query: string): Signal<boolean> {
  const list = inBrowser ? window.matchMedia(query) : undefined;
  const matches = signal(list?.matches ?? false);
  list?.addEventListener('change', () => {
    matches.value = list.matches;
  });
  return matches;
}

const systemDark = media('(prefers-color-scheme: dark)');
export const reducedMotion: ReadonlySignal<boolean> = media('(prefers-reduced-motion: reduce)');
/** Whether the page is dark now. */
export const dark: ReadonlySignal<boolean> = computed(() =>
  theme.value === 'auto' ? systemDark.value : theme.value === 'dark',
);

if (inBrowser) {
  effect(() => {
    document.documentElement.dataset['theme'] = dark.value ? 'dark' : 'light';
  });
}

export function setTheme(to: Theme): void {
  theme.value = to;
  try {
    window.localStorage.setItem(STORED, to);
  } catch {
    // No storage in this browser: then nothing is remembered.
  }
}
