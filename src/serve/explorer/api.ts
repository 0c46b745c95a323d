/** What is at /api/…: parameters to views to JSON. See protocol.ts. */
import { type Answer, HttpError, json } from '../http.ts';
import type { Session } from './session.ts';

/** A whole number from 0 on; 0x… as well. */
function numberOf(query: URLSearchParams, name: string, missing?: number): number {
  const text = query.get(name);
  if (text === null && missing !== undefined) return missing;
  if (text === null || !/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) {
    throw new HttpError(400, `${name} must be a whole number from 0 to 4294967295, decimal or 0x…`);
  }
  const value = Number(text);
  if (value > 0xffffffff) throw new HttpError(400, `${name} must be at most 4294967295`);
  return value;
}

type Endpoint = (session: Session, query: URLSearchParams) => unknown;

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  info: (s) => s.info(),
  history: (s, query) => s.history(numberOf(query, 'since', 0)),
  chunk: (s, query) =>
    s.view.chunk(numberOf(query, 'n')) ?? { nothing: 'there is no such chunk, or nobody knows it yet' },
  span: (s, query) =>
    s.view.span(numberOf(query, 'page'), numberOf(query, 'from', 0)) ?? { nothing: 'no span has this page' },
  object,
  threads: (s) => s.view.threads(),
  central: (s) => s.view.central(),
  classes: (s) => s.view.classes(),
  top: (s) => s.view.topTypes(),
  types: (s) => s.view.types(),
  roots: (s) => s.view.roots(),
  pagealloc: (s) => s.view.pageAlloc(),
  gc: (s) => s.view.gc(),
};

function object({ view }: Session, query: URLSearchParams): unknown {
  const type = query.get('type');
  try {
    return view.object(numberOf(query, 'address'), {
      ...(query.has('via') ? { via: numberOf(query, 'via') } : {}),
      ...(type === null ? {} : { type }),
    });
  } catch (error) {
    // A type that the object cannot be of.
    throw error instanceof HttpError ? error : new HttpError(400, (error as Error).message);
  }
}

/** Undefined: there is no such endpoint. */
export function answerApi(name: string, session: Session, query: URLSearchParams): Answer | undefined {
  if (name === 'pages') {
    return { type: 'application/octet-stream', body: session.pages(numberOf(query, 'since', 0)) };
  }
  const endpoint = Object.hasOwn(ENDPOINTS, name) ? ENDPOINTS[name] : undefined;
  return endpoint && json(endpoint(session, query));
}
