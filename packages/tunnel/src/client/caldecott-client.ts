import type { Socket } from 'node:net';
import type { Clock } from '@vcap/clock';
import { Endpoint } from '../stream/endpoint.ts';
import { infoSchema, tunnelInfoSchema } from '../wire/messages.ts';
import type { CaldecottInfo, Destination, Transport, TunnelInfo } from '../wire/messages.ts';
import { Caller } from './caller.ts';
import type { Answer } from './caller.ts';
import { CookieJar } from './cookie-jar.ts';
import { carryOverHttp, removeTunnel } from './http-link.ts';
import { answeredBy, judge } from './judge.ts';
import type { Link } from './link.ts';
import { payloadBytes } from './link.ts';
import { Persistence } from './persistence.ts';
import { carryOverSocket, NoWebSocketError } from './socket-link.ts';
import { Trouble } from './trouble.ts';
import type { TroubleObserver } from './trouble.ts';
import { TunnelError } from './tunnel-error.ts';

export interface ClientOptions extends TroubleObserver {
  /** Base address of the caldecott. */
  url: string;
  /** A text, or a function for one that is renewed. */
  token: string | (() => string);
  clock: Clock;
  /** Where proxies are named (`HTTPS_PROXY`, `NO_PROXY`); the process's own by default. */
  env?: NodeJS.ProcessEnv;
  /** `auto`: a WebSocket when the server and everything in between take one, else HTTP. */
  transport?: Transport | 'auto';
  /** For opening a tunnel, and for going on with one, while nothing succeeds. */
  openMs?: number;
  resumeMs?: number;
  /** How long an instance that does not know a tunnel is taken for the wrong one; 10 s by default. */
  doubtMs?: number;
  /** How often a renewed token is looked for while a WebSocket is open; 5 s by default. */
  renewalMs?: number;
  /** Told once when WebSockets are given up because something in between does not let them through. */
  onFallback?: (error: NoWebSocketError) => void;
}

/** The client half: asks a caldecott, and carries local connections through it. */
export class CaldecottClient {
  readonly #options: ClientOptions;
  readonly #caller: Caller;
  readonly #trouble: Trouble;
  #info: Promise<CaldecottInfo> | undefined;
  #socketsRefused = false;
  readonly #removals = new Set<Promise<void>>();

  constructor(options: ClientOptions) {
    const { url, token, clock, env = process.env } = options;
    this.#options = options;
    this.#caller = new Caller({ url, token: typeof token === 'string' ? () => token : token, clock, env });
    this.#trouble = new Trouble(options);
  }

