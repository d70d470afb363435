import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { finHeader, tokenHeader } from '../wire/headers.ts';
import type { CookieJar } from './cookie-jar.ts';
import { TunnelError } from './tunnel-error.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below the address, as the server gave it. */
  path: string;
  json?: unknown;
  bytes?: Buffer[];
  /** Nothing follows these bytes. */
  fin?: boolean;
  /** Whether the answer may wait for something to happen. */
  poll?: boolean;
  cookies?: CookieJar;
  signal?: AbortSignal;
  /** Until the head of the answer; 30 s by default. */
  timeoutMs?: number;
}

export interface CallerOptions {
  /** `https://caldecott-1a2b.example.com`; a path in it is left out, as the originals do. */
  url: string;
  /** Asked for each request: a ticket may be renewed meanwhile. */
  token: () => string;
}

/** More than any server keeps for one answer. */
const LARGEST_ANSWER_BYTES = 16 * 1024 * 1024;

/** Speaks HTTP with one caldecott over kept connections; a failure is a TunnelError that names the hop. */
export class Caller {
  readonly origin: string;
  readonly #token: () => string;
  readonly #agent = new Agent({
    // Long enough for a burst, shorter than any router's patience with an idle connection.
    keepAliveTimeout: 15_000,
    keepAliveMaxTimeout: 25_000,
    connect: { timeout: 10_000 },
    pipelining: 1,
  });

  constructor({ url, token }: CallerOptions) {
    this.origin = new URL(url).origin;
    this.#token = token;
  }

  /** Headers that every request carries, WebSocket handshakes too. */
  headers(cookies?: CookieJar): Record<string, string> {
    const cookie = cookies?.header;
    return { [tokenHeader]: this.#token(), ...(cookie === undefined ? {} : { cookie }) };
  }

  /** @throws TunnelError when there is no whole answer */
  async call({ method, path, json, bytes, fin, cookies, signal, timeoutMs = 30_000 }: Call): Promise<Answer> {
    const body = json === undefined ? bytes && Buffer.concat(bytes) : JSON.stringify(json);
    const type = json === undefined ? 'application/octet-stream' : 'application/json';
    let response: Dispatcher.ResponseData;
    try {
      response = await request(this.origin + path, {
        method,
        dispatcher: this.#agent,
        headers: {
          ...this.headers(cookies),
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-type': type }),
          ...(fin === true ? { [finHeader]: '1' } : {}),
        },
        body: body ?? null,
        headersTimeout: timeoutMs,
        bodyTimeout: 30_000,
        ...(signal === undefined ? {} : { signal }),
      });
      const answer = { status: response.statusCode, headers: response.headers, body: await whole(response) };
      cookies?.keep(response.headers['set-cookie']);
      return answer;
    } catch (cause) {
      throw networkError(this.origin, cause);
    }
  }

  /** Gives up all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function whole({ headers, body }: Dispatcher.ResponseData): Promise<Buffer> {
  // Without a length an answer that was cut looks like one that ended.
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    body.destroy();
    throw new Error('an answer without a length');
  }
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > LARGEST_ANSWER_BYTES)
      throw new Error(`an answer of more than ${LARGEST_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

const texts: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up now',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'it does not accept connections',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of an answer',
};

/** A failure below HTTP. Certificates that cannot be trusted do not become trusted by waiting. */
export function networkError(origin: string, cause: unknown): TunnelError {
  const error = cause as NodeJS.ErrnoException;
  const code = error.code ?? '';
  const permanent =
    code.includes('CERT') || code.startsWith('ERR_TLS') || code === 'DEPTH_ZERO_SELF_SIGNED_CERT';
  const text = texts[code] ?? error.message ?? 'it failed';
  return new TunnelError('network', `cannot reach ${origin}: ${text}`, { passing: !permanent, cause });
}
