import { request } from 'undici';
import { z } from 'zod';
import type { Clock } from '@vcap/clock';
import type { DesiredApp, DesiredView } from '../domain/types.ts';

/** Name and password of the bulk API. */
export interface BulkCredentials {
  user: string;
  password: string;
}

/** A walk that did not come to its end: nothing of it may be used. */
export class BulkFetchError extends Error {
  readonly status: number | undefined;
  constructor(message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'BulkFetchError';
    this.status = options.status;
  }
}

const pageSchema = z.looseObject({ results: z.record(z.string(), z.unknown()), bulk_token: z.unknown() });
const rowSchema = z.looseObject({
  id: z.union([z.string().min(1), z.int().transform(String)]),
  instances: z.int().min(0),
  state: z.string(),
  package_state: z.string().nullish(),
  version: z.string(),
  updated_at: z.string().nullish(),
});

const MAX_PAGES = 100_000;

/** Reads the desired state over HTTP (nats-messages §1.9). */
export class BulkClient {
  readonly #o: { url: string; batchSize: number; timeoutMs: number; clock: Clock };

  constructor(options: { url: string; batchSize: number; timeoutMs: number; clock: Clock }) {
    this.#o = options;
  }

  /** Walks over all apps. Rejects with BulkFetchError on anything but a walk to the end. */
  async apps(credentials: BulkCredentials, signal: AbortSignal): Promise<DesiredView> {
    const startedAt = this.#o.clock.monotonic();
    const apps = new Map<string, DesiredApp>();
    const opaque = new Set<string>();
    let token = '{}';
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = new URLSearchParams({ batch_size: String(this.#o.batchSize), bulk_token: token });
      const body = await this.#get(`/bulk/apps?${query.toString()}`, credentials, signal);
      const parsed = pageSchema.safeParse(body);
      if (!parsed.success)
        throw new BulkFetchError(`bulk page ${page} has a wrong shape: ${z.prettifyError(parsed.error)}`);
      const rows = Object.entries(parsed.data.results);
      if (rows.length === 0) return { apps, opaque, startedAt, finishedAt: this.#o.clock.monotonic() };
      for (const [key, row] of rows) {
        const app = desiredApp(row);
        if (app === undefined) opaque.add(key);
        else apps.set(app.id, app);
      }
      const next = JSON.stringify(parsed.data.bulk_token ?? null);
      if (next === 'null' || next === token)
        throw new BulkFetchError(`bulk page ${page} leads to no next page`);
      token = next;
    }
    throw new BulkFetchError('the bulk API never comes to an end');
  }

  /** Number of users. */
  async users(credentials: BulkCredentials, signal: AbortSignal): Promise<number> {
    const body = await this.#get('/bulk/counts?model=user', credentials, signal);
    return z.looseObject({ counts: z.looseObject({ user: z.int() }) }).parse(body).counts.user;
  }

  async #get(path: string, { user, password }: BulkCredentials, signal: AbortSignal): Promise<unknown> {
    const { url, timeoutMs } = this.#o;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const what = `GET ${path.replace(/\?.*/, '')}`;
    try {
      const answer = await request(new URL(path, url), {
        headers: { authorization, accept: 'application/json' },
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal,
      });
      if (answer.statusCode !== 200) {
        await answer.body.dump();
        throw new BulkFetchError(`${what}: status ${answer.statusCode}`, { status: answer.statusCode });
      }
      return await answer.body.json();
    } catch (cause) {
      if (cause instanceof BulkFetchError) throw cause;
      throw new BulkFetchError(`${what}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** A row that cannot be read is an app that is there all the same: see `DesiredView.opaque`. */
function desiredApp(row: unknown): DesiredApp | undefined {
  const parsed = rowSchema.safeParse(row);
  if (!parsed.success) return undefined;
  const { id, version, instances, state, package_state: packageState, updated_at: updatedAt } = parsed.data;
  const updatedMs = Date.parse(updatedAt ?? '');
  return {
    id,
    version,
    instances,
    started: state === 'STARTED',
    staged: packageState === 'STAGED',
    updatedAt: Number.isNaN(updatedMs) ? 0 : Math.floor(updatedMs / 1000),
  };
}
