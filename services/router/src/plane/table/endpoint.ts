import { middleText, ownerText } from '../../access-record.ts';
import { flat } from '../http/flat.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { EndpointStats } from '../stats.ts';

/** What the registry tells of a backend address and its owner. */
export interface EndpointFacts {
  /** `host:port`, the key. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly app?: string | undefined;
  readonly privateInstanceId?: string | undefined;
  readonly index?: string | undefined;
  /** The tag by which /varz groups. */
  readonly component?: string | undefined;
}

/**
 * `up`: in rotation. `suspect`: died on a request, used only when nothing better is left. `down`: refused a
 * connection, not used at all. A new registration makes it `up` again.
 */
export type EndpointHealth = 'up' | 'suspect' | 'down';

/** One backend of the data plane; the same object serves every route it is registered for. */
export class Endpoint {
  readonly facts: EndpointFacts;
  /** Routes it serves; 0: gone from the registry, its connections are used no more. */
  routes = 0;
  /** Requests and tunnels running on it, counted until the last byte. */
  active = 0;
  health: EndpointHealth = 'up';
  /** Monotonic ms at which it came, for the slow start. */
  readonly since: number;
  /** Idle connections, the latest last; undefined until there was one. */
  idle: BackendConnection[] | undefined;
  /** Figures not yet reported. */
  stats: EndpointStats | undefined;
  #headers: string | undefined;
  #headersEnd: string | undefined;
  #logTail: string | undefined;
  #logMiddle: string | undefined;

  constructor(facts: EndpointFacts, since: number) {
    this.facts = facts;
    this.since = since;
  }

  /** The end of a log line of a request that it answered: the same for all. */
  get logTail(): string {
    const { app, index, privateInstanceId: instanceId } = this.facts;
    this.#logTail ??= Buffer.from(` ${ownerText({ app, index, instanceId })} x_cf_routererror:"-"`).toString(
      'latin1',
    );
    return this.#logTail;
  }

  /** The part of such a line that names its address, for visitors without a front before the router. */
  get logMiddle(): string {
    this.#logMiddle ??= flat(middleText(this.facts.address, '"-"', '"-"'));
    return this.#logMiddle;
  }

  /** `headers` and the empty line. */
  get headersEnd(): string {
    this.#headersEnd ??= flat(`${this.headers}\r\n`);
    return this.#headersEnd;
  }

  /** Header lines that tell the backend which instance was meant. */
  get headers(): string {
    if (this.#headers !== undefined) return this.#headers;
    const { app, privateInstanceId, address, index } = this.facts;
    let lines = app === undefined ? '' : `X-CF-ApplicationID: ${app}\r\n`;
    lines += `X-CF-InstanceID: ${privateInstanceId ?? address}\r\n`;
    if (index !== undefined) lines += `X-CF-InstanceIndex: ${index}\r\n`;
    this.#headers = lines;
    return lines;
  }
}
