import { childTrace, toTraceparent } from '@vcap/bus';
import type { Trace } from '@vcap/bus';
import { errorBodySchema, serviceTokenHeader } from '@vcap/service-api';
import { DeadlineError, withDeadline } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import { z } from 'zod';

const MOST_BYTES = 8 * 1024 * 1024;
/** A gateway that is late gets this much longer, so that what it made too late can be undone. */
export const LATE_FACTOR = 4;
/** The request never reached a gateway: nothing can have come of it. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Where a gateway is and how long it may take. */
export interface GatewayTarget {
  url: string;
  token: string;
  timeoutMs: number;
}

export interface GatewayRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  body?: unknown;
}

/** How a call ended. */
export type GatewayAnswer<T> =
  | { kind: 'ok'; value: T }
  /** It said no, or was not reached: nothing changed there. */
  | { kind: 'refused'; status: number; code: number | undefined; reason: string }
  /** It may or may not have done it. `id` is what the answer named; `late` what may come yet. */
  | { kind: 'unknown'; reason: string; id?: string; late?: Promise<GatewayAnswer<T>> };

/** Calls service gateways (services.md §3). Never rejects. */
export class GatewayClient {
  readonly #clock: Clock;
  readonly #ending = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends all calls under way. */
  close(): void {
    this.#ending.abort();
  }

  /** Waits for the target's time; after it the answer is `unknown`, with `late` for what comes after all. */
  async call<T>(
    target: GatewayTarget,
    request: GatewayRequest,
    schema: z.ZodType<T>,
    trace: Trace,
  ): Promise<GatewayAnswer<T>> {
    const work = this.#perform(target, request, schema, trace);
    try {
      return await withDeadline(this.#clock, target.timeoutMs, 'the call', work);
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      const reason = `the service gateway did not answer within ${Math.round(target.timeoutMs / 100) / 10} s`;
      return { kind: 'unknown', reason, late: work };
    }
  }

  async #perform<T>(
    { url, token, timeoutMs }: GatewayTarget,
    { method, path, body }: GatewayRequest,
    schema: z.ZodType<T>,
    trace: Trace,
  ): Promise<GatewayAnswer<T>> {
    try {
      const { request } = await import('../later/undici.ts');
      const limitMs = timeoutMs * LATE_FACTOR;
      const answer = await request(new URL(path, url), {
        method,
        headers: {
          [serviceTokenHeader]: token,
          'content-type': 'application/json',
          accept: 'application/json',
          traceparent: toTraceparent(childTrace(trace)),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // A connection of its own: one that the gateway closes while we write would leave the outcome open.
        reset: true,
        headersTimeout: limitMs,
        bodyTimeout: limitMs,
        signal: this.#ending.signal,
      });
      return judge(answer.statusCode, await readText(answer.body), schema);
    } catch (error) {
      const { code = '' } = error as { code?: string };
      if (NOT_SENT.has(code)) {
        const reason = `the service gateway could not be reached (${code})`;
        return { kind: 'refused', status: 503, code: undefined, reason };
      }
      return {
        kind: 'unknown',
        reason: `the call of the service gateway broke off (${code || 'unknown error'})`,
      };
    }
  }
}

function judge<T>(status: number, text: string | undefined, schema: z.ZodType<T>): GatewayAnswer<T> {
  const json = text === undefined ? undefined : parse(text);
  if (status >= 200 && status < 300) {
    const value = schema.safeParse(json);
    if (value.success) return { kind: 'ok', value: value.data };
    const named = z.looseObject({ service_id: z.string().min(1) }).safeParse(json);
    const reason = 'the service gateway answered what cannot be understood';
    return { kind: 'unknown', reason, ...(named.success && { id: named.data.service_id }) };
  }
  const told = errorBodySchema.safeParse(json);
  if (told.success) {
    const { code, description } = told.data;
    return { kind: 'refused', status, code, reason: description };
  }
  const reason = `the service gateway answered ${status}`;
  // A proxy's own page in front of a gateway says nothing of what the gateway did.
  return status >= 500 ? { kind: 'unknown', reason } : { kind: 'refused', status, code: undefined, reason };
}

async function readText(body: AsyncIterable<Buffer> & { destroy(): void }): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MOST_BYTES) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
