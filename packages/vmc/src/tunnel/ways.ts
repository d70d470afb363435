import { systemClock } from '@vcap/clock';
import { CaldecottClient, TunnelError } from '@vcap/tunnel';
import type { ClientOptions } from '@vcap/tunnel';
import type { Client } from '../api/client.ts';
import { browserUrl } from '../config/target.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';
import { DirectSession } from './direct-session.ts';
import { ensureHelper } from './helper-app.ts';

const credentialTries = 10;

/** How bytes go; `auto` is a WebSocket where everything on the way takes one, else HTTP. */
export type WayTransport = NonNullable<ClientOptions['transport']>;

/** A way into the cloud, open until `end`. */
export interface Way {
  client: CaldecottClient;
  credentials: unknown;
  end(): Promise<void>;
}

/** Reads `--transport`. Throws UsageError. */
export function transportOf(text = 'auto'): WayTransport {
  if (text === 'auto' || text === 'http' || text === 'websocket') return text;
  throw new UsageError(`'${text}' is no way for bytes`, 'There are: auto, websocket, http.');
}

/** A client that tells the user, and not the program, when the way breaks and when it goes on. */
function clientFor(
  { ui, host }: Context,
  transport: WayTransport,
  url: string,
  token: ClientOptions['token'],
): CaldecottClient {
  return new CaldecottClient({
    url,
    token,
    transport,
    clock: systemClock,
    env: host.env,
    onTrouble: (error) => ui.warn(`The tunnel is interrupted, trying again: ${error.message}`),
    onRecovered: () => ui.warn('The tunnel goes on; nothing was lost'),
    onFallback: (error) => ui.warn(`The tunnel goes over plain HTTP, which is slower: ${error.message}`),
  });
}

/** Through the platform's own endpoint. Throws VmcError, TunnelError. */
export async function directWay(
  context: Context,
  client: Client,
  service: string,
  transport: WayTransport,
  onLost: (error: unknown) => void,
): Promise<Way> {
  const { ui, host } = context;
  const session = await ui.step(`Opening a direct tunnel to [${service}]`, () =>
    DirectSession.open({ client, clock: host.clock, onLost }, service),
  );
  return {
    client: clientFor(context, transport, browserUrl(session.uri, context.target), () => session.ticket),
    credentials: session.credentials,
    end: () => session.end(),
  };
}

/** Through the helper application, which is pushed when it is not there. Throws VmcError, TunnelError. */
export async function helperWay(
  context: Context,
  client: Client,
  service: string,
  transport: WayTransport,
): Promise<Way> {
  const { ui, host } = context;
  const connect = ({ url, token }: { url: string; token: string }) =>
    clientFor(context, transport, url, token);
  const found = await ensureHelper(context, client, service, async (present) => {
    const probe = connect(present);
    try {
      return (await probe.info()).release;
    } catch (error) {
      if (error instanceof TunnelError) return undefined;
      throw error;
    } finally {
      probe.close();
    }
  });
  const opened = connect(found);
  const credentials = await ui.step(`Getting the credentials of [${service}]`, async () => {
    for (let tries = 1; tries <= credentialTries; tries += 1) {
      const told = await opened.service(service);
      if (told !== undefined) return told;
      await host.clock.sleep(1000);
    }
    throw new VmcError(`The helper does not know the service '${service}'`, {
      hint: 'Remove it with `vmc tunnel --remove` and try again.',
    });
  });
  return { client: opened, credentials, end: async () => undefined };
}
