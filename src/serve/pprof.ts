/**
 * Heap profiles as files and over HTTP (Go: net/http/pprof): `/debug/pprof/heap`, `/debug/pprof/allocs`, and a page that lists
 * them. The server is somebody else's: http.ts, or the user's own.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkNames } from '../base/check.ts';
import type { MemProfile, MemProfileRecord } from '../observe/mem-profile.ts';
import { type EncodeOptions, encodeHeapProfile } from './pprof-encode.ts';
import { heapProfileText, indexPage } from './pprof-text.ts';

/** What is asked of a heap here. */
export interface ProfiledHeap {
  memProfile(): MemProfile;
  gc(): void;
}

/** What a server is to answer. */
export interface PprofResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Options of `pprofResponse`. */
export interface PprofOptions {
  /** Whether positions are told as in the sources that files were made from. Default: true. */
  readonly sourceMaps?: boolean | undefined;
  /** For HEAD: status and headers, an empty body; nothing is collected or waited for. Default: false. */
  readonly headOnly?: boolean | undefined;
}

/** What a difference may take at most, in seconds. */
const LONGEST = 600;
const ROOT = '/debug/pprof';
const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

/** Writes the heap's profile to a file, gzipped profile.proto: `go tool pprof FILE` opens it. */
export async function writeHeapProfile(heap: ProfiledHeap, path: string, options: EncodeOptions = {}): Promise<void> {
  await writeFile(path, encodeHeapProfile(heap.memProfile(), options));
}

/**
 * Answers a GET of a path under `/debug/pprof`, which may itself be under others. Parameters as Go's: `debug=1` gives text,
 * `gc=1` collects first, `seconds=N` gives what changes within N seconds. Resolves with status 400 for parameters that are
 * none, 404 for other paths.
 */
export async function pprofResponse(
  heap: ProfiledHeap,
  url: URL | string,
  options: PprofOptions = {},
): Promise<PprofResponse> {
  checkNames('pprofResponse', options, ['sourceMaps', 'headOnly']);
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const at = pathname.lastIndexOf(ROOT);
  const name = at < 0 ? undefined : pathname.slice(at + ROOT.length).replace(/^\//, '');
  if (name === '') {
    const html = { ...TEXT, 'content-type': 'text/html; charset=utf-8' };
    return { status: 200, headers: html, body: indexPage(heap.memProfile(), `${pathname.slice(0, at)}${ROOT}/`) };
  }
  if (name !== 'heap' && name !== 'allocs') return refusal(404, 'unknown profile');
  const debug = numberOf(searchParams, 'debug');
  const seconds = numberOf(searchParams, 'seconds');
  const gc = numberOf(searchParams, 'gc');
  if (Number.isNaN(debug + seconds + gc)) return refusal(400, 'debug, gc and seconds are numbers');
  if (searchParams.has('seconds') && (seconds <= 0 || seconds > LONGEST)) {
    return refusal(400, `seconds must be above 0, and at most ${LONGEST}`);
  }
  if (seconds > 0 && debug > 0) return refusal(400, 'seconds and debug do not go together');
  const { sourceMaps = true, headOnly = false } = options;
  const headers = debug > 0 ? TEXT : fileHeaders(seconds > 0 ? `${name}-delta` : name);
  const body = headOnly ? '' : await bodyOf(heap, name, { debug, seconds, gc, sourceMaps });
  return { status: 200, headers, body };
}

interface Request {
  readonly debug: number;
  readonly seconds: number;
  readonly gc: number;
  readonly sourceMaps: boolean;
}

function fileHeaders(name: string): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name}.pb.gz"`,
    'x-content-type-options': 'nosniff',
  };
}

async function bodyOf(heap: ProfiledHeap, name: 'heap' | 'allocs', request: Request): Promise<string | Uint8Array> {
  const { debug, seconds, gc, sourceMaps } = request;
  if (gc > 0) heap.gc();
  if (debug > 0) return heapProfileText(heap.memProfile(), name === 'heap' ? 'inuseBytes' : 'allocBytes', sourceMaps);
  let profile = heap.memProfile();
  const time = Date.now();
  if (seconds > 0) {
    await sleep(seconds * 1000);
    if (gc > 0) heap.gc();
    profile = difference(heap.memProfile(), profile);
  }
  const defaultSampleType = name === 'heap' ? 'inuse_space' : 'alloc_space';
  const durationMs = Date.now() - time;
  return encodeHeapProfile(profile, { sourceMaps, defaultSampleType, time, ...(seconds > 0 && { durationMs }) });
}

function refusal(status: number, why: string): PprofResponse {
  return { status, headers: TEXT, body: `${why}\n` };
}

/** 0 when the parameter is not there; NaN when it is no number. */
function numberOf(params: URLSearchParams, name: string): number {
  const text = params.get(name);
  if (text === null) return 0;
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** What has changed between two profiles of a heap; numbers may be negative. */
export function difference(after: MemProfile, before: MemProfile): MemProfile {
  const old = new Map(before.records.map((record) => [keyOf(record), record]));
  const records = after.records.flatMap((record) => {
    const was = old.get(keyOf(record));
    if (was === undefined) return [record];
    const delta = {
      ...record,
      allocObjects: record.allocObjects - was.allocObjects,
      allocBytes: record.allocBytes - was.allocBytes,
      inuseObjects: record.inuseObjects - was.inuseObjects,
      inuseBytes: record.inuseBytes - was.inuseBytes,
    };
    return delta.allocObjects === 0 && delta.inuseObjects === 0 ? [] : [delta];
  });
  return { ...after, lost: after.lost - before.lost, records };
}

function keyOf({ stack, size, type, thread, rate }: MemProfileRecord): string {
  return JSON.stringify([stack, size, type, thread, rate]);
}
