/**
 * The files of a folder, and nothing else: which there are is found out once, and a request names one of them exactly or
 * is answered by nobody. So no path can lead out of the folder.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from './http.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  map: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
};
/** Names that have their content's hash in them, as Vite makes them. */
const HASHED = /^assets\/.*-[\w-]{8}\.\w+$/;

/** Answers paths such as `/` and `/assets/main-1a2b3c4d.js`; undefined for all that are no file. */
export function staticFiles(folder: string): (path: string) => Answer | undefined {
  const files = new Set<string>();
  if (existsSync(folder)) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const parent = entry.parentPath ?? entry.path;
      if (entry.isFile())
        files.add(join(parent, entry.name).slice(folder.length).replaceAll('\\', '/').replace(/^\/+/, ''));
    }
  }
  return (path) => {
    const name = path === '/' ? 'index.html' : path.slice(1);
    if (!files.has(name)) return undefined;
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    const cache = HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache';
    return { type, body: readFileSync(join(folder, name)), headers: { 'cache-control': cache } };
  };
}
