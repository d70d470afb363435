import { RouteRegistration } from '@vcap/component';
import type { ComponentContext, Member } from '@vcap/component';
import type { Services } from './actions/context.ts';
import { BulkCredentialsResponder } from './adapters/bulk-credentials.ts';
import { DatabaseMember } from './adapters/database-member.ts';
import { StagingJanitor } from './adapters/staging-janitor.ts';
import { GatewayClient } from './adapters/gateway-client.ts';
import { ServiceJanitor } from './adapters/service-janitor.ts';
import { TunnelAudit } from './adapters/tunnel-audit.ts';
import type { ControllerConfig } from './config-shape.ts';
import { resolveSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { openDatabase } from './db/open.ts';
import { createApi } from './http/api.ts';
import { ApiServer } from './http/api-server.ts';
import type { AppStore, Bits, Instances, Offered, Staging } from './ports.ts';
import { appStoreOf, createStore } from './repositories/store.ts';

/** The parts that talk to DEAs and stagers and keep the bits, with their members in the order of start. */
export interface Parts {
  bits: Bits;
  instances: Instances;
  offered: Offered;
  staging: Staging;
  members: Member[];
}

/** What the parts are made from. `baseUrl` answers only once the API listens. */
export interface PartsInput {
  store: AppStore;
  settings: Settings;
  baseUrl: () => string;
}

/** Wires the controller: the database first, then the parts, the API, and at last the way in from outside. */
export function compose(
  context: Pick<ComponentContext<ControllerConfig>, 'config' | 'log' | 'clock' | 'bus' | 'identity'>,
  makeParts: (input: PartsInput) => Parts,
): { members: Member[]; api: ApiServer; services: Services } {
  const { config, log, clock, bus, identity } = context;
  const settings = resolveSettings(config);
  const database = openDatabase(config.database, clock);
  const store = createStore(database, settings.box);
  const baseUrl = (): string => `http://${identity.ip}:${api.port}`;
  const parts = makeParts({ store: appStoreOf(store), settings, baseUrl });
  const gateways = new GatewayClient(clock);
  const services: Services = { config, settings, store, clock, log, gateways, bus, ...parts };
  const api = new ApiServer(createApi(services), { port: config.port, host: config.bind_address }, clock);
  const members = [
    new DatabaseMember({ database, store, config, settings, log }),
    ...parts.members,
    new StagingJanitor({ store, instances: parts.instances, clock, log }),
    new ServiceJanitor(services),
    new TunnelAudit({ bus, events: store.events, log }),
    api,
    new BulkCredentialsResponder(bus, settings.bulkAuth),
    new RouteRegistration({
      bus,
      clock,
      component: 'CloudController',
      route: () => ({ host: identity.ip, port: api.port, uris: [config.external_uri] }),
    }),
  ];
  return { members, api, services };
}
