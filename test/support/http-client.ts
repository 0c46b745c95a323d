/** Requests as browsers and others may make them, headers and all. */
import { type IncomingHttpHeaders, request } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** `path` goes out as it is written. */
export function ask(
  base: string,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const req = request(
      { host: hostname.replace(/^\[|\]$/g, ''), port, path, method, headers, agent: false },
      (res) => {
        const pieces: Buffer[] = [];
        res.on('data', (piece: Buffer) => pieces.push(piece));
        res.on('end', () => {
          const body = Buffer.concat(pieces);
          resolve({ status: res.statusCode!, headers: res.headers, body, text: body.toString() });
        });
        res.on('error', reject);
      },
    );
    req.on('error', reject);
    req.end();
  });
}

export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: unknown;
}

/** Reads events until `enough` says so, or the server ends the connection. */
export function readEvents(
  base: string,
  path: string,
  enough: (events: readonly SentEvent[]) => boolean,
  headers: Record<string, string> = {},
): Promise<SentEvent[]> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const events: SentEvent[] = [];
    let text = '';
    const req = request({ host: hostname, port, path, headers, agent: false }, (res) => {
      res.setEncoding('utf8');
      const done = (): void => {
        res.destroy();
        resolve(events);
      };
      res.on('data', (piece: string) => {
        text += piece;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const event = parse(text.slice(0, end));
          text = text.slice(end + 2);
          if (event !== undefined) events.push(event);
        }
        if (enough(events)) done();
      });
      res.on('end', done);
      res.on('error', () => {});
    });
    req.on('error', (error) => (events.length > 0 ? resolve(events) : reject(error)));
    req.end();
  });
}

function parse(block: string): SentEvent | undefined {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = fields.get('data');
  return data === undefined
    ? undefined
    : { id: fields.get('id'), event: fields.get('event') ?? '', data: JSON.parse(data) };
}