  /** What the server can do; asked once. @throws TunnelError */
  info(): Promise<CaldecottInfo> {
    this.#info ??= this.#ask('/info', (answer) => infoSchema.parse(parse(answer))).catch((error: unknown) => {
      this.#info = undefined;
      throw error;
    });
    return this.#info;
  }

  /** Credentials of a bound service; undefined when none has this name. @throws TunnelError */
  async service(name: string): Promise<unknown> {
    const answer = await this.#caller.call({ method: 'GET', path: `/services/${encodeURIComponent(name)}` });
    if (answer.status === 404 && answeredBy(answer) !== undefined && answer.body.length > 0) return undefined;
    if (answer.status !== 200) throw judge(this.#caller.origin, answer);
    return parse(answer);
  }

  /** Which way the next connection's bytes will go. @throws TunnelError */
  async transport(): Promise<Transport> {
    const { transport = 'auto' } = this.#options;
    if (transport !== 'auto') return transport;
    const offered = (await this.info()).transports ?? ['http'];
    return offered.includes('websocket') && !this.#socketsRefused ? 'websocket' : 'http';
  }

  /**
   * Carries one local connection to the destination and resolves when it is over. When it cannot go on truthfully the
   * local program sees a reset, never an end that looks orderly. `socket` allows half-open connections.
   * @throws TunnelError that names the hop
   */
  async carry(socket: Socket, destination: Destination, signal: AbortSignal): Promise<void> {
    const endpoint = new Endpoint(socket, () => 2 * payloadBytes);
    const over = new AbortController();
    const all = AbortSignal.any([signal, over.signal]);
    let link: Link | undefined;
    let failed = false;
    try {
      const { half_close: halfClose = false } = await this.info();
      const opened = await this.#open(destination, endpoint, all);
      if (opened === undefined) return endpoint.reset();
      const { clock, renewalMs = 5000 } = this.#options;
      link = { ...opened, endpoint, halfClose, renewalMs, clock, caller: this.#caller, signal: all };
      await this.#run(link);
      if (signal.aborted) endpoint.reset();
      else endpoint.close();
    } catch (error) {
      failed = true;
      endpoint.reset();
      throw error;
    } finally {
      over.abort();
      const removal = link && this.#remove(link);
      // It takes long when the server is away: of a failure the user hears first.
      if (!failed) await removal;
    }
  }

  /** Resolves when the tunnels of all connections that are over are removed at the server. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Gives up all connections. */
  close(): void {
    this.#caller.close();
  }

  #remove(link: Link): Promise<void> {
    const removal = removeTunnel(link).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
    return removal;
  }

  async #run(link: Link): Promise<void> {
    const { transport, onFallback } = this.#options;
    if (link.info.path_socket !== undefined && (await this.transport()) === 'websocket') {
      try {
        return await carryOverSocket(link);
      } catch (error) {
        if (!(error instanceof NoWebSocketError) || transport === 'websocket') throw error;
        if (!this.#socketsRefused) onFallback?.(error);
        this.#socketsRefused = true;
      }
    }
    await carryOverHttp(link);
  }

  /** Undefined when the local program, or the caller, gave up meanwhile. */
  async #open(
    destination: Destination,
    endpoint: Endpoint,
    signal: AbortSignal,
  ): Promise<Pick<Link, 'info' | 'cookies' | 'persistence'> | undefined> {
    const { openMs = 15_000, resumeMs = 60_000 } = this.#options;
    const cookies = new CookieJar();
    const gone = new AbortController();
    void endpoint.until(() => endpoint.closed, signal).then(() => gone.abort());
    const opening = this.#persistence(openMs, undefined);
    const answer = await opening.call(
      { method: 'POST', path: '/tunnels', json: destination, cookies },
      ({ status }) => status === 200 || status === 201,
      AbortSignal.any([signal, gone.signal]),
    );
    if (answer === undefined) return undefined;
    const info = checkInfo(answer);
    return { info, cookies, persistence: () => this.#persistence(resumeMs, answeredBy(answer)) };
  }

  #persistence(totalMs: number, instance: string | undefined): Persistence {
    const { clock, doubtMs = 10_000 } = this.#options;
    const [caller, trouble] = [this.#caller, this.#trouble];
    return new Persistence({ caller, clock, totalMs, instance, trouble, doubtMs });
  }

  async #ask<T>(path: string, read: (answer: Answer) => T): Promise<T> {
    const persistence = this.#persistence(this.#options.openMs ?? 15_000, undefined);
    const signal = new AbortController().signal;
    const answer = await persistence.call({ method: 'GET', path }, ({ status }) => status === 200, signal);
    if (answer === undefined) throw new TunnelError('this machine', 'given up');
    try {
      return read(answer);
    } catch (cause) {
      const text = `${this.#caller.origin}${path} answers, but not as a caldecott does`;
      throw new TunnelError('caldecott', text, { cause });
    }
  }
}

function parse({ body }: Answer): unknown {
  return JSON.parse(body.toString());
}

function checkInfo(answer: Answer): TunnelInfo {
  try {
    return tunnelInfoSchema.parse(parse(answer));
  } catch (cause) {
    throw new TunnelError('caldecott', 'its answer to POST /tunnels is not that of a caldecott', { cause });
  }
}
