import { tunnelSession } from '@vcap/bus';
import type { Bus, Logger } from '@vcap/bus';
import type { TunnelEvent } from '@vcap/tunnel';
import type { SessionFacts } from '../direct/ticket-access.ts';

export interface ReporterOptions {
  bus: Bus;
  log: Logger;
  factsOf: (session: string) => SessionFacts | undefined;
}

/** Tells log and bus which sessions use the endpoint: the cloud controllers keep the audit. */
export class SessionReporter {
  readonly #options: ReporterOptions;
  readonly #open = new Map<string, number>();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Sessions that have a tunnel now. */
  get sessions(): number {
    return this.#open.size;
  }

  readonly observe = (event: TunnelEvent): void => {
    const { bus, log, factsOf } = this.#options;
    const { owner: session, tunnel } = event;
    const opened = event.event === 'tunnel-opened';
    const open = Math.max(0, (this.#open.get(session) ?? 0) + (opened ? 1 : -1));
    if (open === 0) this.#open.delete(session);
    else this.#open.set(session, open);
    const { user = '', service = '' } = factsOf(session) ?? {};
    log.info({ ...event, user, service });
    bus.publish(tunnelSession, {
      session,
      tunnel,
      event: opened ? 'opened' : 'closed',
      user,
      service,
      open,
      reason: event.reason ?? null,
      bytes_in: event.bytesIn ?? null,
      bytes_out: event.bytesOut ?? null,
      duration_ms: event.durationMs ?? null,
    });
  };
}
