import { childTrace, toTraceparent } from '@vcap/bus';
import type { Logger, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { z } from 'zod';
import type { AppRecord, LogLine, LogPage, LogQuery } from '../ports.ts';
import type { LogSource, LogSources } from './log-sources.ts';

/** Lines of one answer, over all instances. */
const MOST_LINES = 5000;
/** Instances in a cursor. */
const MOST_REMEMBERED = 200;
const ANSWER_GRACE_MS = 5000;
/** What others have is waited for that long once somebody has something. */
const GATHER_MS = 100;
/** New instances are looked for that often while none has anything to tell. */
const LOOK_EVERY_MS = 1000;

const line = z.object({
  seq: z.number(),
  time: z.number(),
  instance: z.string(),
  index: z.number(),
  source: z.string(),
  text: z.string(),
  dropped: z.number().optional(),
});

/** Merges the log streams of an app's instances (docs/decisions/0005-log-stream.md). */
export class InstanceLogs {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sources: LogSources;

  constructor(o: { clock: Clock; log: Logger; sources: LogSources }) {
    this.#clock = o.clock;
    this.#log = o.log;
    this.#sources = o.sources;
  }

  /** The lines after the reader's cursor, in order of time; waits up to `waitSeconds` for the first. */
  async read(app: AppRecord, query: LogQuery, signal: AbortSignal, trace: Trace): Promise<LogPage> {
    const until = this.#clock.monotonic() + query.waitSeconds * 1000;
    const cursor: Record<string, number> = { ...query.cursor };
    for (;;) {
      const sources = await this.#sources.of(app.guid, trace);
      const began = this.#clock.monotonic();
      const left = Math.max(0, Math.min(LOOK_EVERY_MS, until - began));
      const lines = await this.#round(sources, query, cursor, left, signal, trace);
      // Logs that have ended answer at once; where there are no others, that must not become a race.
      if (lines.length === 0) await this.#rest(began + left, signal);
      const over = this.#clock.monotonic() >= until;
      if (lines.length > 0 || over || signal.aborted) {
        const present = new Set(sources.map(({ instance }) => instance));
        return { lines: lines.toSorted(inOrder), cursor: trimmed(cursor, present) };
      }
    }
  }

  async #rest(until: number, signal: AbortSignal): Promise<void> {
    const ms = until - this.#clock.monotonic();
    if (ms > 0) await this.#clock.sleep(ms, signal);
  }

  /** Asks all at once; the first that has something ends the waiting of the others. */
  async #round(
    sources: readonly LogSource[],
    query: LogQuery,
    cursor: Record<string, number>,
    waitMs: number,
    signal: AbortSignal,
    trace: Trace,
  ): Promise<LogLine[]> {
    const ending = new AbortController();
    const both = AbortSignal.any([signal, ending.signal]);
    const most = Math.max(1, Math.floor(MOST_LINES / sources.length));
    const found: LogLine[] = [];
    let gathering: { cancel(): void } | undefined;
    await Promise.all(
      sources.map(async (source) => {
        const from = cursor[source.instance];
        const parameters = {
          // With a cursor at all, an instance that is not in it is new: all of it is wanted.
          ...(from !== undefined ? { after: from } : query.cursor ? { after: 0 } : { recent: query.recent }),
          max: most,
          wait: waitMs / 1000,
        };
        const page = await this.#ask(source, parameters, both, trace);
        if (!page || both.aborted) return;
        cursor[source.instance] = page.next;
        found.push(...page.lines);
        if (page.lines.length > 0) gathering ??= this.#clock.setTimeout(() => ending.abort(), GATHER_MS);
      }),
    );
    gathering?.cancel();
    return found;
  }

  async #ask(
    source: LogSource,
    parameters: Record<string, number>,
    signal: AbortSignal,
    trace: Trace,
  ): Promise<{ lines: LogLine[]; next: number } | undefined> {
    const url = new URL(source.url);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
    const headers: Record<string, string> = { traceparent: toTraceparent(childTrace(trace)) };
    if (source.credentials)
      headers['authorization'] = `Basic ${Buffer.from(source.credentials.join(':')).toString('base64')}`;
    const limitMs = (parameters['wait'] ?? 0) * 1000 + ANSWER_GRACE_MS;
    try {
      const { request } = await import('../later/undici.ts');
      const answer = await request(url, { headers, signal, headersTimeout: limitMs, bodyTimeout: limitMs });
      const text = await answer.body.text();
      const next = Number(answer.headers['x-log-next']);
      if (answer.statusCode === 200 && Number.isSafeInteger(next)) return { lines: parseLines(text), next };
      this.#log.info({ event: 'log-refused', instance: source.instance, status: answer.statusCode });
    } catch (err) {
      if (signal.aborted) return undefined;
      const fields = { instance: source.instance, trace_id: trace.traceId };
      this.#log.info({ event: 'log-not-read', ...fields, err });
    }
    this.#sources.forget(source.instance);
    return undefined;
  }
}

function parseLines(text: string): LogLine[] {
  return text.split('\n').flatMap((json) => {
    if (json === '') return [];
    try {
      return [line.parse(JSON.parse(json))];
    } catch {
      return [];
    }
  });
}

/** An instance that is not told of now may come again; but not all are carried on for ever. */
function trimmed(cursor: Record<string, number>, present: ReadonlySet<string>): Record<string, number> {
  const entries = Object.entries(cursor).toSorted(
    ([a], [b]) => Number(present.has(b)) - Number(present.has(a)),
  );
  return Object.fromEntries(entries.slice(0, MOST_REMEMBERED));
}

/** By time; lines of one instance keep their order, whatever their clocks say. */
function inOrder(a: LogLine, b: LogLine): number {
  if (a.instance === b.instance) return a.seq - b.seq;
  return a.time - b.time || a.index - b.index || (a.instance < b.instance ? -1 : 1);
}
