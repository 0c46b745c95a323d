/**
 * What observers of one heap answer besides the explorer: /metrics, /debug/pprof/… and /snapshot. All of it is GET, and
 * changes nothing that the program can see but time: `?gc=1` of a profile runs a cycle; a snapshot holds a cycle open while it
 * is written to a temporary file, from where it is sent, however slowly it is read. Both need a thread of the heap, which
 * is attached for that time only.
 */
import { createReadStream, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpanheapError } from '../base/errors.ts';
import type { Heap } from '../index.ts';
import type { MemProfile } from '../observe/mem-profile.ts';
import { type Answer, HttpError, send, sendError } from './http.ts';
import { pprofResponse } from './pprof.ts';
import { type MeteredHeap, metricsText } from './prometheus.ts';
import { writeSnapshot } from './snapshot-file.ts';

/** What the routes are about. */
export interface Observed {
  /** What is read without a thread of the heap. */
  readonly metered: MeteredHeap & { memProfile(): MemProfile };
  /** Attaches a thread of the heap. `release` gives it up. */
  attach(): { readonly heap: Pick<Heap, 'gc' | 'snapshot'>; release(): void };
}

export type Routes = (path: string, url: URL) => Promise<Answer | undefined>;

/** Answers the paths named above; undefined for others. */
export function observerRoutes(observed: Observed): Routes {
  let isCapturing = false;
  const snapshot = async (): Promise<Answer> => {
    if (isCapturing) throw new HttpError(503, 'another snapshot is under way');
    isCapturing = true;
    try {
      return await captured(observed);
    } finally {
      isCapturing = false;
    }
  };
  return async (path, url) => {
    try {
      if (path === '/metrics') return await metricsText(observed.metered);
      if (path === '/snapshot') return await snapshot();
      return path === '/debug/pprof' || path.startsWith('/debug/pprof/') ? await profile(observed, url) : undefined;
    } catch (error) {
      // What the heap refuses, as when it has no place for one more thread, is no failure of the server.
      throw error instanceof SpanheapError ? new HttpError(503, error.message) : error;
    }
  };
}

async function profile({ metered, attach }: Observed, url: URL): Promise<Answer> {
  const gc = (): void => {
    const { heap, release } = attach();
    try {
      heap.gc();
    } finally {
      release();
    }
  };
  const { status, headers, body } = await pprofResponse({ memProfile: () => metered.memProfile(), gc }, url);
  const { 'content-type': type = 'text/plain; charset=utf-8', ...others } = headers;
  return { status, type, body, headers: others };
}

/** A snapshot, in a file that goes when it was sent. */
async function captured({ attach }: Observed): Promise<Answer> {
  const { heap, release } = attach();
  const folder = await mkdtemp(join(tmpdir(), 'spanheap-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const file = join(folder, 'heap.sphsnap');
    await writeSnapshot(heap, file);
    const body = createReadStream(file).once('close', remove);
    const headers = { 'content-disposition': 'attachment; filename="heap.sphsnap"' };
    return { type: 'application/octet-stream', body, headers };
  } catch (error) {
    remove();
    throw error;
  } finally {
    release();
  }
}

export interface HandlerOptions {
  /** Path under which all of it is: '/heap' for /heap/metrics and so on. Default: none. */
  readonly prefix?: string;
}

/**
 * /metrics, /debug/pprof/… and /snapshot for a server of your own: `createServer(observeHandler(heap))`, or
 * `app.use(observeHandler(heap))`. Answers GET and HEAD. What is not its own goes to `next`, or is a 404. Who may ask is
 * for that server to decide: profiles and snapshots show what the program holds.
 */
export function observeHandler(
  heap: Heap,
  { prefix = '' }: HandlerOptions = {},
): (req: IncomingMessage, res: ServerResponse, next?: () => void) => void {
  const routes = observerRoutes({ metered: heap, attach: () => ({ heap, release: () => {} }) });
  const respond = async (req: IncomingMessage, res: ServerResponse, next?: () => void): Promise<void> => {
    try {
      const url = new URL(req.url ?? '/', 'http://host');
      const path = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : undefined;
      const isRead = req.method === 'GET' || req.method === 'HEAD';
      const answer = path !== undefined && isRead ? await routes(path, url) : undefined;
      if (answer !== undefined) send(req, res, answer);
      else if (next !== undefined) next();
      else
        throw isRead
          ? new HttpError(404, 'there is nothing here')
          : new HttpError(405, 'only GET and HEAD are answered');
    } catch (error) {
      sendError(req, res, error);
    }
  };
  return (req, res, next) => void respond(req, res, next);
}
