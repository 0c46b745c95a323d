/**
 * Whether a request may be answered: whom it was meant for, and who made it. A page on the internet can make a reader's
 * browser ask servers on his own machine. By itself it cannot read the answers; but a name of its own that suddenly means
 * 127.0.0.1 (DNS rebinding) makes it, for the browser, the same origin. What it cannot do is to change the Host header,
 * which still has its name. So only names are answered to that cannot be somebody else's.
 */
import { isIP } from 'node:net';

/** What the checks read of a request. */
export interface RequestHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
  readonly 'sec-fetch-mode'?: string | string[] | undefined;
  readonly 'sec-fetch-dest'?: string | string[] | undefined;
}

const ANY_ADDRESS = ['0.0.0.0', '::'];

/** The name or address in a Host header, in lower case; undefined for what is none. */
export function hostNameOf(header: string | undefined): string | undefined {
  const found = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\]]+)(?::\d{1,5})?$/i.exec(header ?? '');
  return found?.[1]
    ?.toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  );
}

/**
 * Whether a server that listens at `bound` answers to this Host header. Bound to all addresses of the machine it answers
 * to every address, since an address is nobody's name.
 */
export function isHostAllowed(header: string | undefined, bound: string, allowed: readonly string[]): boolean {
  const name = hostNameOf(header);
  if (name === undefined) return false;
  if (isLoopback(name) || name === bound.toLowerCase()) return true;
  if (ANY_ADDRESS.includes(bound) && isIP(name) !== 0) return true;
  return allowed.some((other) => other.toLowerCase() === name);
}

/**
 * Whether the request comes from a page of this server, or from no page at all. `isPage`: what is asked for is the page
 * itself, to which links from elsewhere may lead.
 */
export function isSameOrigin(headers: RequestHeaders, isPage: boolean): boolean {
  const { host, origin } = headers;
  if (origin !== undefined) {
    const [, from] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
    if (from?.toLowerCase() !== host?.toLowerCase()) return false;
  }
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return isPage && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
