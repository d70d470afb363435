import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { ConnectError } from '../errors.ts';

/** One call to the target. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query, segments already encoded. */
  path: string;
  headers?: Record<string, string>;
  /** Text, or a stream of which the length is known. */
  body?: string | { stream: Readable; length: number };
  /** How long the connection may be silent, in milliseconds. */
  idleMs?: number;
}

/** True for names that mean this machine, whatever a name server says about them. */
export function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || host.startsWith('127.');
}

type AllCallback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/** Name lookup in which every name below `localhost` is 127.0.0.1. */
const lookup: LookupFunction = (host, options, callback) => {
  if (!host.endsWith('.localhost')) {
    systemLookup(host, options as LookupAllOptions, callback as unknown as AllCallback);
    return;
  }
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

/** Keeps connections to one target; proxies of the environment are used, but never for this machine. */
export class Transport {
  private readonly target: URL;
  private readonly agent: HttpAgent | HttpsAgent;

  constructor(target: string, env: NodeJS.ProcessEnv) {
    this.target = new URL(target);
    const options = {
      keepAlive: true,
      ...(isLoopbackName(this.target.hostname) ? {} : { proxyEnv: env }),
    };
    this.agent = this.target.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Sends a call and answers when the headers of the answer are there. Throws ConnectError. */
  async send(call: Call): Promise<IncomingMessage> {
    try {
      return await this.once(call);
    } catch (error) {
      if (isStaleSocket(error) && call.method === 'GET') return this.once(call).catch(this.explain);
      return this.explain(error);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private once(call: Call): Promise<IncomingMessage> {
    const base = this.target.pathname.replace(/\/$/, '');
    const { body } = call;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body?.length;
    const options: RequestOptions = {
      method: call.method,
      protocol: this.target.protocol,
      hostname: this.target.hostname.replace(/^\[|\]$/g, ''),
      port: this.target.port,
      path: base + call.path,
      agent: this.agent,
      lookup,
      headers: { ...call.headers, ...(length === undefined ? {} : { 'Content-Length': length }) },
    };
    const start = this.target.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request: ClientRequest = start(options, (response) => resolve(response));
      request.on('error', (error) =>
        reject(request.reusedSocket ? Object.assign(error, { staleSocket: true }) : error),
      );
      const idleMs = call.idleMs ?? 60_000;
      request.setTimeout(idleMs, () =>
        request.destroy(Object.assign(new Error(`no answer for ${idleMs / 1000} s`), { code: 'ETIMEDOUT' })),
      );
      if (body === undefined || typeof body === 'string') request.end(body);
      // An answer before the end of the upload (a refusal) wins over the broken pipe that follows it.
      else pipeline(body.stream, request, (error) => (error ? reject(error) : undefined));
    });
  }

  private readonly explain = (error: unknown): never => {
    const { code, message } = error as NodeJS.ErrnoException;
    const target = this.target.href.replace(/\/$/, '');
    const reasons: Record<string, string> = {
      ECONNREFUSED: 'connection refused',
      ENOTFOUND: 'there is no such host',
      EAI_AGAIN: 'the name cannot be looked up now',
      ETIMEDOUT: message,
      ECONNRESET: 'the connection was closed',
    };
    const local = isLoopbackName(this.target.hostname);
    throw new ConnectError(`Cannot reach the target ${target}: ${reasons[code ?? ''] ?? message}`, {
      hint: local
        ? 'Start the platform with `npm start` in its checkout, or choose another target with `vmc target URL`.'
        : 'Check the address with `vmc target`, or choose another one with `vmc target URL`.',
      cause: error,
    });
  };
}

function isStaleSocket(error: unknown): boolean {
  const { code, staleSocket } = error as { code?: string; staleSocket?: boolean };
  return staleSocket === true && (code === 'ECONNRESET' || code === 'EPIPE');
}
