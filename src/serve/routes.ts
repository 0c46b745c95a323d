/**
 * What observers of one heap answer besides the explorer: /metrics, /debug/pprof/… and /snapshot. All of it is GET, and
 * changes nothing that the program can see but time: `?gc=1` of a profile runs a cycle; a snapshot holds a cycle open while it
 * is written to a temporary file, from where it is sent, however slowly it is read. Both need a thread of the heap, which
 * is attached for that time only.
 */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { checkNames } from '../base/check.ts';
import { SpanheapError } from '../base/errors.ts';
import type { Heap } from '../index.ts';
import type { MemProfile } from '../observe/mem-profile.ts';
import { type Answer, HttpError, parseUrl, send, sendError } from './http.ts';
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

/** `headOnly`: the request is HEAD, for which nothing is done, and no body is made. */
export type Routes = (path: string, url: URL, headOnly: boolean) => Promise<Answer | undefined>;

/** Snapshots of a heap that are taken or read at the same time. Each is on the disk for so long. */
export const MAX_DOWNLOADS = 4;
const SNAPSHOT = {
  type: 'application/octet-stream',
  headers: { 'content-disposition': 'attachment; filename="heap.sphsnap"' },
};

/** Answers the paths named above; undefined for others. */
export function observerRoutes(observed: Observed): Routes {
  let isCapturing = false;
  let downloads = 0;
  const snapshot = async (): Promise<Answer> => {
    if (isCapturing) throw new HttpError(503, 'another snapshot is under way');
    if (downloads === MAX_DOWNLOADS) {
      throw new HttpError(503, `${MAX_DOWNLOADS} snapshots are being read; ask again when one of them is done`);
    }
    isCapturing = true;
    downloads++;
    try {
      const body = await captured(observed);
      body.once('close', () => downloads--);
      return { ...SNAPSHOT, body };
    } catch (error) {
      downloads--;
      throw error;
    } finally {
      isCapturing = false;
    }
  };
  return async (path, url, headOnly) => {
    try {
      if (path === '/metrics') return await metricsText(observed.metered);
      if (path === '/snapshot') return headOnly ? { ...SNAPSHOT, body: undefined } : await snapshot();
      const isProfile = path === '/debug/pprof' || path.startsWith('/debug/pprof/');
      return isProfile ? await profile(observed, url, headOnly) : undefined;
    } catch (error) {
      // What the heap refuses, as when it has no place for one more thread, is no failure of the server.
      throw error instanceof SpanheapError ? new HttpError(503, error.message) : error;
    }
  };
}

async function profile({ metered, attach }: Observed, url: URL, headOnly: boolean): Promise<Answer> {
  const gc = (): void => {
    const { heap, release } = attach();
    try {
      heap.gc();
    } finally {
      release();
    }
  };
  const profiled = { memProfile: () => metered.memProfile(), gc };
  const { status, headers, body } = await pprofResponse(profiled, url, { headOnly });
  const { 'content-type': type = 'text/plain; charset=utf-8', ...others } = headers;
  return { status, type, body: headOnly ? undefined : body, headers: others };
}

/** A snapshot, read from a file that is gone when the stream is closed. */
async function captured({ attach }: Observed): Promise<Readable> {
  const { heap, release } = attach();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'spanheap-'));
    const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
    let handle: FileHandle | undefined;
    try {
      const file = join(folder, 'heap.sphsnap');
      await writeSnapshot(heap, file);
      handle = await open(file);
      // An open file can be removed, so nothing is left even if this process dies. Some systems want it closed first.
      await remove().catch(() => {});
      return handle.createReadStream().once('close', () => void remove().catch(() => {}));
    } catch (error) {
      await handle?.close();
      await remove();
      throw error;
    }
  } finally {
    release();
  }
}

/** Options of `observeHandler`. */
export interface HandlerOptions {
  /** Path under which all of it is: '/heap' for /heap/metrics and so on. Default: none. */
  readonly prefix?: string | undefined;
}

/**
 * /metrics, /debug/pprof/… and /snapshot for a server of your own: `createServer(observeHandler(heap))`, or
 * `app.use(observeHandler(heap))`. Answers GET and HEAD. What is not its own goes to `next`, or is a 404. Who may ask is
 * for that server to decide: profiles and snapshots show what the program holds.
 */
export function observeHandler(
  heap: Heap,
  options: HandlerOptions = {},
): (req: IncomingMessage, res: ServerResponse, next?: () => void) => void {
  checkNames('observeHandler', options, ['prefix']);
  const { prefix = '' } = options;
  const routes = observerRoutes({ metered: heap, attach: () => ({ heap, release: () => {} }) });
  const respond = async (req: IncomingMessage, res: ServerResponse, next?: () => void): Promise<void> => {
    try {
      const url = parseUrl(req.url);
      const path = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : undefined;
      const isRead = req.method === 'GET' || req.method === 'HEAD';
      const answer = path !== undefined && isRead ? await routes(path, url, req.method === 'HEAD') : undefined;
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
