import type { IncomingMessage } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import type { z } from 'zod';
import { ApiError, VmcError, hintFor } from '../errors.ts';
import { errorSchema } from './schemas.ts';
import { traceAnswer, traceCall } from './trace.ts';
import type { Call, Transport } from './transport.ts';

/** Who calls, and how the calls are shown. */
export interface ClientOptions {
  transport: Transport;
  /** Sent verbatim as the Authorization header. */
  token?: string;
  /** Act as this user (the header PROXY-USER). */
  proxyUser?: string;
  /** Key of X-VCAP-Trace; each exchange is then shown through `onTrace`. */
  trace?: string;
  /** More headers of every call; they are not shown. */
  headers?: Record<string, string>;
  onTrace?: (line: string) => void;
}

/** Calls of the v1 REST API: headers, errors and the check of answers. */
export class Client {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** The same connections, with another token. */
  with(change: { token?: string; proxyUser?: string }): Client {
    return new Client({ ...this.options, ...change });
  }

  /** GET that must answer JSON of this shape. */
  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.json({ method: 'GET', path }, schema);
  }

  /** Sends a JSON document and reads a JSON answer of this shape. */
  async exchange<T>(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    document: unknown,
    schema: z.ZodType<T>,
  ): Promise<T> {
    return this.json(
      { method, path, ...(document !== undefined && { body: JSON.stringify(document) }) },
      schema,
    );
  }

  /** Sends a document (or nothing); the body of the answer is of no interest. */
  async send(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    document?: unknown,
    o: { idleMs?: number } = {},
  ): Promise<void> {
    const body = document === undefined ? {} : { body: JSON.stringify(document) };
    const response = await this.call({ method, path, ...body, ...o });
    response.resume();
  }

  /** One call; any status of 400 or more becomes an ApiError. The caller reads the body. */
  async call(call: Call): Promise<IncomingMessage> {
    const { token, proxyUser, trace, onTrace, headers: more } = this.options;
    const headers: Record<string, string> = {
      Accept: 'application/json',
      ...(typeof call.body === 'object' ? {} : { 'Content-Type': 'application/json' }),
      ...(token === undefined ? {} : { Authorization: token }),
      ...(proxyUser === undefined ? {} : { 'PROXY-USER': proxyUser }),
      ...(trace === undefined ? {} : { 'X-VCAP-Trace': trace }),
      ...call.headers,
    };
    if (onTrace !== undefined) traceCall(onTrace, call, headers);
    const response = await this.options.transport.send({ ...call, headers: { ...headers, ...more } });
    if (onTrace !== undefined) traceAnswer(onTrace, response);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw await toApiError(status, response);
  }

  private async json<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
    const response = await this.call(call);
    const text = await readAll(response);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new VmcError(`The target answered ${call.method} ${call.path} with something else than JSON`, {
        hint: 'Is this a cloud controller? Check with `vmc target`.',
        cause,
      });
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new VmcError(
      `The answer to ${call.method} ${call.path} is not understood: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
      { hint: 'Run it again with -t to see the exchange.', cause: parsed.error },
    );
  }
}

async function toApiError(status: number, response: IncomingMessage): Promise<ApiError> {
  const error = await readError(status, response);
  const size = /\*\/(\d+)$/.exec(response.headers['content-range'] ?? '')?.[1];
  if (size !== undefined) error.rangeSize = Number(size);
  return error;
}

async function readError(status: number, response: IncomingMessage): Promise<ApiError> {
  const body = await readAll(response);
  let parsed: z.infer<typeof errorSchema> | undefined;
  try {
    parsed = errorSchema.safeParse(JSON.parse(body)).data;
  } catch {
    parsed = undefined;
  }
  const description = parsed?.description ?? parsed?.errors;
  if (description === undefined) return new ApiError(status, undefined, body.trim().slice(0, 200));
  return new ApiError(status, parsed?.code, description, hintFor(parsed?.code));
}
