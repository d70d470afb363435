import { z } from 'zod';
import type { Client } from '../api/client.ts';
import type { Clock } from '../clock.ts';
import { ApiError, VmcError } from '../errors.ts';

const openedSchema = z.looseObject({
  session: z.string(),
  uri: z.string(),
  ticket: z.string(),
  expires_in: z.number(),
});
const withCredentials = openedSchema.extend({ credentials: z.looseObject({}) });

/** A session at the platform's own endpoint, renewed as long as it is wanted. */
export class DirectSession {
  readonly uri: string;
  readonly credentials: Record<string, unknown>;
  /** The newest one. */
  ticket: string;
  private readonly o: { client: Client; clock: Clock; onLost: (error: unknown) => void };
  private readonly session: string;
  private readonly over = new AbortController();

  private constructor(
    o: { client: Client; clock: Clock; onLost: (error: unknown) => void },
    opened: z.output<typeof withCredentials>,
  ) {
    this.o = o;
    this.uri = opened.uri;
    this.credentials = opened.credentials;
    this.ticket = opened.ticket;
    this.session = opened.session;
    void this.renew(opened.expires_in);
  }

  static async open(
    o: { client: Client; clock: Clock; onLost: (error: unknown) => void },
    service: string,
  ): Promise<DirectSession> {
    const path = `/services/v1/configurations/${encodeURIComponent(service)}/tunnels`;
    try {
      return new DirectSession(o, await o.client.exchange('POST', path, {}, withCredentials));
    } catch (error) {
      const missing = error instanceof ApiError && (error.code === 303 || error.code === 505);
      if (!missing) throw error;
      throw new VmcError('The target has no tunnel endpoint of its own', {
        hint: 'Use `vmc tunnel` without --direct.',
      });
    }
  }

  /** The account goes with the session. */
  async end(): Promise<void> {
    this.over.abort();
    await this.o.client.send('DELETE', `/services/v1/tunnels/${this.session}`);
  }

  /** At half of a ticket's time; a target that is away for a while is asked again. */
  private async renew(seconds: number): Promise<void> {
    let wait = (seconds * 1000) / 2;
    for (;;) {
      await this.o.clock.sleep(wait, this.over.signal);
      if (this.over.signal.aborted) return;
      try {
        const path = `/services/v1/tunnels/${this.session}`;
        const renewed = await this.o.client.exchange('PUT', path, {}, openedSchema);
        this.ticket = renewed.ticket;
        wait = (renewed.expires_in * 1000) / 2;
      } catch (error) {
        if (this.over.signal.aborted) return;
        if (error instanceof ApiError && error.status < 500) return this.o.onLost(error);
        wait = 2000;
      }
    }
  }
}
