import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '@vcap/clock';
import { finHeader, tokenHeader } from '../wire/headers.ts';
import { createAgent } from './agent.ts';
import type { CookieJar } from './cookie-jar.ts';
import { networkError, NoAnswerError } from './network-error.ts';

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
  /** Longest silence, in ms; 30 s by default. */
  timeoutMs?: number;
}

export interface CallerOptions {
  /** `https://caldecott-1a2b.example.com`; a path in it is left out, as the originals do. */
  url: string;
  /** Asked for each request: a ticket may be renewed meanwhile. */
  token: () => string;
  clock: Clock;
  /** Proxy variables are read from here. */
  env: NodeJS.ProcessEnv;
}

/** More than any server keeps for one answer. */
const LARGEST_ANSWER_BYTES = 16 * 1024 * 1024;

/** Speaks HTTP with one caldecott over kept connections; a failure is a TunnelError that names the hop. */
export class Caller {
  readonly origin: string;
  readonly agent: ReturnType<typeof createAgent>;
  readonly #token: () => string;
  readonly #clock: Clock;

  constructor({ url, token, clock, env }: CallerOptions) {
    this.origin = new URL(url).origin;
    this.agent = createAgent(new URL(url), env);
    this.#token = token;
    this.#clock = clock;
  }

  /** The token as it is now. */
  get token(): string {
    return this.#token();
  }

  /** Headers that every request carries, WebSocket handshakes too. */
  headers(cookies?: CookieJar): Record<string, string> {
    const cookie = cookies?.header;
    return { [tokenHeader]: this.#token(), ...(cookie === undefined ? {} : { cookie }) };
  }

  /** @throws TunnelError when there is no whole answer */
  async call(call: Call): Promise<Answer> {
    try {
      return await this.#once(call).catch((error: unknown) => {
        // A kept connection that the other side had closed already: nothing was heard, and repeats do no harm.
        if (!isStale(error)) throw error;
        return this.#once(call);
      });
    } catch (cause) {
      throw networkError(this.origin, cause);
    }
  }

  /** Gives up all connections. */
  close(): void {
    this.agent.destroy();
  }

  #once({ method, path, json, bytes, fin, cookies, signal, timeoutMs = 30_000 }: Call): Promise<Answer> {
    const pieces = json === undefined ? bytes : [Buffer.from(JSON.stringify(json))];
    const length = pieces?.reduce((sum, piece) => sum + piece.length, 0);
    const type = json === undefined ? 'application/octet-stream' : 'application/json';
    const start = this.origin.startsWith('https:') ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = start(this.origin + path, {
        method,
        agent: this.agent,
        headers: {
          ...this.headers(cookies),
          'accept-encoding': 'identity',
          ...(length === undefined ? {} : { 'content-type': type, 'content-length': length }),
          ...(fin === true ? { [finHeader]: '1' } : {}),
        },
        ...(signal === undefined ? {} : { signal }),
      });
      let heard = (): void => undefined;
      const settle = (act: () => void): void => {
        silence.cancel();
        act();
      };
      const wait = (): ReturnType<Clock['setTimeout']> =>
        this.#clock.setTimeout(() => request.destroy(new NoAnswerError(timeoutMs)), timeoutMs);
      let silence = wait();
      heard = () => {
        silence.cancel();
        silence = wait();
      };
      request.on('error', (error) => settle(() => reject(withReuse(error, request))));
      request.once('response', (response) => {
        readWhole(response, heard).then(
          (body) => {
            cookies?.keep(response.headers['set-cookie']);
            settle(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
          },
          (error: unknown) => {
            request.destroy();
            settle(() => reject(error));
          },
        );
      });
      for (const piece of pieces ?? []) request.write(piece);
      request.end();
    });
  }
}

async function readWhole(response: IncomingMessage, heard: () => void): Promise<Buffer> {
  // Without a length an answer that was cut looks like one that ended.
  if (
    response.headers['content-length'] === undefined &&
    response.headers['transfer-encoding'] === undefined
  ) {
    throw new Error('an answer without a length');
  }
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    heard();
    length += piece.length;
    if (length > LARGEST_ANSWER_BYTES)
      throw new Error(`an answer of more than ${LARGEST_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  if (!response.complete) throw Object.assign(new Error('half an answer'), { code: 'ECONNRESET' });
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

function withReuse(error: Error, { reusedSocket }: ClientRequest): Error {
  return reusedSocket ? Object.assign(error, { reusedSocket }) : error;
}

function isStale(error: unknown): boolean {
  const { code, reusedSocket } = error as NodeJS.ErrnoException & { reusedSocket?: boolean };
  return reusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE');
}
