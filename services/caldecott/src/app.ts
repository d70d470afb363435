import { readFileSync } from 'node:fs';
import { RouteRegistration } from '@vcap/component';
import type { ComponentContext, Member } from '@vcap/component';
import { Tickets, TunnelServer } from '@vcap/tunnel';
import type { TunnelLimits } from '@vcap/tunnel';
import { RevocationListener } from './adapters/revocation-listener.ts';
import { SessionReporter } from './adapters/session-reporter.ts';
import type { Config } from './config.ts';
import { networkFilter } from './direct/networks.ts';
import { TicketAccess } from './direct/ticket-access.ts';
import { createApp } from './http/app.ts';
import { HttpServer } from './http/http-server.ts';
import { registerMetrics } from './metrics.ts';

const SWEEP_MS = 60_000;

/** The ordered members: the endpoint listens before routers hear of it, and leaves them before it stops. */
export function build(context: ComponentContext<Config>): Member[] {
  const { config, log, clock, bus, identity } = context;
  const access = new TicketAccess(new Tickets(ticketKeys(config)), clock);
  const reporter = new SessionReporter({ bus, log, factsOf: (session) => access.factsOf(session) });
  const allowsAddress = networkFilter(config.allowed_networks);
  const tunnels = new TunnelServer({
    clock,
    limits: limitsOf(config),
    authorise: access.authorise,
    observe: reporter.observe,
    ...(allowsAddress === undefined ? {} : { allowsAddress }),
  });
  const server = new HttpServer(createApp({ tunnels, release: 'direct' }), tunnels, {
    port: config.port,
    host: config.bind_address,
  });
  registerMetrics(context, { tunnels, reporter, server });
  // The instance id goes along, so that the routers can bring all requests of a tunnel to who holds it.
  const route = () => ({
    host: identity.ip,
    port: server.port,
    uris: [config.external_uri],
    private_instance_id: identity.uuid,
  });
  return [
    new RevocationListener({ bus, log, access, tunnels }),
    server,
    sweeper(context, access),
    new RouteRegistration({ bus, clock, component: 'Caldecott', route }),
  ];
}

function ticketKeys({ keys }: Config): string[] {
  return keys.tickets ?? (keys.ticket_files ?? []).map((file) => readFileSync(file, 'utf8').trim());
}

function limitsOf({ limits }: Config): Partial<TunnelLimits> {
  return {
    maxTunnels: limits.tunnels,
    totalBufferBytes: limits.buffer_mb * 1024 * 1024,
    connectMs: limits.connect_seconds * 1000,
    idleMs: limits.idle_seconds * 1000,
    pollMs: limits.poll_seconds * 1000,
  };
}

function sweeper({ clock }: ComponentContext<Config>, access: TicketAccess): Member {
  let stop = (): void => undefined;
  return {
    name: 'session-sweeper',
    start: async () => {
      const timer = clock.setInterval(() => access.sweep(), SWEEP_MS);
      stop = () => timer.cancel();
    },
    stop: async () => stop(),
  };
}
