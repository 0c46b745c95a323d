/** Which view is shown: in the address's hash, so that back, forward and bookmarks work. */
import { signal } from '@preact/signals';

export const VIEWS = ['overview', 'pages', 'object', 'threads', 'classes', 'steps'] as const;
export type ViewName = (typeof VIEWS)[number] | 'span';

export interface Route {
  readonly view: ViewName;
  /** Page of a span, address of an object, lesson. */
  readonly argument: string;
}

/** `#/object/0x2000` and the like; anything else is the overview. */
export function parseRoute(hash: string): Route {
  const [, view = '', argument = ''] = /^#\/([a-z]+)(?:\/(.*))?$/.exec(hash) ?? [];
  const known = view === 'span' ? view : VIEWS.find((v) => v === view);
  if (known === undefined) return { view: 'overview', argument: '' };
  try {
    return { view: known, argument: decodeURIComponent(argument) };
  } catch {
    return { view: known, argument: '' };
  }
}

export function linkTo(view: ViewName, argument: string | number = ''): string {
  return argument === '' ? `#/${view}` : `#/${view}/${encodeURIComponent(String(argument))}`;
}

export const route = signal<Route>(parseRoute(typeof window === 'undefined' ? '' : window.location.hash));

export function followHash(): void {
  window.addEventListener('hashchange', () => {
    route.value = parseRoute(window.location.hash);
  });
}

export function go(view: ViewName, argument: string | number = ''): void {
  window.location.hash = linkTo(view, argument);
}

/** A number from 0 to 2³² − 1 out of what a person writes: 8192, 0x2000; null for anything else. */
export function parseAddress(text: string): number | null {
  const trimmed = text.trim();
  if (!/^(?:0[xX][0-9a-fA-F]{1,8}|\d{1,10})$/.test(trimmed)) return null;
  const value = Number(trimmed);
  return value < 2 ** 32 ? value : null;
}
