import type { Readable } from 'node:stream';
import { childTrace, deaFindDroplet, toTraceparent } from '@vcap/bus';
import type { Bus, FindDroplet, FindDropletReply, Logger, Trace } from '@vcap/bus';
import type { AppRecord, Instances } from '../ports.ts';
import type { ActualState } from './actual-state.ts';

const FIND_TIMEOUT_MS = 2000;
const ANSWER_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
const MOST_ERROR_TEXT = 4096;
const PASSED_HEADERS = ['content-type', 'content-length', 'content-range', 'accept-ranges', 'last-modified'];
/** 416 is an answer too: its Content-Range tells a follower how long the file is. */
const PASSED_STATUSES = new Set([200, 206, 416]);

type Opened = Awaited<ReturnType<Instances['openFile']>>;
type Target = Parameters<Instances['openFile']>[1];

/** Reads files of instances from the file servers of their DEAs (nats-messages §3 sequence 14). */
export class InstanceFiles {
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #actual: ActualState;

  constructor(o: { bus: Bus; log: Logger; actual: ActualState }) {
    this.#bus = o.bus;
    this.#log = o.log;
    this.#actual = o.actual;
  }

  /** Finds the instance and streams the file. The caller owns the body: destroying it ends the transfer. */
  async open(
    app: AppRecord,
    target: Target,
    path: string,
    range: string | undefined,
    trace: Trace,
  ): Promise<Opened> {
    const encoded = encodePath(path);
    if (encoded === undefined) return { ok: false, reason: 'not-found', message: 'no such path' };
    const found = await this.#find(app, target, trace);
    if (!found) return { ok: false, reason: 'failed', message: 'no DEA has this instance' };
    const url = fileUrl(found, encoded);
    if (!url) return { ok: false, reason: 'failed', message: `DEA ${found.dea} serves no files` };
    try {
      return await fetchFile(url, found.credentials, range, trace);
    } catch (error) {
      this.#log.warn({
        event: 'file-fetch-failed',
        app: app.guid,
        dea: found.dea,
        trace_id: trace.traceId,
        err: error,
      });
      return { ok: false, reason: 'failed', message: `DEA ${found.dea} could not be reached` };
    }
  }

  async #find(app: AppRecord, target: Target, trace: Trace): Promise<FindDropletReply | undefined> {
    const states: FindDroplet['states'] = ['STARTING', 'RUNNING', 'CRASHED'];
    const ask = async (filter: Partial<FindDroplet>): Promise<FindDropletReply | undefined> => {
      const query = { droplet: app.guid, states, ...filter };
      const replies = await this.#bus.request(deaFindDroplet, query, { timeoutMs: FIND_TIMEOUT_MS, trace });
      return replies.find(({ droplet }) => droplet === app.guid);
    };
    if ('instanceId' in target) return ask({ instances: [target.instanceId] });
    // Crash records share the index with what runs: when the beats tell, the right one is asked for by its id.
    const best = this.#bestOf(app, target.index);
    const byId = best === undefined ? undefined : await ask({ instances: [best] });
    return byId ?? ask({ version: app.version, indices: [target.index] });
  }

  #bestOf(app: AppRecord, index: number): string | undefined {
    const rank = ['RUNNING', 'STARTING', 'CRASHED'];
    const claims = this.#actual
      .of(app.guid)
      .filter((each) => each.version === app.version && each.index === index && rank.includes(each.state))
      .toSorted(
        (left, right) => rank.indexOf(left.state) - rank.indexOf(right.state) || right.since - left.since,
      );
    return claims.length > 1 ? claims[0]?.instance : undefined;
  }
}

/**
 * Percent-encodes each part of the path. Undefined for `.` and `..` (URLs resolve them, and one instance's path must
 * not become that of its neighbour) and for text that no URL can carry.
 */
export function encodePath(path: string): string | undefined {
  const parts = path.split('/').filter((part, at, all) => part !== '' || at === all.length - 1);
  if (parts.some((part) => part === '.' || part === '..' || part.includes('\0'))) return undefined;
  try {
    return `/${parts.map((part) => encodeURIComponent(part)).join('/')}`;
  } catch {
    return undefined;
  }
}

function fileUrl({ file_uri: base, staged }: FindDropletReply, path: string): URL | undefined {
  if (base === undefined || staged === undefined) return undefined;
  const url = URL.parse(base.replace(/\/+$/, '') + (staged.startsWith('/') ? staged : `/${staged}`) + path);
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

async function fetchFile(
  url: URL,
  credentials: readonly [string, string] | undefined,
  range: string | undefined,
  trace: Trace,
): Promise<Opened> {
  const headers: Record<string, string> = { traceparent: toTraceparent(childTrace(trace)) };
  if (credentials)
    headers['authorization'] = `Basic ${Buffer.from(credentials.join(':')).toString('base64')}`;
  if (range !== undefined) headers['range'] = range;
  const timeouts = { headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: IDLE_TIMEOUT_MS };
  const { request } = await import('../later/undici.ts');
  const answer = await request(url, { method: 'GET', headers, ...timeouts });
  if (PASSED_STATUSES.has(answer.statusCode)) {
    const passed = PASSED_HEADERS.flatMap((name) => {
      const value = answer.headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    });
    return { ok: true, status: answer.statusCode, headers: Object.fromEntries(passed), body: answer.body };
  }
  const message = await beginningOf(answer.body);
  const reason = answer.statusCode === 404 ? 'not-found' : 'failed';
  return { ok: false, reason, message: message.trim() || `the DEA answered ${answer.statusCode}` };
}

async function beginningOf(body: Readable): Promise<string> {
  body.on('error', () => undefined); // leaving the loop early is reported as one
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MOST_ERROR_TEXT) break;
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, MOST_ERROR_TEXT);
}
