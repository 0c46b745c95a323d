/**
 * A galaxy in shared memory: web workers move the stars, the page draws them, and nothing is copied.
 *
 *     npm run build && node examples/browser/server.mjs [PORT]
 *
 * then open http://localhost:8081. This server only hands out files, with the two headers (COOP and COEP) that a page
 * needs before a browser gives it shared memory.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** The page's files, and the library under /spanheap/. */
const FOLDERS = {
  '/spanheap/': fileURLToPath(new URL('../../dist/', import.meta.url)),
  '/': fileURLToPath(new URL('./public/', import.meta.url)),
};

const server = createServer(async (request, response) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  // Not needed, but it works: spanheap makes no code at run time.
  response.setHeader('Content-Security-Policy', "default-src 'self'; img-src data:");
  try {
    const file = fileOf(new URL(request.url ?? '/', 'http://localhost').pathname);
    const content = await readFile(file);
    response.setHeader('Content-Type', `${TYPES[extname(file)] ?? 'application/octet-stream'}; charset=utf-8`);
    response.end(content);
  } catch {
    response.writeHead(404).end('Not found\n');
  }
});

/** The file behind a path. Throws for what is outside of the folders. */
function fileOf(path) {
  const [prefix, folder] = Object.entries(FOLDERS).find(([start]) => path.startsWith(start)) ?? ['/', FOLDERS['/']];
  const file = join(folder, decodeURIComponent(path.slice(prefix.length)) || 'index.html');
  if (!file.startsWith(folder)) throw new RangeError('outside of the folder');
  return file;
}

server.listen(Number(process.argv[2] ?? 8081), '127.0.0.1', () => {
  console.log(`http://localhost:${server.address().port}`);
});
